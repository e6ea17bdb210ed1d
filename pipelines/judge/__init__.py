"""judge: decides for every new synthetic text whether it is accepted: gates first, then the LLM on what they let pass.

Here: settings, key and the artifact. Not here: the two steps (`computing.py`), topping up what was rejected (gen).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import identity
from sdc.cache.store import Artifact
from sdc.errors import DataError, EngineError
from sdc.pipelines import gates, presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.engines.estimate import CallEstimate, asked_record, estimate
from sdc.pipelines.judge.computing import JudgeInputs, compute
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import Candidate, which_label, will_do
from sdc.pipelines.judge.verdicts import NO_ANSWER, NOBODY, nobody_answered
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import human_texts, ok_rows
from sdc.pipelines.stage import Computed, Context, Outcome
from sdc.pipelines.view import Preview, ViewPart, in_turn

VERSION = 3
#: Judge prompts are short.
_BATCH_SIZE = 64


def configured(_: Context, preset: str, *, no_think: bool = False, **flags: Any) -> JudgeConfig:
    """Returns the settings of a judgement: flags over the preset; None is not given."""
    model = flags.pop("model", None)
    model = models.without_thinking(model or "") if no_think else model
    return JudgeConfig(**presets.merged(presets.load(preset, "judge"), **flags, model=model))


def judge_name(config: JudgeConfig, generation: Artifact) -> str:
    """Returns the model that judges: the one asked for, else the generator, else the bundled teacher."""
    if config.model == models.NO_THINK:  # the writer, asked not to reason
        return models.without_thinking(judge_name(replace(config, model=None), generation))
    if config.model is not None:
        return config.model
    generator: Mapping[str, Any] = generation.config.get("model") or {}
    if generator.get("revision"):  # the very revision that wrote the texts, also when there is a newer one by now
        name = f"{generator['model']}@{generator['revision']}"
        return models.without_thinking(name) if generator.get("think") is False else name
    return str(generation.summary.get("folder") or generation.summary.get("model") or models.TEACHER)


def plan(context: Context, config: JudgeConfig, cell: Cell, generation: Artifact) -> Artifact:
    """Returns the artifact that `run` would make."""
    lineage.check_labels(generation, cell)
    settings = {**identity(config), "definition": cell.task.identity()}
    settings = {name: value for name, value in settings.items() if name not in _without_effect(config)}
    if config.gates:
        settings["gates"] = gates.VERSION
    if config.llm:
        settings["model"] = context.model(judge_name(config, generation)).identity()
        settings["prompt"] = prompts.digest("judge")
        if config.label_threshold:
            settings["label_prompt"] = prompts.digest("classify")
    inputs = [generation.key] + (_human(context, cell, generation) if config.gates else [])
    return stage.plan(
        stage="judge", version=VERSION, config=settings, inputs=inputs, lang=cell.lang, task=cell.task.name
    )


def _without_effect(config: JudgeConfig) -> tuple[str, ...]:
    """Returns the settings that change nothing beside the others."""
    drawing = ("votes", "temperature", "seed")
    if not config.llm:
        return ("threshold", "label_threshold", "judge_all", *drawing)
    both = config.gates or config.label_threshold
    return (*(() if both else ("judge_all",)), *(drawing if config.votes == 1 else ()))


def run(
    context: Context,
    config: JudgeConfig,
    cell: Cell,
    *,
    generation: Artifact,
) -> Outcome:
    """Judges the new texts of one generation, or returns the verdicts that are there.

    Raises:
        DataError: The generation has no text to judge.
        EngineError: The model cannot be loaded, or answered nothing at all.
    """
    planned = plan(context, config, cell, generation)

    model = context.model(judge_name(config, generation)) if config.llm else None

    def judged(inputs: JudgeInputs) -> Computed:
        with context.asker(model, batch_size=_BATCH_SIZE) if model else contextlib.nullcontext() as asker:
            return compute(config, cell, inputs, asker, progress=context.progress)

    outcome = stage.produce(context, planned, read=lambda: _read(context, config, generation, planned), compute=judged)
    if nobody_answered(outcome.summary):
        why, kinds = context.store.query(
            "select mode(reason), count(distinct reason) from verdicts where key = ? and judged_by = ?",
            [outcome.key, NOBODY],
        )[0]
        more = f", and {counted(kinds - 1, 'other reason')}" if kinds > 1 else ""
        texts = counted(outcome.summary["unanswered"], "text")
        what = f"none of {texts} got an answer ({str(why).removeprefix(NO_ANSWER)}{more})"
        raise EngineError(what, f"judge {cell}", "see to the model, and run this again")
    return outcome


def preview(context: Context, config: JudgeConfig, cell: Cell, generation: Artifact, *, most: int) -> Preview:
    """Returns what `run` asks, and its verdicts on the first texts of each label; nothing is kept but the replies.

    Raises:
        DataError: The generation has no text to judge.
        EngineError: The model cannot be loaded.
    """
    planned = plan(context, config, cell, generation)
    inputs = _read(context, config, generation, planned)
    rows = sorted(in_turn(inputs.rows, most, of=lambda row: row.label), key=lambda row: row.idx)
    model = context.model(judge_name(config, generation)) if config.llm else None
    with stage.making_of(planned), context.asker(model) if model else contextlib.nullcontext() as asker:
        found = compute(config, cell, replace(inputs, rows=rows), asker, progress=context.progress).rows["verdicts"]
    asked = {"which label": which_label} if config.llm and config.label_threshold else {}
    asked |= {"will it do": will_do} if config.llm else {}
    names = cell.task.label_names
    verdicts = [
        {"label": names[row.label], "verdict": "accepted" if said["accepted"] else "rejected", "text": row.text,
         **{name: said[name] for name in ("judged_by", "probability", "reason")}}
        for row, said in zip(rows, found, strict=True)
    ]  # fmt: skip
    return Preview(
        prompts={what: ask(cell, rows[:1], votes=config.voting).calls[0].prompt for what, ask in asked.items()},
        results=ViewPart(title=f"{cell}: verdicts on {counted(len(rows), 'text')}", rows=verdicts),
    )


def dry_run(context: Context, config: JudgeConfig, cell: Cell, generation: Artifact) -> list[dict[str, Any]]:
    """Returns what `run` would make and ask, as `--dry-run --json` tells it: one record."""
    planned = plan(context, config, cell, generation)
    model = context.model(judge_name(config, generation)).name if config.llm else "gates"
    return [asked_record(planned, expected(context, config, cell, generation), model=model)]


def _read(context: Context, config: JudgeConfig, generation: Artifact, planned: Artifact) -> JudgeInputs:
    rows = _rows(context, generation)
    if not rows:
        raise DataError(f"generation {generation.short} has no text to judge", fix="see `sdc store show`")
    human = human_texts(context, planned.inputs[1:]) if config.gates else []
    train, test = ([text for split, text in human if split == wanted] for wanted in ("train", "test"))
    return JudgeInputs(generation=generation.key, rows=rows, train=train, test=test)


def expected(
    context: Context,
    config: JudgeConfig,
    cell: Cell,
    generation: Artifact,
    *,
    to_come: Sequence[Candidate] | None = None,
) -> CallEstimate | None:
    """Returns what `run` would ask at the most, as if nothing were rejected; None if the verdicts are there already.

    Args:
        context: Knows the replies, and earlier calls.
        config: How it judges.
        cell: Language and task.
        generation: Of which; one that is only planned where `to_come` stands for its texts.
        to_come: Texts as there will be at the most.
    """
    if stage.are_there(context, [plan(context, config, cell, generation).key]):
        return None
    if not config.llm:
        return CallEstimate.nothing("")
    rows = _rows(context, generation) if to_come is None else to_come
    calls = [*will_do(cell, rows, votes=config.voting).calls]
    if config.label_threshold:
        calls += which_label(cell, rows, votes=config.voting).calls
    model = context.model(judge_name(config, generation))
    asked = estimate(context.store, model, calls, stage="judge", prices=context.budget.prices)
    rejects = (config.gates or config.label_threshold) and not config.judge_all
    return replace(asked, at_least=0) if rejects or to_come is not None else asked


def _rows(context: Context, generation: Artifact) -> list[Candidate]:
    rows = ok_rows(context, generation.key, "synthetic")
    return [Candidate(idx=idx, text=text, label=label) for idx, text, label in rows]


def _human(context: Context, cell: Cell, generation: Artifact) -> list[str]:
    """Returns the keys of the human data that texts must not copy.

    Train data is what the generator saw, else the newest of the cell; test data is all that the store has of the cell.
    """
    train = lineage.train_data_of(context, generation)
    if train is None:
        with contextlib.suppress(DataError):
            train = lineage.newest_data(context, cell, split="train")
    tests = [data.key for data in lineage.all_test_data(context, cell)]
    return [*([train.key] if train else []), *tests]
