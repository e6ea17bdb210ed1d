"""gen: an LLM writes synthetic texts for each label of a cell until the quota of new, acceptable texts is there.

Here: settings, key and the artifact. Not here: the loop (`loop.py`), prompts, how models run, what an LLM thinks of
a text (judge).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sdc.cache.key import identity
from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines import gates, presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.engines.estimate import CallEstimate, asked_record, estimate
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.gen.label import describe
from sdc.pipelines.gen.loop import Generation, GenInputs
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import ok_rows, surplus_rows
from sdc.pipelines.records.judged import judged_rows
from sdc.pipelines.records.spent import texts_per_call
from sdc.pipelines.stage import Computed, Context, Outcome
from sdc.pipelines.view import Preview

VERSION = 3


def configured(context: Context, preset: str, *, no_think: bool = False, **flags: Any) -> GenConfig:
    """Returns the settings of a generation: flags over what the model needs over the preset; None is not given."""
    settings = presets.load(preset, "gen")
    given = flags.get("model")
    name = settings.get("model") or models.TEACHER if given is None else given
    wanted = models.without_thinking(name) if no_think else name
    sampling = dict(context.model(name).sampling)
    return GenConfig(**presets.merged(settings | sampling, **{**flags, "model": wanted}))


def plan(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> Artifact:
    """Returns the artifact that `run` would make.

    Args:
        data: Human train examples; None takes the newest of the cell.
        judgement: Its accepted rows are carried over, and only what is short of the quota is written (top-up).
    """
    data = data or lineage.newest_data(context, cell, split="train")
    lineage.refuse_test(data)
    lineage.check_labels(data, cell)
    model = context.model(config.model)
    explains = () if config.label_style == "name" else ("explain",)
    settings = {
        **identity(config),
        "quota": config.quota or cell.task.quota,
        "model": model.identity(),
        "definition": cell.task.identity(),
        "prompts": [prompts.digest(name) for name in ("gen", *explains)],
    }
    if config.gates:
        settings["gates"] = gates.VERSION
    inputs = [data.key] + ([judgement.key] if judgement else [])
    return stage.plan(stage="gen", version=VERSION, config=settings, inputs=inputs, lang=cell.lang, task=cell.task.name)


def check_seeds(context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None) -> None:
    """Raises a DataError if a label has some human examples, but fewer than `num_seeds`, which the user has named."""
    data = data or lineage.newest_data(context, cell, split="train")
    found = Counter(label for label, _ in {(label, text) for _, text, label in ok_rows(context, data.key, "human")})
    for label in cell.task.labels:
        there = found[label.id]
        if 0 < there < config.num_seeds:
            what = f"{config.num_seeds} seed examples of {label.name!r} are asked for {cell}, and {there} are there"
            raise DataError(what, f"data {data.short}", f"use --num-seeds {there}, or add human examples")


def run(
    context: Context,
    config: GenConfig,
    cell: Cell,
    *,
    data: Artifact | None = None,
    judgement: Artifact | None = None,
) -> Outcome:
    """Writes synthetic texts for one cell, or returns those that are there.

    Raises:
        DataError: The cell has no human train data.
        EngineError: The model cannot be loaded, or wrote nothing usable for any label.
    """
    planned = plan(context, config, cell, data=data, judgement=judgement)

    model = context.model(config.model)

    def compute(inputs: GenInputs) -> Computed:
        generation = Generation(config, cell, planned, inputs, progress=context.progress, say=context.say)
        with context.asker(model) as asker:
            return generation.compute(asker)

    return stage.produce(context, planned, read=lambda: _read(context, planned), compute=compute)


def _read(context: Context, planned: Artifact) -> GenInputs:
    data, *judgements = planned.inputs
    human = ok_rows(context, data, "human")
    if not judgements:
        return GenInputs(human=human)
    (judgement,) = judgements
    judged, surplus = judged_rows(context.store, judgement), surplus_rows(context, judgement)
    return GenInputs(human=human, judged=judged, surplus=surplus)


def preview(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None, most: int
) -> Preview:
    """Returns what `run` asks, and what comes of its first calls, at most so many; nothing is kept but the replies.

    Raises:
        DataError: The cell has no human train data.
        EngineError: The model cannot be loaded.
    """
    planned = plan(context, config, cell, data=data, judgement=judgement)
    generation = Generation(config, cell, planned, _read(context, planned), progress=context.progress, say=context.say)
    with stage.making_of(planned), context.asker(context.model(config.model)) as asker:
        return generation.preview(asker, most=most)


def dry_run(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> list[dict[str, Any]]:
    """Returns what `run` would make and ask, as `--dry-run --json` tells it: one record."""
    planned = plan(context, config, cell, data=data, judgement=judgement)
    asked = expected(context, config, cell, data=data, judgement=judgement)
    return [asked_record(planned, asked, model=context.model(config.model).name)]


def first_calls(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> list[Call]:
    """Returns the calls that `run` needs at least, as far as they are known without asking anything.

    Prompts show the task's own descriptions of the labels where the generator's are not known yet.
    """
    planned = plan(context, config, cell, data=data, judgement=judgement)
    return Generation(config, cell, planned, _read(context, planned)).first_calls()


def expected(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> CallEstimate | None:
    """Returns what `run` would ask at least, as if every text were new, with the most that it can take, and the likely.

    None if the texts are there already.
    """
    planned = plan(context, config, cell, data=data, judgement=judgement)
    if stage.are_there(context, [planned.key]):
        return None
    generation = Generation(config, cell, planned, _read(context, planned))
    calls, model = generation.first_calls(), context.model(config.model)
    like = {name: identity(config).get(name) for name in ("num_texts", "num_seeds")}
    asked = estimate(context.store, model, calls, stage="gen", prices=context.budget.prices, like=like)
    per_call = texts_per_call(context.store, cell, model=model.name, num_texts=like["num_texts"])
    most, likely = generation.num_calls(asked.calls, per_call=per_call)
    return replace(asked, at_most=max(most, asked.calls), likely=likely)


def short_labels(summary: Mapping[str, Any]) -> list[str]:
    """Returns one line per label that did not reach its quota, saying why, with the numbers."""
    return [
        f"{name}: {item['accepted']} of {item['quota']}, {item['stopped']} ({describe(item)})"
        for name, item in summary.get("labels", {}).items()
        if item["accepted"] < item["quota"]
    ]
