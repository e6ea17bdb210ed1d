"""What a whole experiment takes beside its fits: `python benchmarks/grid.py DATA [--langs te,sw]`.

DATA is a folder in the layout of the paper's repository. `sdc run` of the paper's grid with the linear student, in a
fresh store: the languages, times topic, intent and sentiment, both sources, 20 repeats of all sizes; all six languages
are 12,200 fits. Prints wall seconds, CPU seconds (user and system) of the driver and of the workers, and what they went
to. Fitting is the CPU time inside the workers' `compute`, which counts n-grams, fits and tests; all else is not, as are
start-up, reading, planning, handing out, evaluating and committing. Exits with 1 if that is more than a tenth.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST = 0.1
_GRID = """
preset = "paper"
[cells]
task = ["topic", "intent", "sentiment"]
lang = {langs}
[data]
from = "paper:{data}"
[sample]
source = ["synthetic", "human"]
repeats = {repeats}
[[students]]
method = "linear"
"""
#: Where workers say what their fits took.
_SAID = "GRID_FITTING"


class Phases:
    """CPU seconds of this process by phase, each without those that it calls."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner: list[float] = []

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Counts what is done meanwhile."""
        start = time.process_time()
        self._inner.append(0.0)
        try:
            yield
        finally:
            took = time.process_time() - start
            self.seconds[phase] += took - self._inner.pop()
            if self._inner:
                self._inner[-1] += took

    def watch(self, module: Any, name: str, phase: str) -> None:
        """Counts what a function takes."""
        function: Callable[..., Any] = getattr(module, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.during(phase):
                return function(*args, **kwargs)

        setattr(module, name, watched)


def drive(words: list[str], said: str) -> None:
    """Runs `sdc` in this process, and writes what it and its workers took."""
    phases = Phases()
    with phases.during("start-up"):
        from sdc.cli.main import main
        from sdc.pipelines import eval as evaluation
        from sdc.pipelines import run as experiments
        from sdc.pipelines import stage
        from sdc.pipelines.run import driver, inputs
        from sdc.pipelines.run import plan as planning

    phases.watch(inputs, "made", "data and draws")
    for module, name in ((planning, "plan"), (experiments, "done"), (experiments, "batches_of")):
        phases.watch(module, name, "planning")
    phases.watch(driver, "job", "reading batches")
    phases.watch(evaluation, "run", "evaluating")
    phases.watch(stage, "keep", "committing")
    sys.argv = ["sdc", *words]
    try:
        with phases.during("handing out, hearing"):
            main()
    except SystemExit as ended:
        if ended.code:
            raise
    spent = {who: sum(resource.getrusage(which)[:2])
             for who, which in (("driver", resource.RUSAGE_SELF), ("workers", resource.RUSAGE_CHILDREN))}  # fmt: skip
    Path(said).write_text(json.dumps({**spent, "phases": phases.seconds}), encoding="utf-8")


def watch_fits() -> None:
    """Has this process, which is a worker, say what each batch took inside `compute`."""
    from sdc.pipelines.run import batches

    compute = batches.train_compute

    def watched(*args: Any, **kwargs: Any) -> Any:
        phases, made = Phases(), compute(*args, **kwargs)
        try:
            while True:
                with phases.during("fitting"):
                    together = next(made, None)
                if together is None:
                    return
                yield together
        finally:
            with Path(os.environ[_SAID]).open("a", encoding="utf-8") as file:
                file.write(f"{phases.seconds['fitting']}\n")

    batches.train_compute = watched


def main() -> None:
    """Runs the grid, and prints a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in the layout of the paper's data")
    parser.add_argument("--langs", default="te,sw,az,ro,en,de")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--store", type=Path, help="make the store here and leave it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        grid, said, fitting = work / "grid.toml", work / "said.json", work / "fitting"
        langs = json.dumps(given.langs.split(","))
        grid.write_text(_GRID.format(langs=langs, data=given.data.resolve(), repeats=given.repeats), encoding="utf-8")
        fitting.touch()
        words = ["run", str(grid), "--store", str(given.store or work / "store.duckdb"), "--json"]
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, __file__, "--drive", str(said), *words],
            env={**os.environ, _SAID: str(fitting)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        wall = time.monotonic() - start
        if done.returncode:
            raise SystemExit(done.stderr)
        spent = json.loads(said.read_text(encoding="utf-8"))
        fits = sum(map(float, fitting.read_text(encoding="utf-8").split()))
    found = {"runs": json.loads(done.stdout)["runs"], "wall_s": wall, "driver_s": spent["driver"],
             "workers_s": spent["workers"], "fitting_s": fits}  # fmt: skip
    total = spent["driver"] + spent["workers"]
    phases = {**spent["phases"], "workers, not fitting": spent["workers"] - fits}
    share = (total - fits) / total
    print(f"{found['runs']:,} runs: {wall:.0f} s, {total:.1f} CPU s, {1 - share:.1%} of them fitting")
    for phase, seconds in sorted(phases.items(), key=lambda of: -of[1]):
        print(f"  {phase:<24} {seconds:7.1f} s  {seconds / total:6.1%}")
    print(
        json.dumps({"benchmark": "grid", **{k: round(v, 1) for k, v in found.items()}, "not_fitting": round(share, 4)})
    )
    sys.exit(share > MOST)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        drive(sys.argv[3:], sys.argv[2])
    else:
        main()
elif __name__ == "__mp_main__":
    watch_fits()
