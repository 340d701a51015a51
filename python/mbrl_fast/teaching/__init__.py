"""For teachers and their students: what a planner that was written as an exercise gets wrong, in sentences."""

from .check import PlannerCheck, check_planner

__all__ = ["PlannerCheck", "check_planner"]
