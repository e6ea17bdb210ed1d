"""icl: an LLM classifies the test rows, with a few examples in the prompt (shots) or none.

The generator as a classifier is this stage too, with its model and 0 shots, so that teacher and student are read alike.

Here: runs, calls, what was answered per test row. Not here: which shots (`shots.py`), how many are best
(`select.py`), reading replies (eval), engines.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sdc.cache.key import derive_seed, digest, identity
from sdc.cache.store import Artifact, Store
from sdc.pipelines import presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import answers, models
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.estimate import CallEstimate, estimate
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.icl import asking, room
from sdc.pipelines.icl import select as icl_select
from sdc.pipelines.icl import shots as icl_shots
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records import leaks, lineage, runs
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow, label_counts, rows_of, test_rows
from sdc.pipelines.records.leaks import Leaks
from sdc.pipelines.stage import Computed, Context, Outcome

VERSION = 2
#: What differs between runs of one setting.
_OF_ONE_RUN = ("draw", "shot_seed", "definition")


def configured(_: Store, preset: str, *, no_think: bool = False, **flags: Any) -> IclConfig:
    """Returns the settings of a run in context: flags over the preset; None is not given."""
    config = IclConfig(**presets.merged(presets.load(preset, "icl"), **flags))
    return replace(config, model=models.without_thinking(config.model)) if no_think else config


@dataclass(frozen=True, kw_only=True)
class _Run:
    planned: Artifact
    draw: Draw | None
    shot_seed: int | None
    shots: int  # what stands in the prompt, per label


def plan(context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Artifact]:
    """Returns the artifacts, one per run, that `run` would make."""
    return [item.planned for item in _plan(context, config, cell, draws, test)]


def estimates(
    context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact
) -> list[tuple[Artifact, CallEstimate | None]]:
    """Returns the artifacts that `run` would make, each with what it would ask; None for those that are there."""
    items = _plan(context, config, cell, draws, test)
    there = stage.are_there(context, [item.planned.key for item in items])
    model = models.resolve(context.store, config.model)
    found: list[tuple[Artifact, CallEstimate | None]] = []
    rows, pools = test_rows(context, test), _pools(context, [item for item in items if item.planned.key not in there])
    for item in items:
        expected = None
        if item.planned.key not in there:
            calls = _expected(config, cell, item, pools[item.planned.key], rows)
            expected = estimate(context.store, model, calls, stage="icl", prices=context.budget.prices)
        found.append((item.planned, expected))
    return found


def _plan(context: Context, config: IclConfig, cell: Cell, draws: Sequence[Draw], test: Artifact) -> list[_Run]:
    lineage.refuse_train(test)
    ignored = {"seed"} | ({"max_tokens"} if config.decoding == "scores" else set())
    ignored |= {"shots"} if config.select else {"dev_rows"}
    ignored |= set() if config.uses_draws else {"shot_strategy"}
    common = {
        "model": models.resolve(context.store, config.model).identity(),
        "definition": cell.task.identity(),
        "prompt": prompts.digest("classify"),
    }
    items: dict[str, _Run] = {}
    counts = label_counts(context, draws) if config.uses_draws and not config.select else {}
    is_fixed = config.shot_strategy == "nearest" and not config.select
    for draw in draws if config.uses_draws else [None]:
        is_seeded = config.option_order == "shuffled" or (draw is not None and not is_fixed)
        shot_seed = derive_seed(config.seed, "shots", draw.repeat if draw else 0) if is_seeded else None
        most = room.there(config, counts[draw.draw], len(cell.task.labels)) if draw and counts else config.shots
        shots = min(config.shots, most) if most else config.shots  # without any of a label, rendering says which
        own = {name: value for name, value in identity(replace(config, shots=shots)).items() if name not in ignored}
        settings = {**own, **common, "draw": draw.draw if draw else None, "shot_seed": shot_seed}
        planned = stage.plan(
            stage="icl", version=VERSION, config=settings, inputs=[test.key], lang=cell.lang, task=cell.task.name
        )
        items.setdefault(planned.key, _Run(planned=planned, draw=draw, shot_seed=shot_seed, shots=shots))
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
    items = _plan(context, config, cell, draws, test)
    outcomes = stage.hits(context, [item.planned.key for item in items])
    missing = [item for item in items if item.planned.key not in outcomes]
    if missing:
        model = models.resolve(context.store, config.model)
        rows, pools = test_rows(context, test), _pools(context, missing)
        leaked = leaks.of_draws(context, f"icl {cell}", [item.draw for item in missing if item.draw], test.key)
        with context.asker(model) as asker:
            for number, item in enumerate(missing):
                compute = _computation(context, config, cell, asker, item, pools[item.planned.key], rows, test, leaked)
                outcomes[item.planned.key] = stage.produce(
                    context, item.planned, read=lambda: None, compute=partial(_without, compute)
                )
                context.progress(f"icl {cell}", number + 1, len(missing))
    return runs.with_result([outcomes[item.planned.key] for item in items], f"icl {cell}")


def _without(compute: Any, _: None) -> Computed:
    made: Computed = compute()
    return made


def _computation(
    context: Context,
    config: IclConfig,
    cell: Cell,
    asker: Asker,
    item: _Run,
    pool: Sequence[ExampleRow],
    rows: list[tuple[int, str]],
    test: Artifact,
    leaked: Mapping[str, Leaks],
) -> Any:
    def compute() -> Computed:
        chosen = _select(context, config, cell, asker, item, pool)
        num_shots = chosen.best if chosen else item.shots
        asked = _render(config, cell, [text for _, text in rows], pool, item, num_shots=num_shots)
        replies = asker.ask(asking.calls(config, cell, asked.texts), what=f"ask {cell}", progress=context.progress)
        answers.require_room(replies, asker.model.name)
        outputs = [
            {"idx": idx, "scores": list(reply.scores) or None, "reply": asking.text(reply)}
            for (idx, _), reply in zip(rows, replies, strict=True)
        ]
        num_unanswered, status, reason = asking.unanswered(replies)
        if reason:
            context.say(f"icl {cell}: {reason}")
        usage = asker.take_usage()
        details = asked.details() | (chosen.as_json() if chosen else {})
        details |= {"leaks": leaked[item.draw.draw].as_json()} if item.draw else {}
        if config.decoding == "scores":
            details["label_tokens"] = answers.num_tokens(asker.model, cell.task.label_names, engine=usage.engine)
        run_row = {
            "lang": cell.lang,
            "task": cell.task.name,
            "method": "icl",
            "model": asker.model.name,
            "source": item.draw.source if item.draw else None,
            "draw": item.draw.draw if item.draw else None,
            "num_rows": item.draw.num_rows if item.draw else 0,
            "num_shots": None if chosen else item.shots,  # repeats may choose differently, and are one result
            "decoding": config.decoding,
            "init_seed": None,
            "shot_seed": item.shot_seed,
            "setting": digest({k: v for k, v in item.planned.config.items() if k not in _OF_ONE_RUN})[:12],
            "test_key": test.key,
            "status": status,
            "reason": reason,
            "seconds": usage.seconds,
            "details": json.dumps(details, ensure_ascii=False),
        }
        summary = {"method": "icl", "model": asker.model.name, "shots": num_shots, "rows": len(rows)}
        summary |= {"status": status, "reason": reason}
        summary |= {"unanswered": num_unanswered, **(chosen.as_json() if chosen else {}), "usage": usage.as_json()}
        return Computed(rows={"runs": [run_row], "outputs": outputs}, summary=summary)

    return compute


def _select(
    context: Context, config: IclConfig, cell: Cell, asker: Asker, item: _Run, pool: Sequence[ExampleRow]
) -> icl_select.Selection | None:
    """Returns how many shots are best on rows of the draw that no shot is taken from; None if that is not asked for."""
    if not config.select or item.shot_seed is None:
        return None
    left, held, candidates = icl_select.hold_out(
        cell, pool, most=config.dev_rows, seed=item.shot_seed, candidates=config.select
    )

    def ask(num_shots: int) -> list[Reply]:
        asked = _render(config, cell, [text for _, text, _ in held], left, item, num_shots=num_shots)
        what = f"choose shots {cell} ({num_shots})"
        return asker.ask(asking.calls(config, cell, asked.texts), what=what, progress=context.progress)

    return icl_select.select(cell, held, candidates, ask=ask)


def _expected(
    config: IclConfig, cell: Cell, item: _Run, pool: Sequence[ExampleRow], rows: Sequence[tuple[int, str]]
) -> list[Call]:
    """Returns the calls of a run; where shots are chosen, those of all choices, and the test with the most shots."""
    texts = [text for _, text in rows]
    if not config.select or item.shot_seed is None:
        return asking.calls(config, cell, _render(config, cell, texts, pool, item, num_shots=item.shots).texts)
    left, held, candidates = icl_select.hold_out(
        cell, pool, most=config.dev_rows, seed=item.shot_seed, candidates=config.select
    )
    tried = [
        text
        for number in candidates
        for text in _render(config, cell, [row[1] for row in held], left, item, num_shots=number).texts
    ]
    return asking.calls(
        config, cell, [*tried, *_render(config, cell, texts, pool, item, num_shots=max(candidates)).texts]
    )


def _render(
    config: IclConfig,
    cell: Cell,
    texts: Sequence[str],
    pool: Sequence[ExampleRow],
    item: _Run,
    *,
    num_shots: int,
) -> icl_shots.Prompts:
    return icl_shots.render(
        cell,
        texts,
        pool,
        num_shots=num_shots,
        strategy=config.shot_strategy,
        option_order=config.option_order,
        seed=item.shot_seed,
    )


def _pools(context: Context, items: Sequence[_Run]) -> dict[str, list[ExampleRow]]:
    """Returns what the shots of each run are taken from: the rows of its draw by idx, none without one; by its key."""
    rows = rows_of(context, [item.draw for item in items if item.draw])
    return {item.planned.key: sorted(rows[item.draw.draw]) if item.draw else [] for item in items}
