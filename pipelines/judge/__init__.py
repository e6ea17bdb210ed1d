"""judge: decides for every new synthetic text whether it is accepted: gates first, then the LLM on what they let pass.

Here: the two steps and their settings. Not here: each gate (`gates/`), what the LLM is asked and how its replies
are read (`llm.py`), what becomes of a text (`verdicts.py`), topping up what was rejected (gen).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import identity
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, EngineError
from sdc.pipelines import gates, presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.engines.estimate import CallEstimate, estimate
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import Candidate, which_label, will_do
from sdc.pipelines.judge.verdicts import (
    NO_ANSWER,
    NOBODY,
    Evidence,
    agreement,
    label_holds,
    nobody_answered,
    summary,
    verdict,
)
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Computed, Context, Outcome

VERSION = 3
#: Judge prompts are short.
_BATCH_SIZE = 64


def configured(_: Store, preset: str, *, no_think: bool = False, **flags: Any) -> JudgeConfig:
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
        settings["model"] = models.resolve(context.store, judge_name(config, generation)).identity()
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

    def compute() -> Computed:
        rows = _rows(context, generation)
        if not rows:
            raise DataError(f"generation {generation.short} has no text to judge", fix="see `sdc store show`")
        evidence = {row.idx: Evidence() for row in rows}
        if config.gates:
            check = _gates(context, cell, planned.inputs[1:])
            check.read_ahead([row.text for row in rows])
            for number, row in enumerate(rows):
                evidence[row.idx].gate = check(row.text)
                if evidence[row.idx].gate is None:
                    check.accept(row.text)
                context.progress(f"gates {cell}", number + 1, len(rows))
        usage = _ask(context, config, cell, generation, rows, evidence) if config.llm else {}
        of_rows = [verdict(config, cell.task, row, evidence[row.idx]) for row in rows]
        about = summary(of_rows, rows, cell.task) | {"usage": usage}
        if config.judge_all and (tables := agreement(config, rows, evidence)):
            about["agreement"] = tables
        verdicts = [{**said, "example_key": generation.key} for said in of_rows]
        return Computed(rows={"verdicts": verdicts}, summary=about)

    outcome = stage.produce(context, planned, read=lambda: None, compute=lambda _: compute())
    if nobody_answered(outcome.summary):
        (why,) = context.store.query(
            "select mode(reason) from verdicts where key = ? and judged_by = ?", [outcome.key, NOBODY]
        )[0]
        texts = counted(outcome.summary["unanswered"], "text")
        what = f"none of {texts} got an answer ({str(why).removeprefix(NO_ANSWER)})"
        raise EngineError(what, f"judge {cell}", "see to the model, and run this again")
    return outcome


def expected(context: Context, config: JudgeConfig, cell: Cell, generation: Artifact) -> CallEstimate | None:
    """Returns what `run` would ask at the most, as if nothing were rejected; None if the verdicts are there already."""
    if stage.are_there(context, [plan(context, config, cell, generation).key]):
        return None
    if not config.llm:
        return CallEstimate(calls=0, prompt_tokens=0, completion_tokens=0, seconds=0.0)
    rows = _rows(context, generation)
    calls = [*will_do(cell, rows, votes=config.voting).calls]
    if config.label_threshold:
        calls += which_label(cell, rows, votes=config.voting).calls
    model = models.resolve(context.store, judge_name(config, generation))
    return estimate(context.store, model, calls, stage="judge", prices=context.budget.prices)


def _rows(context: Context, generation: Artifact) -> list[Candidate]:
    found = context.store.query(
        """select idx, text, label from examples
        where key = ? and source = 'synthetic' and status = 'ok' order by idx""",
        [generation.key],
    )
    return [Candidate(idx=idx, text=text, label=label) for idx, text, label in found]


def _ask(
    context: Context,
    config: JudgeConfig,
    cell: Cell,
    generation: Artifact,
    rows: list[Candidate],
    evidence: dict[int, Evidence],
) -> dict[str, Any]:
    """Asks the LLM about the texts that are still open, or about all, and returns what it cost."""
    if not config.judge_all:
        rows = [row for row in rows if evidence[row.idx].gate is None]
    if not rows:
        return {}
    model = models.resolve(context.store, judge_name(config, generation))
    with context.asker(model, batch_size=_BATCH_SIZE) as asker:
        if config.label_threshold:
            labels = which_label(cell, rows, votes=config.voting).ask(asker, progress=context.progress)
            for row, opinion in zip(rows, labels, strict=True):
                evidence[row.idx].label = opinion
            if not config.judge_all:
                rows = [row for row in rows if label_holds(config, row, evidence[row.idx])]
        answers = will_do(cell, rows, votes=config.voting).ask(asker, progress=context.progress)
        for row, opinion in zip(rows, answers, strict=True):
            evidence[row.idx].answer = opinion
        return asker.usage.as_json()


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


def _gates(context: Context, cell: Cell, human: Sequence[str]) -> gates.Gates:
    found = context.store.query(
        """select split, text from examples where list_contains(?, key) and source = 'human'
        and status in ('ok', 'unlabelled') order by key, idx""",
        [list(human)],
    )
    of_split = {name: [text for split, text in found if split == name] for name in ("train", "test")}
    return gates.build(cell, of_split["train"], of_split["test"])
