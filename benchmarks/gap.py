"""How much of the gap between human and synthetic rows the recipe closes: `python benchmarks/gap.py DATA`.

DATA is a folder in the layout of the paper's repository; any languages. Everything goes through the stages that the
command line calls: `data add --paper`, `judge --no-llm` (gated rows only), `sample`, `train`, `eval`. Per cell and
draw: strategies times sizes times weights of the seeds (0: no seeds), each with and without calibration where there are
two labels, beside human rows. A draw has its own ten seeds per label; seeds and human rows come from train files.

The share of a gap is a ratio of means over cells: (score - balanced synthetic rows) / (human rows - balanced synthetic
rows), both at `--at` rows; intervals are 95 % of a bootstrap over cells. `recipe` is coverage, seeds with weight 3,
calibrated. Nothing here is chosen: test labels only score.

Exits with 1 if the interval of the linear recipe ends below 50 % at 400 rows, or below 60 % with all rows.
`--selection` measures instead what choosing 400 rows takes, for 2,000 to 100,000 rows.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sdc.cache.store import Artifact, Store
from sdc.pipelines import cells, data, judge, sample, train
from sdc.pipelines import eval as evaluation
from sdc.pipelines.cells import Cell
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.sample import inputs
from sdc.pipelines.sample.strategies import STRATEGIES, Candidates
from sdc.pipelines.stage import Context

PRESET, ALL = "sdc", "all"
LEAST = {"400": 50.0, ALL: 60.0}
_RESAMPLES = 2000


class Kind(NamedTuple):
    """What students are compared by; `strategy` is `human` for human rows."""

    method: str
    strategy: str
    weight: float
    calibrate: str
    size: str


#: Cell -> kind -> score of each draw, in %.
Scores = dict[str, dict[Kind, list[float]]]


def kinds(arguments: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """Yields strategy and weight of everything that is drawn."""
    yield "human", 0.0
    if arguments.recipe:
        yield from (("balanced", 0.0), ("balanced", 1.0), ("coverage", 3.0))
        return
    for strategy in arguments.strategies:
        for weight in arguments.weights:
            yield strategy, weight


def cell_scores(arguments: argparse.Namespace, name: str) -> tuple[str, dict[Kind, list[float]], float]:
    """Returns the cell, its scores and the CPU seconds they took, in a store of its own."""
    start = time.process_time()
    lang, _, task = name.partition("/")
    with tempfile.TemporaryDirectory() as part:
        folder = arguments.stores / f"{task}-{lang}" if arguments.stores else Path(part) / "store"
        folder.mkdir(parents=True, exist_ok=True)
        place = Path(part) / task
        place.mkdir()
        for path in sorted((arguments.data / task).glob(f"{lang}-*.csv")):
            (place / path.name).symlink_to(path.resolve())
        context = Context(store=Store(folder / "store.duckdb"))
        added = [context.store.resolve(one.key) for one in data.add_paper(context, place.parent)]
        (cell,) = cells.expand(context.store, [lang], [task])
        texts = next(one for one in added if one.stage == "gen")
        people = {one.summary["split"]: one for one in added if one.stage == "data"}
        judged = context.store.resolve(judge.run(context, JudgeConfig(llm=False), cell, generation=texts).key)
        drawn = [
            _Drawn(strategy, weight, one)
            for number in range(arguments.draws)
            for strategy, weight in kinds(arguments)
            for one in _draws(context, cell, strategy, weight, judged, people["train"], arguments, number)
        ]
        found: dict[Kind, list[float]] = {}
        for kind, score in _scores(context, cell, drawn, people["test"], arguments):
            found.setdefault(kind, []).append(score)
    return name, found, time.process_time() - start


class _Drawn(NamedTuple):
    strategy: str
    weight: float
    draw: Draw


def _draws(
    context: Context, cell: Cell, strategy: str, weight: float, judged: Artifact, human: Artifact,
    arguments: argparse.Namespace, number: int,
) -> list[Draw]:  # fmt: skip
    settings: dict[str, Any] = {"sizes": tuple(arguments.sizes), "repeats": 1, "seed": 1337 + number}
    if strategy == "human":
        settings |= {"source": "human", "sizes": tuple(size for size in arguments.sizes if size != ALL)}
    elif weight:
        settings |= {"source": "seeds+synthetic", "seeds_from": "human", "seed_weight": weight, "strategy": strategy,
                     "per_label": arguments.seeds}  # fmt: skip
    else:
        settings |= {"source": "synthetic", "strategy": strategy}
    config = sample.configured(context, PRESET, task=cell.task.name, **settings)
    examples, beside = inputs.of(context, config, cell, human if strategy == "human" else judged)
    made = sample.run(context, config, cell, examples=examples, human=beside)
    return draws_of(context, context.store.resolve(made.key))


def _scores(
    context: Context, cell: Cell, drawn: Sequence[_Drawn], test: Artifact, arguments: argparse.Namespace
) -> Iterator[tuple[Kind, float]]:
    """Yields the score of every draw; texts are read once for all fits of a method, and equal draws are one run."""
    for method in arguments.methods:
        for calibrate in ("none", "auto"):
            wanted = [one for one in drawn if one.weight or calibrate == "none"]
            config = train.configured(context, PRESET, method=method, settings={}, calibrate=calibrate)
            draws = [one.draw for one in wanted]
            fits = train.plan(context, config, cell, draws=draws, test=test)
            planned = {one.draw.draw: one.planned.key for one in fits}
            train.run(context, config, cell, draws=draws, test=test)
            runs = context.store.resolve_many(list(planned.values()))
            evals = evaluation.run(context, EvalConfig(), [(cell, one) for one in runs])
            scored = {one.key: outcome.summary for one, outcome in zip(runs, evals, strict=True)}
            for one in wanted:
                value = scored[planned[one.draw.draw]][arguments.metric or cell.task.metric]
                yield Kind(method, one.strategy, one.weight, calibrate, one.draw.size), 100 * float(value)


# -- what is made of the scores ------------------------------------------------------------------------------------


def means(scores: Scores, kind: Kind) -> "np.ndarray[Any, Any] | None":
    """Returns the mean over draws in each cell; None if a cell lacks it."""
    if any(kind not in of_cell for of_cell in scores.values()):
        return None
    return np.array([np.mean(of_cell[kind]) for of_cell in scores.values()])


def interval(statistic: Callable[["np.ndarray[Any, Any]"], float], num_cells: int) -> tuple[float, float, float]:
    """Returns a statistic of cells and the ends of its 95 % bootstrap over cells."""
    choice = np.random.default_rng(0)
    values = [statistic(choice.integers(0, num_cells, num_cells)) for _ in range(_RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return statistic(np.arange(num_cells)), float(low), float(high)


def shares(scores: Scores, kind: Kind, at: str) -> dict[str, Any] | None:
    """Returns the share of the gap that a kind closes, in %, and its gain in points."""
    made = means(scores, kind)
    base = means(scores, Kind(kind.method, "balanced", 0.0, "none", at))
    human = means(scores, Kind(kind.method, "human", 0.0, "none", at))
    if made is None or base is None or human is None:
        return None
    closed = interval(lambda i: float(100 * (made - base)[i].sum() / (human - base)[i].sum()), len(made))
    gain = interval(lambda i: float((made - base)[i].mean()), len(made))
    return {
        **kind._asdict(), "score": float(made.mean()), "gap": float((human - base).mean()), "cells": len(made),
        "closed": closed, "gain": gain,
    }  # fmt: skip


def paired(scores: Scores, kind: Kind, strategy: str) -> dict[str, Any] | None:
    """Returns the difference of a kind to the same with another strategy, in points, cell by cell."""
    made, other = means(scores, kind), means(scores, kind._replace(strategy=strategy))
    if made is None or other is None:
        return None
    difference = interval(lambda i: float((made - other)[i].mean()), len(made))
    return {**kind._asdict(), "against": strategy, "difference": difference}


def show(name: str, scores: Scores, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Prints the tables of some cells, and returns their rows."""
    every = sorted({kind for of_cell in scores.values() for kind in of_cell})
    print(f"\n{name}: {len(scores)} cells, share of the gap at {arguments.at} rows that is closed")
    rows = []
    for kind in every:
        found = shares(scores, kind, arguments.at)
        if found is None or (kind.calibrate == "auto" and kind.weight != 3):
            continue
        rows.append({"cells_of": name, **found})
        closed, gain = found["closed"], found["gain"]
        print(
            f"  {kind.method:9s} {kind.strategy:9s} seeds x {kind.weight:g} {kind.calibrate:5s} {kind.size:>4s}"
            f"  {found['score']:5.1f} of gap {found['gap']:4.1f}: {closed[0]:5.0f} % [{closed[1]:.0f}..{closed[2]:.0f}]"
            f"  {gain[0]:+.1f} [{gain[1]:+.1f}..{gain[2]:+.1f}]"
        )
    print("  coverage and kcentre minus balanced, paired by cell, in points")
    for kind in every:
        if kind.strategy in ("balanced", "human") or kind.calibrate != "none" or kind.size == ALL:
            continue
        found = paired(scores, kind, "balanced")
        if found is not None:
            rows.append({"cells_of": name, **found})
            mean, low, high = found["difference"]
            print(
                f"  {kind.method:9s} {kind.strategy:9s} seeds x {kind.weight:g} {kind.size:>4s}"
                f"  {mean:+.1f} [{low:+.1f}..{high:+.1f}]"
            )
    return rows


