"""icl: an LLM classifies the test rows, with a few examples in the prompt (shots) or none.

The generator as a classifier is this stage too, with its model and 0 shots, so that teacher and student are read alike.

Here: which runs there are, and their keys. Not here: what becomes of them (`computing.py`), reading replies (eval).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sdc.cache.key import derive_seed, identity
from sdc.cache.store import Artifact
from sdc.pipelines import presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.engines.estimate import CallEstimate, asked_record, estimate
from sdc.pipelines.icl import room
from sdc.pipelines.icl.computing import IclInputs, IclRun, compute, expected_calls, first_answers
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records import leaks, lineage, runs
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow, gold_labels, label_counts, rows_of, test_rows
from sdc.pipelines.stage import Context, Outcome, Together
from sdc.pipelines.view import Preview

VERSION = 2


def configured(_: Context, preset: str, *, no_think: bool = False, **flags: Any) -> IclConfig:
    """Returns the settings of a run in context: flags over the preset; None is not given."""
    config = IclConfig(**presets.merged(presets.load(preset, "icl"), **flags))
    return replace(config, model=models.without_thinking(config.model)) if no_think else config


def plan(context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Artifact]:
    """Returns the artifacts, one per run, that `run` would make."""
    return [item.planned for item in runs_of(context, config, cell, draws, test)]


def estimates(
    context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact
) -> list[tuple[Artifact, CallEstimate | None]]:
    """Returns the artifacts that `run` would make, each with what it would ask; None for those that are there."""
    items = runs_of(context, config, cell, draws, test)
    there = stage.are_there(context, [item.planned.key for item in items])
    model = context.model(config.model)
    found: list[tuple[Artifact, CallEstimate | None]] = []
    tests, pools = test_rows(context, test), _pools(context, [item for item in items if item.planned.key not in there])
    for item in items:
        expected = None
        if item.planned.key not in there:
            calls = expected_calls(config, cell, item, pools[item.planned.key], tests)
            shots = item.planned.config.get("shots")
            expected = estimate(
                context.store, model, calls, stage="icl", prices=context.budget.prices, like={"shots": shots}
            )
        found.append((item.planned, expected))
    return found


def dry_run(
    context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact
) -> list[dict[str, Any]]:
    """Returns what `run` would make and ask, as `--dry-run --json` tells it: a record per run."""
    by_draw = {draw.draw: {"source": draw.source, "size": draw.size} for draw in draws}
    model = context.model(config.model).name
    return [
        asked_record(planned, expected, model=model, **by_draw.get(planned.config["draw"] or "", {}))
        for planned, expected in estimates(context, config, cell, draws=draws, test=test)
    ]


def runs_of(context: Context, config: IclConfig, cell: Cell, draws: Sequence[Draw], test: Artifact) -> list[IclRun]:
    """Returns the runs that `run` would make, each once: one in all where nothing is taken from a draw."""
    lineage.refuse_train(test)
    ignored = {"seed"} | ({"max_tokens"} if config.decoding == "scores" else set())
    ignored |= {"shots"} if config.select else {"dev_rows"}
    ignored |= set() if config.uses_draws else {"shot_strategy"}
    common = {
        "model": context.model(config.model).identity(),
        "definition": cell.task.identity(),
        "prompt": prompts.digest("classify"),
    }

    @cache
    def planner(shots: int) -> stage.Planner:
        own = {name: value for name, value in identity(replace(config, shots=shots)).items() if name not in ignored}
        return stage.Planner(
            stage="icl",
            version=VERSION,
            shared={**own, **common},
            inputs=[test.key],
            lang=cell.lang,
            task=cell.task.name,
        )

    items: dict[str, IclRun] = {}
    counts = label_counts(context, draws) if config.uses_draws and not config.select else {}
    is_fixed = config.shot_strategy == "nearest" and not config.select
    for draw in draws if config.uses_draws else [None]:
        is_seeded = config.option_order == "shuffled" or (draw is not None and not is_fixed)
        shot_seed = derive_seed(config.seed, "shots", draw.repeat if draw else 0) if is_seeded else None
        most = room.there(config, counts[draw.draw], len(cell.task.labels)) if draw and counts else config.shots
        shots = min(config.shots, most) if most else config.shots  # without any of a label, rendering says which
        planned = planner(shots).plan(draw=draw.draw if draw else None, shot_seed=shot_seed)
        items.setdefault(planned.key, IclRun(planned=planned, draw=draw, shot_seed=shot_seed, shots=shots))
    return list(items.values())


def run(
    context: Context,
    config: IclConfig,
    cell: Cell,
    *,
    draws: Sequence[Draw],
    test: Artifact,
) -> list[Outcome]:
    """Classifies the test rows once per draw (once in all with 0 shots), or returns the runs that are there.

    Raises:
        DataError: The test data has no usable row, or a draw lacks a label.
        EngineError: The model cannot be loaded, a prompt does not fit its context, or no run has an answer that counts.
    """
    items = runs_of(context, config, cell, draws, test)
    model = context.model(config.model)

    def answers(inputs: IclInputs) -> Iterator[Together]:
        with context.asker(model) as asker:
            yield from compute(config, cell, inputs, asker, progress=context.progress, say=context.say)

    made = stage.many(
        context,
        [item.planned for item in items],
        read=lambda missing: read(context, cell, [items[position] for position in missing], test),
        compute=answers,
    )
    return runs.with_result(made, f"icl {cell}")


def preview(
    context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact, most: int
) -> Preview:
    """Returns what the first run asks, and its answers on the first test rows; nothing is kept but the replies.

    Raises:
        DataError: The test data has no usable row, or the draw lacks a label.
        EngineError: The model cannot be loaded, or a prompt does not fit its context.
    """
    item = runs_of(context, config, cell, draws, test)[0]
    tests, pool = test_rows(context, test)[:most], _pools(context, [item])[item.planned.key]
    gold = gold_labels(context, [test.key])[test.key]
    with stage.making_of(item.planned), context.asker(context.model(config.model)) as asker:
        return first_answers(
            config, cell, item, pool, tests, asker,
            gold=dict(zip(gold.idx_N.tolist(), gold.label_N.tolist(), strict=True)), progress=context.progress,
        )  # fmt: skip


def read(context: Context, cell: Cell, missing: Sequence[IclRun], test: Artifact) -> IclInputs:
    """Returns what runs are computed from.

    Raises:
        DataError: The test data has no usable row.
        StoreError: Rows of a draw are not in the store.
    """
    draws = [item.draw for item in missing if item.draw]
    return IclInputs(
        runs=missing,
        tests=test_rows(context, test),
        pools=_pools(context, missing),
        leaks=leaks.of_draws(context, f"icl {cell}", draws, test.key),
    )


def _pools(context: Context, items: Sequence[IclRun]) -> dict[str, list[ExampleRow]]:
    """Returns what the shots of each run are taken from: the rows of its draw by idx, none without one; by its key."""
    rows = rows_of(context, [item.draw for item in items if item.draw])
    return {item.planned.key: sorted(rows[item.draw.draw]) if item.draw else [] for item in items}
