"""What presets share."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from mbrl_fast.planners.settings import PlannerSettings


def of_fields(settings_type: type[PlannerSettings], **preset: Any) -> dict[str, Any]:
    """Those of a preset that the settings have."""
    known = {field.name for field in fields(settings_type)}
    return {name: value for name, value in preset.items() if name in known}
