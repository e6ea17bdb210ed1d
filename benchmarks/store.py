"""A store with a whole experiment in it: does each command stay as fast as the disk and memory of a laptop allow?

    python benchmarks/store.py [--runs 30000] [--rows 2000] [--folder FOLDER]

Fills a store with runs on tests of 2, 7 and 10 labels in equal parts, 20 runs a transaction as `sdc train` keeps them;
then evaluates, reports, verifies and lists, each as a command. Beside each stands what DuckDB alone takes to read (or
write) the same bytes with one thread. 30,000 runs need about 2 GB of disk and 15 minutes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from chain import sdc

from sdc.cache import columns
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Store

LANGS = ("am", "ar", "de", "en", "hi", "id", "ro", "sl", "sw", "te", "ur")
LABELS = {"sentiment": 2, "topic": 7, "intent": 10}
SIZES, REPEATS = (10, 20, 50, 100, 200, 300, 400, 500, 1000, 2000), 10
TOGETHER = 20
#: The figure that each part must keep to: rows a second, or seconds and MB.
TARGETS = {"put": 200_000, "eval": (600, 1000), "report": (10, 1000), "verify": (600, 1000), "ls": (1, 1000)}
#: What DuckDB has to read for each, at least.
SCANS = {
    "eval": "select sum(list_sum(scores)), count(reply), sum(idx) from run_outputs",
    "eval (hits)": "select count(distinct key), count(distinct content) from artifacts",
    "report": "select reader, metric, avg(value), avg(low), avg(high) from metrics group by all",
    "verify": "select max(run), max(idx) from run_outputs",
    "ls": "select key from artifacts order by used_at desc limit 50",
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Fills, measures, prints a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30_000)
    parser.add_argument("--rows", type=int, default=2000, help="of each test")
    parser.add_argument("--folder", type=Path, help="make the store here and leave it; a new one is removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        path = folder / "store.duckdb"
        found: dict[str, dict[str, Any]] = {"put": fill(Store(path), runs=given.runs, rows=given.rows)}
        found["put"]["file_mb"] = round(path.stat().st_size / 1e6)
        everything = ["--lang", ",".join(LANGS), "--task", ",".join(LABELS)]
        commands = {
            "eval": ["eval", *everything], "eval (hits)": ["eval", *everything], "report": ["report"],
            "verify": ["store", "verify"], "ls": ["store", "ls"],
        }  # fmt: skip
        for name, command in commands.items():
            here = measured([*sdc(), *command, "--store", str(path)])
            alone = measured([sys.executable, "-c", _SCAN, str(path), SCANS[name]])
            found[name] = {**vars(here), "scan_wall_s": alone.wall_s, "scan_cpu_s": alone.cpu_s}
        found["put"]["file_mb_after"] = round(path.stat().st_size / 1e6)
    missed = [name for name, figures in found.items() if not keeps(name, figures)]
    for name, figures in found.items():
        shown = "  ".join(f"{what} {value:,}" for what, value in figures.items())
        print(f"{name:<12} {shown}  {'MISSED' if name in missed else ''}")
    print(json.dumps({"benchmark": "store", "runs": given.runs, "rows": given.rows, "results": found}))
    sys.exit(bool(missed))


def keeps(name: str, figures: dict[str, Any]) -> bool:
    """Returns whether a part keeps to its target, if it has one."""
    target = TARGETS.get(name)
    if isinstance(target, int):
        return bool(figures["rows_a_cpu_s"] >= target)
    return target is None or bool(figures["wall_s"] <= target[0] and figures["peak_mb"] <= target[1])


_SCAN = """
import sys, duckdb
con = duckdb.connect(sys.argv[1], read_only=True, config={"threads": 1})
con.execute(sys.argv[2]).fetchall()
"""


#: A small process starts the command: a child of this one would count what is in memory here.
_MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
wall_s, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "wall_s": round(wall_s, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2), "peak_mb": used.ru_maxrss // 1000
}))
"""


def measured(command: list[str]) -> Cost:
    """Returns what a command took; it must end with 0."""
    done = subprocess.run([sys.executable, "-S", "-c", _MEASURE, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout))


