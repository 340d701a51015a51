"""Settings of PETS: what a task recommends, what is given, and what is refused before anything is driven."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest
from small_runs import small

from mbrl_fast.online import PETSSettings, make_settings
from mbrl_fast.online.settings import planner_name
from mbrl_fast.tasks import Pendulum


class Recommending(Pendulum):
    """A task of somebody's own, with a recommendation."""

    name: ClassVar[str] = "own"
    pets: ClassVar[dict[str, Any]] = {
        "trials": 7,
        "members": 3,
        "particles": 0,
        "planner": "icem",
        "planner_settings": {"horizon": 12, "steps_per_knot": 1, "population": 50, "decay": 1.5},
    }


def test_what_is_given_goes_before_what_the_task_recommends() -> None:
    settings = make_settings(Recommending(), trials=2, epochs=None, planner_settings={"population": 60})
    assert (settings.task, settings.trials, settings.members, settings.epochs) == ("own", 2, 3, PETSSettings.epochs)
    assert settings.planner_settings == {"horizon": 12, "steps_per_knot": 1, "population": 60, "decay": 1.5}


def test_another_planner_keeps_what_it_knows_of_the_recommendation() -> None:
    settings = make_settings(Recommending(), planner="RandomShooting")
    assert settings.planner == "random_shooting"
    assert settings.planner_settings == {"horizon": 12, "steps_per_knot": 1, "population": 50}


@pytest.mark.parametrize("name", ["random_shooting", "RandomShooting", "random-shooting"])
def test_planners_go_by_any_spelling(name: str) -> None:
    assert planner_name(name) == "random_shooting"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"trials": 0}, "trials must be >= 1, got trials=0"),
        ({"seed": -1}, "seed must be >= 0, got seed=-1"),
        ({"retrain_every": -5}, "retrain_every must be >= 0, got retrain_every=-5"),
        ({"max_steps": 0}, "max_steps must be >= 1, got max_steps=0"),
        ({"elites": 3}, "elites must be in 1..members, got elites=3, members=2"),
        ({"particles": 5}, "particles must be a multiple of the networks that plan, got particles=5 for 2 networks"),
        ({"propagation": "ts2"}, "propagation must be one of ts_inf, ts1, expectation, distribution, got propagation='ts2'"),
        ({"planner": "sac"}, "planner must be one of cem, .*, got planner='sac'"),
        ({"planner_settings": {"seed": 1}}, "planner_settings must not have seed: it is a setting of PETS itself"),
        ({"planner_settings": {"popluation": 9}}, "planner_settings: cem has no setting 'popluation'; it has: .*population"),
        ({"planner_settings": {"population": 8, "elites": 16}}, "population must be >= elites, got population=8, elites=16"),
        ({"objective": "median"}, "objective must be .*, got .*median"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        small(**given)


def test_numbers_of_another_type_and_unknown_names_are_type_errors() -> None:
    with pytest.raises(TypeError, match=r"trials must be an integer, got trials=2\.5"):
        small(trials=2.5)
    with pytest.raises(TypeError, match=r"unknown setting 'trails'; PETSSettings has: .*trials"):
        small(trails=2)
    with pytest.raises(ValueError, match=r"task must be one of .*pendulum"):
        make_settings("pendulun")


def test_every_other_propagation_takes_any_number_of_particles() -> None:
    for propagation in ("expectation", "distribution"):
        assert small(propagation=propagation, particles=0).propagation == propagation
    assert replace(small(), members=4, elites=3).planning_members == 3


def test_a_learnt_value_needs_a_discount() -> None:
    assert small(terminal_value=True).planner_settings["discount"] == 0.99
    with pytest.raises(ValueError, match=r"a terminal_value needs a discount below 1 in planner_settings, got discount=1\.0"):
        small(terminal_value=True, planner_settings={"discount": 1.0, "elites": 4, "population": 20})
