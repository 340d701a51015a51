"""Runs the ctest programs of a build under an emulator: ``run_under.py BUILD [--first NAME] [--only-isa NAME] -- EMULATOR...``.

What a slow emulator or the end of the time (``DEEP_END``, seconds since 1970) leaves out is named and is no failure.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from typing import Any

EMULATOR_BROKE = re.compile(r"^(\*\*$|ERROR:.*(tcg|qemu|accel)|qemu.*(Assertion|unhandled|internal error|not supported))", re.M)


def tests(build: str, first: str) -> list[dict[str, Any]]:
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    found = [test for test in json.loads(listing.stdout)["tests"] if "command" in test and os.path.exists(test["command"][0])]
    return sorted(found, key=lambda test: not test["name"].startswith(first))


def environment(test: dict[str, Any]) -> dict[str, str]:
    properties = {item["name"]: item["value"] for item in test.get("properties", [])}
    return dict(entry.split("=", 1) for entry in properties.get("ENVIRONMENT", []))


def run(test: dict[str, Any], emulator: list[str], seconds: float) -> str:
    """Prints how it went, and returns passed, failed or left out."""
    name, start = test["name"], time.monotonic()
    seconds = min(seconds, float(os.environ.get("DEEP_END", "inf")) - 10 - time.time())
    if seconds < 5:
        print(f"too slow {name}: no time is left", flush=True)
        return "left out"
    try:
        command = [*emulator, *test["command"]]
        done = subprocess.run(command, env={**os.environ, **environment(test)}, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"too slow {name}: not done after {seconds:.0f} s", flush=True)
        return "left out"
    took = f"{time.monotonic() - start:.1f} s"
    if done.returncode == 77:
        print(f"skipped  {name}: says that it cannot run here", flush=True)
    elif done.returncode == 0:
        print(f"passed   {name} {took}", flush=True)
        return "passed"
    elif EMULATOR_BROKE.search(done.stderr):
        print(f"emulator broke in {name}: {done.stderr[-200:]!r}", flush=True)
    else:
        print(f"FAILED   {name} {took}, exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}", flush=True)
        return "failed"
    return "left out"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--first", default="golden", help="names that begin so come first")
    parser.add_argument("--only-isa", help="skip tests that ask for another MBRL_FAST_ISA")
    parser.add_argument("--skip", nargs="*", default=[], help="names of tests")
    parser.add_argument("--seconds", type=float, default=100, help="for each test")
    parser.add_argument("emulator", nargs="+")
    arguments = parser.parse_args()
    chosen = []
    for test in tests(arguments.build, arguments.first):
        isa = environment(test).get("MBRL_FAST_ISA", arguments.only_isa)
        if test["name"] in arguments.skip or (arguments.only_isa and isa != arguments.only_isa):
            print(f"skipped  {test['name']}: not for this emulator", flush=True)
        else:
            chosen.append(test)
    if not chosen:
        print("FAILED   there is no test")
        return 1
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        outcomes = list(pool.map(lambda test: run(test, arguments.emulator, arguments.seconds), chosen))
    if "failed" in outcomes:
        return 1
    if "passed" in outcomes:
        return 0
    print("no test came to its end under the emulator")
    return 77


if __name__ == "__main__":
    sys.exit(main())
