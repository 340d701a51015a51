"""Learning online by PETS: explore, then fit, plan, collect, and again (Chua et al. 2018, arXiv 1805.12114, algorithm 1).

```python
from mbrl_fast.online import learn, make_settings

learnt = learn(make_settings("pendulum", seed=0), "runs/pets", resume=True)
print(learnt.steps, learnt.returns)
```
"""

from mbrl_fast.online.evaluations import evaluations, save_evaluations
from mbrl_fast.online.folder import learn
from mbrl_fast.online.learnt import Learnt
from mbrl_fast.online.loop import explore, next_trial
from mbrl_fast.online.settings import PETSSettings, make_settings

__all__ = ["Learnt", "PETSSettings", "evaluations", "explore", "learn", "make_settings", "next_trial", "save_evaluations"]