def selection() -> None:
    """Prints CPU seconds of choosing 400 rows of more and more, with texts as long as the paper's."""
    choice = np.random.default_rng(0)
    parts = ["".join(choice.choice([*"aeiounrstlkmdpg"], 3)) for _ in range(3000)]
    took: dict[int, float] = {}
    for num in (2_000, 10_000, 100_000):
        texts = [" ".join(parts[i] for i in choice.zipf(1.3, 14) % len(parts)) for _ in range(num)]
        pool = Candidates(labels=[i % 10 for i in range(num)], num_labels=10, texts=texts)
        STRATEGIES["coverage"].choose(pool, [2], 0)  # imports
        start = time.process_time()
        STRATEGIES["coverage"].choose(pool, [400], 0)
        took[num] = time.process_time() - start
        print(f"coverage: 400 of {num} rows: {took[num]:.2f} CPU s, {1e6 * took[num] / num:.0f} us a row", flush=True)
    print(json.dumps({"selection_cpu_s": took}))


def main() -> int:
    """Prints the tables and one line of JSON; returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    for name, usual in (("--methods", "linear,probe"), ("--strategies", "balanced,coverage,kcentre"),
                        ("--sizes", "100,200,400,all"), ("--only", "")):  # fmt: skip
        parser.add_argument(name, type=_parts, default=usual)
    parser.add_argument("--weights", type=_numbers, default="0,1,3,5")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10, help="per label")
    parser.add_argument("--at", default="400", help="rows of the gap")
    parser.add_argument("--metric", help="accuracy or macro_f1; default: the task's own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keep the scores of all cells here, as JSON")
    parser.add_argument("--selection", action="store_true")
    parser.add_argument("--recipe", action="store_true", help="only plain rows, seeds added, and the recipe")
    parser.add_argument("--stores", type=Path, help="keep the store of each cell here: what is there is not made again")
    arguments = parser.parse_args()
    if arguments.selection:
        selection()
        return 0
    names = [
        f"{path.name.partition('-')[0]}/{path.parent.name}"
        for path in sorted(arguments.data.glob("*/*-train_full.csv"), key=lambda path: path.name)
        if path.parent.name in ("topic", "intent", "sentiment")
    ]
    wanted = [name for name in names if not arguments.only or {name, *name.split("/")} & {*arguments.only}]
    start, cpu = time.perf_counter(), 0.0
    scores: Scores = {}
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for done in as_completed([pool.submit(cell_scores, arguments, name) for name in wanted]):
            name, found, seconds = done.result()
            scores[name], cpu = found, cpu + seconds
            print(f"{name}: {seconds:.0f} CPU s", file=sys.stderr, flush=True)
            if arguments.out:
                kept = {name: [[*kind, values] for kind, values in of_cell.items()] for name, of_cell in scores.items()}
                arguments.out.write_text(json.dumps(kept), "utf-8")
    scores = dict(sorted(scores.items()))
    rows = show("all tasks", scores, arguments)
    for task in sorted({name.partition("/")[2] for name in scores}):
        rows += show(task, {name: found for name, found in scores.items() if name.endswith(f"/{task}")}, arguments)
    print(f"{time.perf_counter() - start:.0f} s, {cpu:.0f} CPU s")
    print(json.dumps({"rows": rows, "cpu_s": cpu}))
    return int(_missed(scores, arguments.at))


def _missed(scores: Mapping[str, dict[Kind, list[float]]], at: str) -> bool:
    missed = False
    for size, least in LEAST.items():
        found = shares(dict(scores), Kind("linear", "coverage", 3.0, "auto", size), at)
        if found is None:
            continue
        share, low, high = found["closed"]
        print(f"the linear recipe closes {share:.0f} % [{low:.0f}..{high:.0f}] at {size} rows; wanted: {least:.0f} %")
        missed |= high < least
    return missed


def _parts(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in _parts(text)]


if __name__ == "__main__":
    sys.exit(main())