def fill(store: Store, *, runs: int, rows: int) -> dict[str, Any]:
    """Puts tests, samples and runs into a store; returns what putting outputs took, and what DuckDB alone takes."""
    import duckdb

    cells = [(lang, task) for lang in LANGS for task in LABELS]
    rng = np.random.default_rng(0)
    tests = {cell: put_test(store, cell, rng.integers(0, LABELS[cell[1]], rows)) for cell in cells}
    cpu_s = wall_s = alone_cpu_s = 0.0
    alone_rows = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(f"{folder}/alone.duckdb", config={"threads": 1}) as con,
    ):
        con.execute("create table outputs (run integer, idx integer, scores float[])")
        for number, some in enumerate(_together(cells, tests, runs)):
            scores = [_scores(rng, *tests[cell][1:]) for _, cell, _ in some]
            before, start = time.process_time(), time.perf_counter()
            items = [(artifact, {"runs": [run], "outputs": columns.scored(range(rows), scored_NL)})
                     for (artifact, _, run), scored_NL in zip(some, scores, strict=True)]  # fmt: skip
            store.put_many(items)
            cpu_s, wall_s = cpu_s + time.process_time() - before, wall_s + time.perf_counter() - start
            if number % 20 == 0:  # DuckDB alone, with every twentieth
                before = time.process_time()
                batch = pa.concat_tables([outputs["outputs"].append_column("run", pa.repeat(run, rows))
                                          for run, (_, outputs) in enumerate(items)])  # fmt: skip
                con.register("batch", batch)
                con.execute("insert into outputs by name select * from batch")
                alone_cpu_s, alone_rows = alone_cpu_s + time.process_time() - before, alone_rows + len(batch)
    return {
        "rows_a_cpu_s": round(runs * rows / cpu_s), "rows_a_s": round(runs * rows / wall_s),
        "alone_rows_a_cpu_s": round(alone_rows / alone_cpu_s), "cpu_s": round(cpu_s, 1), "wall_s": round(wall_s, 1),
    }  # fmt: skip


Test = tuple[str, Any, int]


def put_test(store: Store, cell: tuple[str, str], gold_N: Any) -> Test:
    """Puts the test of a cell and a sample of its draws; returns the test's key, its labels, and their number."""
    about = {"lang": cell[0], "task": cell[1]}
    shared = {**about, "text": "a text", "source": "human", "split": "test", "status": "ok"}
    examples = [{**shared, "idx": idx, "label": label} for idx, label in enumerate(gold_N.tolist())]
    test, data = _artifact("data", cell, {"split": "test"}), _artifact("data", cell, {"split": "train"})
    draws = [
        {**about, "draw": _draw(cell, size, repeat), "source": "synthetic", "strategy": "balanced", "size": str(size),
         "repeat": repeat, "num_rows": size, "example_key": data.key, "members": list(range(size))}
        for size in SIZES for repeat in range(REPEATS)
    ]  # fmt: skip
    train = [{**shared, "idx": idx, "split": "train", "label": 0} for idx in range(max(SIZES))]
    sample = _artifact("sample", cell, {}, inputs=[data.key])
    store.put_many([(test, {"examples": examples}), (data, {"examples": train}), (sample, {"draws": draws})])
    return test.key, gold_N, LABELS[cell[1]]


def _together(
    cells: list[tuple[str, str]], tests: dict[tuple[str, str], Test], runs: int
) -> Iterator[list[tuple[Artifact, tuple[str, str], dict[str, Any]]]]:
    """Yields the runs of an experiment, cell after cell, so many as are kept together."""
    some = []
    for number in range(runs):
        cell = cells[number * len(cells) // runs]
        size, repeat, seed = SIZES[number % len(SIZES)], number // len(SIZES) % REPEATS, number
        config = {"draw": _draw(cell, size, repeat), "init_seed": seed, "method": "linear"}
        artifact = _artifact("train", cell, config, inputs=[tests[cell][0]])
        run = {
            "lang": cell[0], "task": cell[1], "method": "linear", "model": "tf-idf", "source": "synthetic",
            "draw": config["draw"], "num_rows": size, "init_seed": seed, "setting": "s", "test_key": tests[cell][0],
            "status": "ok", "seconds": 0.5, "details": json.dumps({"leaks": {"leaked": 0, "test_rows": 2000}}),
        }  # fmt: skip
        some.append((artifact, cell, run))
        if len(some) == TOGETHER or number == runs - 1:
            yield some
            some = []


def _scores(rng: np.random.Generator, gold_N: Any, num_labels: int) -> Any:
    """Returns log-probabilities per row and label of a student that is mostly right."""
    logits_NL = rng.standard_normal((len(gold_N), num_labels), dtype=np.float32)
    logits_NL[np.arange(len(gold_N)), gold_N] += 1.5
    return logits_NL - np.log(np.exp(logits_NL).sum(axis=1, keepdims=True))


def _draw(cell: tuple[str, str], size: int, repeat: int) -> str:
    return recipe_key("draw", 1, {"size": size, "repeat": repeat}, [], lang=cell[0], task=cell[1])


def _artifact(
    stage: str, cell: tuple[str, str], config: dict[str, Any], *, inputs: list[str] | None = None
) -> Artifact:
    key = recipe_key(stage, 1, config, inputs or [], lang=cell[0], task=cell[1])
    summary = {"split": config.get("split"), "status": "ok"}
    return Artifact(
        key=key, stage=stage, version=1, lang=cell[0], task=cell[1], config=config, inputs=inputs or [], summary=summary
    )


if __name__ == "__main__":
    main()
