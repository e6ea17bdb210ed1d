"""What planning takes: `python benchmarks/plan.py DATA` (the folder of the paper's repository).

The grid of the paper is planned twice, each in a process of its own: taken literally, without any rows or models, so
that runs are only counted; and on the cells of DATA, with the pocket models in the place of the paper's (in three
settings), so that every run has its key. Prints runs, CPU seconds and peak memory, of planning and of asking the store
what is there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_POCKET = [
    "students.0.model=pocket-student",
    "students.1.model=pocket-student",
    "students.1.shots=[1, 2, 3]",
    "students.2.model=pocket-student",
    "students.2.steps=[600, 601, 602]",
    "baselines.0.model=pocket-teacher",
]


def _measure(folder: Path, langs: str) -> dict[str, float]:
    """Plans in this process; with languages, on their rows, which are in the store."""
    from sdc.cache.store import Store
    from sdc.pipelines import run as experiments
    from sdc.pipelines.context import Context
    from sdc.pipelines.run import file, inputs

    context = Context(store=Store(folder / "store.duckdb"))
    changes = [*_POCKET, f"cells.lang={langs}", "cells.exclude=[]"] if langs else []
    only = ["cells.task=topic,intent,sentiment"] if langs else []
    experiment = file.load("paper", changes=changes, only=only)
    if langs:
        inputs.made(context, experiment)
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    plan = experiments.look(context, experiment)
    planned = time.process_time()
    there = len(plan.there(context.store))
    return {
        "runs": len(plan.runs),
        "certain": sum(run.run is not None for run in plan.runs),
        "plan_s": planned - start,
        "there": there,
        "there_s": time.process_time() - planned,
        "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "before_MB": before / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--langs", default="te,sw,az,ro,en,de")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["SDC_PAPER_DATA"] = str(arguments.data.resolve())
    if arguments.measure:
        folder, langs = arguments.measure
        print(json.dumps(_measure(Path(folder), langs)))
        return
    print("| grid | runs | with a key | planning, CPU s | us a run | asking the store, CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, langs in (("literal", ""), ("on rows", arguments.langs)):
            words = [sys.executable, __file__, str(arguments.data), "--measure", folder, langs]
            found = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            each = found["plan_s"] / found["runs"] * 1e6
            print(
                f"| {name} | {found['runs']:,} | {found['certain']:,} | {found['plan_s']:.2f} | {each:.0f} |"
                f" {found['there_s']:.2f} | {found['peak_MB']:.0f} |"
            )


if __name__ == "__main__":
    main()
