"""Environments that gymnasium does not have, and wrappers of those it has, one a file; a task imports its own when it makes it."""
