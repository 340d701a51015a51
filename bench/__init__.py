"""Benchmarks: `python -m bench.plan_latency`. A contender is checked against the reference before it is timed."""
