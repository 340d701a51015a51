"""torchrl's CEMPlanner on a ModelBasedEnvBase: 5 optimisation steps × 100 candidates × 25 steps, top 10.

A noise for every step (it has no held knots); its rollout is the environment's own, through TensorDicts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bench.contenders import need
from bench.contenders.peer import ELITES, ITERATIONS, POPULATION, STEPS, CountedModel, Peer, torch_peer
from bench.problems import PlanningProblem

COMPUTES = "CEM, 25 free steps, rollouts of a ModelBasedEnvBase"


def peers(p: PlanningProblem) -> list[Peer]:
    need("torchrl")
    need("tensordict")
    from tensordict import TensorDict
    from torchrl.modules import CEMPlanner

    model = CountedModel(p)
    planner = CEMPlanner(_environment(model), STEPS, ITERATIONS, POPULATION, ELITES)
    start = TensorDict({"state": model.state[None], "done": torch.zeros(1, 1, dtype=torch.bool)}, [1])
    start["terminated"] = start["done"].clone()

    def plan() -> Tensor:
        return planner.planning(start)[0]

    return [torch_peer("torchrl CEMPlanner", COMPUTES, model, plan)]


def _environment(model: CountedModel) -> Any:
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.data import Bounded, Composite, Unbounded
    from torchrl.envs.model_based import ModelBasedEnvBase
    from torchrl.modules import WorldModelWrapper

    class Step(nn.Module):
        def forward(self, state: Tensor, action: Tensor) -> Tensor:
            return model.step(state.reshape(-1, 6), action.reshape(-1, 2)).reshape(state.shape)

    class Reward(nn.Module):
        def forward(self, state: Tensor) -> Tensor:
            return model.reward(state)[..., None]

    class Environment(ModelBasedEnvBase):  # type: ignore[misc]
        def __init__(self) -> None:
            world = WorldModelWrapper(
                TensorDictModule(Step(), in_keys=["state", "action"], out_keys=["state"]),
                TensorDictModule(Reward(), in_keys=["state"], out_keys=["reward"]),
            )
            super().__init__(world, batch_size=[])
            self.observation_spec = Composite(state=Unbounded((6,)))
            self.state_spec = Composite(state=Unbounded((6,)))
            self.action_spec = Bounded(-1.0, 1.0, (2,))
            self.reward_spec = Unbounded((1,))

        def _reset(self, tensordict: Any) -> Any:
            return TensorDict({"state": model.state}, [])

    return Environment()
