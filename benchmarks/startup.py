"""How long a command takes that has nothing to compute: `python benchmarks/startup.py`.

`sdc --help` should answer within 0.2 s, every stage command within 0.5 s once its result is in the store. Prints a
table, and the same as one line of JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from chain import CELL, STEPS, add_examples, sdc

#: Students that the chain leaves out, at their smallest.
MORE = (
    ["train", "--method", "finetune", "--sizes", "20", "--repeats", "1", "--epochs", "1"],
    ["icl", "--shots", "2", "--sizes", "20"],
)
HELP_TARGET_S, HIT_TARGET_S = 0.2, 0.5


def timed(arguments: Sequence[str], env: Mapping[str, str], *, runs: int) -> dict[str, float]:
    """Returns the median and the worst wall-clock seconds of a command."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        done = subprocess.run([*sdc(), *arguments], env=env, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
        if done.returncode:
            raise SystemExit(f"sdc {' '.join(arguments)} failed: {done.stderr.decode()}")
    return {"median_s": round(statistics.median(times), 3), "worst_s": round(max(times), 3)}


def main() -> None:
    """Fills a store, then measures help and every stage as a hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="runs per command")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SDC_STORE": str(Path(folder) / "store.duckdb")}
        commands: dict[str, tuple[list[str], float]] = {"sdc --help": (["--help"], HELP_TARGET_S)}
        train, test = add_examples(env)
        commands["data add"] = (train, HIT_TARGET_S)
        commands["data add (test)"] = (test, HIT_TARGET_S)
        for step in [*STEPS[:-1], *MORE, STEPS[-1]]:
            subprocess.run([*sdc(), *step, *CELL], env=env, check=True, capture_output=True)
            name = f"{step[0]} {step[2]}" if step[0] == "train" else step[0]
            commands[name] = ([*step, *CELL], HIT_TARGET_S)
        commands["report"] = (["report", *CELL], HIT_TARGET_S)
        results = {
            name: {**timed(arguments, env, runs=runs), "target_s": target}
            for name, (arguments, target) in commands.items()
        }
    for name, result in results.items():
        verdict = "ok" if result["median_s"] <= result["target_s"] else "MISSED"
        print(f"{name:<18} median {result['median_s']:.3f} s  worst {result['worst_s']:.3f} s  "
              f"target {result['target_s']} s  {verdict}")  # fmt: skip
    print(json.dumps({"benchmark": "startup", "runs": runs, "results": results}))
    sys.exit(any(result["median_s"] > result["target_s"] for result in results.values()))


if __name__ == "__main__":
    main()
