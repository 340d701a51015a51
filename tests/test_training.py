"""Training: what is fitted, on what, and what is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mbrl_fast.data import Transitions
from mbrl_fast.models import LTI, Bicycle, Gaussian
from mbrl_fast.tasks import Parking
from mbrl_fast.training import History, TrainingSettings, elites, make_members, open_loop_errors, train

QUICK = TrainingSettings(epochs=5, batch_size=32)


def drive(episodes: int = 8, steps: int = 30, seed: int = 0) -> Transitions:
    """Random driving of the exact bicycle, each action held for two steps; no environment needed."""
    generator = np.random.default_rng(seed)
    model, rows = Bicycle(), []
    for episode in range(episodes):
        heading = generator.uniform(0, 2 * np.pi)
        state = torch.tensor([0, 0, 0, 0, np.cos(heading), np.sin(heading)], dtype=torch.float32)
        for step in range(steps):
            if step % 2 == 0:
                action = torch.from_numpy(generator.uniform(-1, 1, 2).astype(np.float32))
            after = model(state, action)
            rows.append((state.numpy(), action.numpy(), after.numpy(), episode))
            state = after
    states, actions, next_states, numbers = zip(*rows, strict=True)
    return Transitions(np.stack(states), np.stack(actions), np.stack(next_states), np.array(numbers), np.zeros(len(rows), np.bool_))


def networks(count: int) -> list[nn.Module]:
    return make_members(lambda: LTI(hidden_size=16, position_columns=False), count, seed=1)


def weights(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.fixture(scope="module")
def data() -> Transitions:
    return drive()


def test_members_have_their_own_weights_and_leave_torchs_seed_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = networks(2)
    assert torch.rand(1) == expected
    assert not torch.equal(weights(first), weights(second))
    assert torch.equal(weights(networks(2)[1]), weights(second))


def test_training_lowers_both_losses_and_leaves_the_given_models_alone(data: Transitions) -> None:
    models = networks(2)
    before = [weights(model).clone() for model in models]
    trained, history = train(models, data, TrainingSettings(epochs=20), augment=Parking().symmetries, progress=False)
    assert all(torch.equal(weights(model), old) for model, old in zip(models, before, strict=True))
    assert history.train_loss.shape == history.validation_loss.shape == (20, 2)
    assert (history.train_loss[-1] < 0.5 * history.train_loss[0]).all()
    assert (history.validation_loss.min(0) < 0.5 * history.validation_loss[0]).all()
    assert not any(model.training for model in trained)


def test_a_single_model_may_be_given_alone(data: Transitions) -> None:
    trained, history = train(networks(1)[0], data, QUICK, progress=False)
    assert len(trained) == 1
    assert isinstance(trained[0], LTI)
    assert history.train_loss.shape == (5, 1)


def test_the_seed_determines_the_result(data: Transitions) -> None:
    runs = [train(networks(2), data, TrainingSettings(epochs=3, seed=seed), progress=False)[0] for seed in (0, 0, 1)]
    assert torch.equal(weights(runs[0][1]), weights(runs[1][1]))
    assert not torch.equal(weights(runs[0][1]), weights(runs[2][1]))


@pytest.mark.parametrize("bootstrap", [True, False])
def test_bootstrap_gives_each_member_its_own_data(data: Transitions, bootstrap: bool) -> None:
    twins = [networks(1)[0], networks(1)[0]]
    settings = TrainingSettings(epochs=1, batch_size=10**6, bootstrap=bootstrap)
    first, second = train(twins, data, settings, progress=False)[0]
    same = torch.allclose(weights(first), weights(second), atol=1e-5)
    assert same != bootstrap


class Recorder(nn.Module):
    """Predicts a constant change and notes what it was fed."""

    def __init__(self) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros(6))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        return state + self.change


def test_crashed_steps_are_not_learnt(data: Transitions) -> None:
    wrecked = data.next_states.copy()
    wrecked[::3] += 100.0
    crashed = np.zeros(len(data), np.bool_)
    crashed[::3] = True
    marked = Transitions(data.states, data.actions, wrecked, data.episodes, crashed)
    model = train(Recorder(), marked, TrainingSettings(epochs=30, learning_rate=0.1), progress=False)[0][0]
    assert model.change.abs().max() < 1.0


def test_every_member_keeps_the_weights_of_its_best_epoch(data: Transitions) -> None:
    settings = TrainingSettings(epochs=12, learning_rate=0.3, schedule="constant", validation_fraction=0.3)
    trained, history = train(networks(2), data, settings, progress=False)
    np.testing.assert_array_equal(history.best_epoch, history.validation_loss.argmin(0))
    training, validation = data.split(0.3, 0)
    scale = torch.from_numpy(1.0 / (training.next_states - training.states).std(0))
    states, actions, next_states = (torch.from_numpy(c) for c in (validation.states, validation.actions, validation.next_states))
    for i, model in enumerate(trained):
        loss = ((model(states, actions) - next_states) * scale).square().mean().detach()
        assert float(loss) == pytest.approx(history.validation_loss[:, i].min(), rel=1e-4)


def test_training_stops_when_no_member_has_become_better_for_patience_epochs(data: Transitions) -> None:
    settings = TrainingSettings(epochs=200, patience=3, learning_rate=0.3, schedule="constant")
    history = train(networks(2), data, settings, progress=False)[1]
    assert len(history.train_loss) == history.best_epoch.max() + 1 + 3 < 200


def test_a_diverging_loss_is_refused_with_a_sentence(data: Transitions) -> None:
    with pytest.raises(ValueError, match=r"the loss is not finite in epoch \d+: lower learning_rate"):
        train(networks(1), data, TrainingSettings(learning_rate=1e30), progress=False)


def noisy(count: int = 3000) -> Transitions:
    """One entry moves by a tenth of the action, give or take 0.02 at the left and 0.1 at the right; another stays where it is."""
    generator = np.random.default_rng(0)
    states = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
    actions = generator.uniform(-1, 1, (count, 1)).astype(np.float32)
    spread = 0.06 + 0.04 * states[:, 0]
    after = states.copy()
    after[:, 0] += 0.1 * actions[:, 0] + spread * generator.normal(size=count)
    return Transitions(states, actions, after, np.arange(count) // 100, np.zeros(count, np.bool_))


@pytest.mark.parametrize("beta", [0.0, 0.5])
@pytest.mark.parametrize("std", ["bounded", "softplus"])
def test_a_gaussian_learns_what_happens_and_how_much_it_varies(std: str, beta: float) -> None:
    data = noisy(6000)
    models = make_members(lambda: Gaussian(2, 1, (32,), std=std).normalise(data.states, data.actions, data.next_states), 2)
    trained, history = train(models, data, TrainingSettings(epochs=25, learning_rate=1e-2, beta=beta), progress=False)
    assert (history.validation_loss.min(0) < history.validation_loss[0]).all()
    state, action = torch.tensor([[-0.5, 0.0], [0.5, 0.0]]), torch.tensor([[1.0], [-1.0]])
    for model in trained:
        mean, spread = (values.detach().numpy() for values in model(state, action))
        np.testing.assert_allclose(mean, [[-0.4, 0.0], [0.4, 0.0]], atol=0.02)
        np.testing.assert_allclose(spread[:, 0], [0.04, 0.08], rtol=0.15)
        assert (spread[:, 1] < 0.02).all()  # of an entry that does not move


def test_where_a_network_has_called_errors_chance_it_still_learns() -> None:
    """A wave with hardly any noise: plain likelihood settles for a flat mean and a large std (Seitzer et al. 2022, fig. 1)."""
    generator = np.random.default_rng(3)
    states = generator.uniform(-1, 1, (1000, 1)).astype(np.float32)
    after = states + np.sin(6 * states) + 0.01 * generator.normal(size=states.shape).astype(np.float32)
    actions, episodes = np.zeros((1000, 1), np.float32), np.arange(1000) // 100
    data = Transitions(states, actions, after.astype(np.float32), episodes, np.zeros(1000, np.bool_))
    errors = {}
    for beta in (0.0, 0.5):
        model = make_members(lambda: Gaussian(1, 1, (32, 32), std="softplus").normalise(states, actions, after), 1)
        trained = train(model, data, TrainingSettings(epochs=60, learning_rate=1e-2, beta=beta), progress=False)[0][0]
        with torch.no_grad():
            mean = trained(torch.from_numpy(states), torch.from_numpy(actions))[0].numpy()
        errors[beta] = float(np.abs(mean - states - np.sin(6 * states)).mean())
    assert errors[0.5] < 0.05
    assert errors[0.5] < 0.25 * errors[0.0], errors


@pytest.mark.parametrize("beta", [-0.1, 1.1, float("nan")])
def test_a_beta_that_is_no_share_is_named(beta: float) -> None:
    with pytest.raises(ValueError, match=r"^beta must be in \[0, 1\], got beta="):
        TrainingSettings(beta=beta)


def test_the_loss_of_a_gaussian_is_its_negative_log_likelihood_in_units_of_the_spread() -> None:
    data = noisy(200)
    model = Gaussian(2, 1, (8,)).normalise(data.states, data.actions, data.next_states)
    settings = TrainingSettings(epochs=1, learning_rate=1e-9, batch_size=10**6)
    history = train(model, data, settings, progress=False)[1]
    training, validation = data.split(0.1, 0)
    with torch.no_grad():
        mean, std = model(torch.from_numpy(validation.states), torch.from_numpy(validation.actions))
    likelihood = torch.distributions.Normal(mean, std).log_prob(torch.from_numpy(validation.next_states)).mean(0).numpy()
    spread = (training.next_states - training.states).std(0)
    assert spread[1] == 0.0  # an entry that never changes has the unit 1
    expected = (-likelihood - 0.5 * np.log(2 * np.pi) - np.log([spread[0], 1.0])).mean()
    assert history.validation_loss[0, 0] == pytest.approx(expected, rel=1e-4)


def test_training_goes_on_from_the_weights_it_is_given() -> None:
    data = noisy(600)
    models = make_members(lambda: Gaussian(2, 1, (16,)).normalise(data.states, data.actions, data.next_states), 2)
    first, early = train(models, data, TrainingSettings(epochs=20, learning_rate=1e-2), progress=False)
    late = train(first, data, TrainingSettings(epochs=2, learning_rate=1e-4), progress=False)[1]
    assert (late.validation_loss[0] < early.validation_loss[0] - 0.5).all()
    np.testing.assert_allclose(late.validation_loss[0], early.validation_loss.min(0), atol=0.1)


def test_a_single_episode_can_be_split_by_steps() -> None:
    data = noisy(200)
    data = Transitions(data.states, data.actions, data.next_states, np.zeros(200, np.int64), data.crashed)
    with pytest.raises(ValueError, match="splitting by episode needs at least 2 episodes, got 1"):
        train(Gaussian(2, 1, (8,)), data, QUICK, progress=False)
    history = train(Gaussian(2, 1, (8,)), data, TrainingSettings(epochs=2, split_by="step"), progress=False)[1]
    assert np.isfinite(history.validation_loss).all()


def test_elites_are_the_members_that_predict_best() -> None:
    losses = np.array([[3.0, 2.0, 9.0, 1.0], [4.0, 1.5, 0.5, 2.0]], np.float32)
    history = History(losses, losses, losses.argmin(0))
    assert elites(history, 3) == [2, 3, 1]
    for count in (0, 5):
        with pytest.raises(ValueError, match=f"count must be between 1 and the number of members 4, got count={count}"):
            elites(history, count)


def test_torch_gets_its_threads_back(data: Transitions) -> None:
    before = torch.get_num_threads()
    train(networks(1), data, TrainingSettings(epochs=1, threads=2), progress=False)
    assert torch.get_num_threads() == before
    with pytest.raises(ValueError, match="the loss is not finite"):
        train(networks(1), data, TrainingSettings(learning_rate=1e30, threads=2), progress=False)
    assert torch.get_num_threads() == before


def test_open_loop_errors_of_the_true_model_are_nothing(data: Transitions) -> None:
    errors = open_loop_errors([Bicycle(), Bicycle()], data, Parking(), horizon=25)
    assert set(errors) == {"position [m]", "heading [rad]", "speed [m/s]"}
    assert all(error.shape == (25,) and error.max() < 1e-3 for error in errors.values())


def test_open_loop_errors_grow_with_the_horizon_of_a_wrong_model(data: Transitions) -> None:
    position = open_loop_errors([Bicycle(acceleration=4.0)], data, Parking(), horizon=20)["position [m]"]
    assert position[19] > position[9] > position[3] > 0.0


def test_no_episode_is_long_enough_for_a_very_long_horizon(data: Transitions) -> None:
    assert open_loop_errors([Bicycle()], data, Parking(), horizon=31) == {}


def test_a_task_adds_open_loop_errors_to_the_history(data: Transitions) -> None:
    assert train(networks(2), data, QUICK, task=Parking(), progress=False)[1].open_loop["position [m]"].shape == (25,)
    assert train(networks(2), data, QUICK, progress=False)[1].open_loop == {}


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("epochs", 0, "epochs must be at least 1, got epochs=0"),
        ("batch_size", 0, "batch_size must be at least 1, got batch_size=0"),
        ("patience", 0, "patience must be at least 1, got patience=0"),
        ("learning_rate", 0.0, r"learning_rate must be greater than 0, got learning_rate=0\.0"),
        ("learning_rate", float("nan"), "learning_rate must be greater than 0, got learning_rate=nan"),
        ("weight_decay", -1.0, r"weight_decay must not be negative, got weight_decay=-1\.0"),
        ("validation_fraction", 1.0, r"validation_fraction must be between 0 and 1, got validation_fraction=1\.0"),
        ("threads", 0, "threads must be at least 1, got threads=0"),
        ("split_by", "time", 'split_by must be "episode" or "step", got split_by=\'time\''),
        ("schedule", "linear", 'schedule must be "cosine" or "constant", got schedule=\'linear\''),
    ],
)
def test_bad_settings_are_refused_with_a_sentence(option: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TrainingSettings(**{option: value})


def test_no_models_are_refused(data: Transitions) -> None:
    with pytest.raises(ValueError, match="at least one model"):
        train([], data)
    with pytest.raises(ValueError, match="members must be at least 1, got members=0"):
        make_members(LTI, 0)
