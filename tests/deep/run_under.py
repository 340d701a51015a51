"""Runs every ctest program of a build under an emulator: ``run_under.py BUILD [--only-isa NAME] -- EMULATOR...``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time


def tests(build: str) -> list[dict[str, object]]:
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    return [test for test in json.loads(listing.stdout)["tests"] if "command" in test]


def environment(test: dict[str, object]) -> dict[str, str]:
    properties = {item["name"]: item["value"] for item in test.get("properties", [])}  # type: ignore[attr-defined]
    return dict(entry.split("=", 1) for entry in properties.get("ENVIRONMENT", []))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--only-isa", help="skip tests that ask for another MBRL_FAST_ISA")
    parser.add_argument("--skip", nargs="*", default=[], help="names of tests")
    parser.add_argument("--seconds", type=float, default=100, help="for each test; a slower one is named and does not fail")
    parser.add_argument("emulator", nargs="+")
    arguments = parser.parse_args()
    failed = 0
    for test in tests(arguments.build):
        extra = environment(test)
        isa = extra.get("MBRL_FAST_ISA", arguments.only_isa)
        if test["name"] in arguments.skip or (arguments.only_isa and isa != arguments.only_isa):
            print(f"skipped  {test['name']}")
            continue
        start = time.monotonic()
        command = [*arguments.emulator, *test["command"]]  # type: ignore[misc]
        try:
            done = subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True, timeout=arguments.seconds)
        except subprocess.TimeoutExpired:
            print(f"too slow {test['name']}: not done after {arguments.seconds} s", flush=True)
            continue
        print(f"{'passed' if done.returncode == 0 else 'FAILED'}   {test['name']} {time.monotonic() - start:.1f} s", flush=True)
        if done.returncode:
            failed += 1
            print(f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
