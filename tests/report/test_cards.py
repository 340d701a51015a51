"""What notebooks show of a Problem, a Plan and an Episode."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page import read_page
from records import pendulum_episode

import mbrl_fast as mf
from conftest import GOAL, STATE, Exported

pytest.importorskip("matplotlib")


def test_a_problem_tells_its_sizes_bounds_and_cost(everything: mf.Problem) -> None:
    page = read_page(everything._repr_html_())
    assert page.rows["action"] == ["1, from [-1] to [1]"]
    assert page.rows["run-time inputs"] == ["goal [1], wind ['horizon', 1]"]
    assert page.rows["model step"] == [f"0.1 s, {everything.multiply_adds:,} multiply-adds"]
    assert page.rows["programs"] == ["step, terminal_value, observe, policy"]


def test_a_plan_tells_its_horizon_in_seconds_and_model_steps_and_shows_where_it_leads(small: Exported) -> None:
    plan = mf.CEM(small.problem, horizon=3, steps_per_knot=5, population=20, elites=5).plan(STATE, goal=GOAL)
    assert "3 s = 15 model steps ahead" in repr(plan)
    page = read_page(plan._repr_html_())
    assert page.rows["horizon"] == ["3 s = 15 model steps ahead"]
    assert page.rows["status"] == ["ok"]
    assert [kind for kind, _ in page.inside] == ["image/png"]
    assert page.inside[0][1].startswith(b"\x89PNG")


def test_an_ensembles_plan_tells_what_is_chance_and_what_is_not_known(ensemble: Exported) -> None:
    plan = mf.CEM(ensemble.problem, horizon=2, population=20, elites=5).plan(STATE, goal=GOAL)
    assert f"between {plan.between:.3g} members" in read_page(plan._repr_html_()).rows["value"][0]


def test_a_plan_that_had_no_time_has_no_picture(small: Exported) -> None:
    plan = mf.CEM(small.problem, horizon=3, population=20, elites=5).plan(STATE, goal=GOAL)
    page = read_page(replace(plan, states=np.zeros((0, 6), np.float32), particle_returns=None)._repr_html_())
    assert page.inside == []
    assert page.rows["horizon"] == [f"{3 * plan.knot_seconds:.4g} s ahead"]


def test_without_matplotlib_there_is_the_table(small: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = mf.CEM(small.problem, horizon=3, population=20, elites=5).plan(STATE, goal=GOAL)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for shown in (plan, pendulum_episode()):
        page = read_page(shown._repr_html_())
        assert page.rows
        assert page.inside == []


def test_an_episode_is_short_in_words_and_drawn_where_it_was_not_filmed() -> None:
    episode = pendulum_episode()
    assert repr(episode) == "Episode(pendulum, seed 3: success after 6 steps = 0.3 s, return -6, plans of 1.5 ms)"
    assert "an unnamed task" in repr(replace(episode, task=None))
    page = read_page(episode._repr_html_())
    assert page.rows["ended"] == ["success after 6 steps = 0.3 s, return -6"]
    assert [kind for kind, _ in page.inside] == ["image/png"]


def test_a_filmed_episode_holds_its_film_and_one_whose_film_is_gone_its_picture(tmp_path: Path) -> None:
    video = tmp_path / "episode.mp4"
    filmed = replace(pendulum_episode(), video=video)
    assert [kind for kind, _ in read_page(filmed._repr_html_()).inside] == ["image/png"]
    video.write_bytes(b"a film")
    assert read_page(filmed._repr_html_()).inside == [("video/mp4", b"a film")]


def test_words_are_escaped() -> None:
    class Strange:
        name, dt = "<script>alert('&')</script>", 0.1

    html = replace(pendulum_episode(), task=Strange())._repr_html_()
    assert "<script" not in html
    assert read_page(html).rows["task"] == [Strange.name]
