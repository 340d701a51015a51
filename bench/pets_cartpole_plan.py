"""One plan of `pets_cartpole`, 525,000 model steps of networks of 4 × 200: ours and mbrl-lib's in turn, on one core and on two.

    python -m bench.pets_cartpole_plan [--threads 1 2] [--rounds 10] [--save]

Both plan the same state with the same settings (`bench.pets_cartpole`), each on five networks of its own: ours fitted to
random episodes, mbrl-lib's as they begin, which costs the same. Needs mbrl-lib, see bench/contenders/pets_mbrl.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import measure, pets_cartpole
from bench.contenders import Contender, pets_mbrl
from mbrl_fast.online import explore
from mbrl_fast.online.fit import fit, hand_over
from mbrl_fast.online.learner import make_planner
from mbrl_fast.tasks import CartPole

STATE = np.array([0.02, 0.01, 0.03, -0.02], np.float32)
"""[m, m/s, rad, rad/s]: a pole that leans a little."""


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--population", type=int, help="in place of 350")
    parser.add_argument("--save", action="store_true", help="write bench/results/pets_cartpole_plan.json")
    options = parser.parse_args(arguments)
    rows = {str(threads): compare(threads, options) for threads in options.threads}
    for threads, row in rows.items():
        print(f"{threads} thread(s): ours {row['ours_ms']:.0f} ms, mbrl-lib {row['mbrl_lib_ms']:.0f} ms, {row['ratio']:.2f} ×")
    result = {"machine": measure.machine(("mbrl",)), "rounds": options.rounds, "threads": rows}
    if options.save:
        print(measure.save("pets_cartpole_plan", result))
    return result


def compare(threads: int, options: argparse.Namespace) -> dict[str, float]:
    """Median milliseconds of each."""
    words = ["--threads", str(threads), *(["--population", str(options.population)] if options.population else [])]
    given, task = pets_cartpole.settings("balance", 0, pets_cartpole.parse(words)), CartPole()
    models, _ = fit(given, task, explore(given, task).data, None, 0, again=False, progress=False)
    planner = make_planner(given, hand_over(given, task, models), 0)
    theirs = pets_mbrl.planner(given.particles, **({"cem_population_size": options.population} if options.population else {}))
    entrants = [
        Contender("ours", lambda: planner.plan(STATE).action, False, threads),
        Contender("mbrl-lib", lambda: theirs(STATE), True, threads),
    ]
    times = measure.interleaved(entrants, options.rounds, 1)
    ours, other = (float(np.median(times[entrant.name])) for entrant in entrants)
    return {"ours_ms": ours, "mbrl_lib_ms": other, "ratio": other / ours}


if __name__ == "__main__":
    main()
