"""Learning online by PETS: explore, then fit, plan, collect, and again (Chua et al. 2018, arXiv 1805.12114, algorithm 1)."""

from mbrl_fast.online.settings import PETSSettings, make_settings

__all__ = ["PETSSettings", "make_settings"]
