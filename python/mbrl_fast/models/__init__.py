"""Models: ordinary torch modules, of dynamics ``forward(state, action) -> next_state`` or ``(mean, std)``. One idea a file."""

from .bicycle import Bicycle
from .cartpole import CartPoleModel
from .ensemble import Ensemble
from .gaussian import Gaussian
from .lti import LTI
from .mbrl_lib import from_mbrl_lib
from .mixture import Expectation, Mixture
from .mlp import MLP
from .pendulum import PendulumModel
from .reward import LearntReward
from .value import LearntValue

__all__ = [
    "LTI",
    "MLP",
    "Bicycle",
    "CartPoleModel",
    "Ensemble",
    "Expectation",
    "Gaussian",
    "LearntReward",
    "LearntValue",
    "Mixture",
    "PendulumModel",
    "from_mbrl_lib",
]
