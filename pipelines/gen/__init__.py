"""gen: an LLM writes synthetic texts for each label of a cell until the quota of new, acceptable texts is there.

Here: settings, key and the artifact. Not here: the loop (`loop.py`), prompts, how models run, what an LLM thinks of
a text (judge).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.key import identity
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError
from sdc.pipelines import gates, presets, prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models, open_asker
from sdc.pipelines.engines.estimate import Estimate, estimate
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.gen.incentives import CHOICES, NONE
from sdc.pipelines.gen.loop import Generation
from sdc.pipelines.gen.progress import describe
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Computed, Context, Outcome

VERSION = 3


@dataclass(frozen=True, kw_only=True)
class GenConfig:
    """How synthetic texts are written.

    Args:
        quota: New texts per label, at least 1; None takes the task's.
        num_texts: Texts asked for in one call, at least 1.
        num_seeds: Human examples per label that the generator is shown, at least 0.
        temperature: 0 is greedy; the paper samples at 0.7.
        top_p: Nucleus, in (0, 1].
        repetition_penalty: 1 is none.
        max_tokens: The most tokens of one reply.
        label_style: How the prompt names the label: `name`, `explanation` (the paper) or `both`.
        near_duplicate: Character 5-gram Jaccard at which a text counts as a copy; above 1 only equal texts do.
        gates: Whether only texts that pass the gates count for the quota.
        incentive: What is done for diversity: `none`, `taboo`, `hints`, `chain`, or `auto`, which begins without any
            and takes the next one when novelty falls.
        seed: Root of the choice of seed examples and of sampling.
    """

    quota: int | None = None
    num_texts: int = 10
    num_seeds: int = 10
    temperature: float = 0.7
    top_p: float = 0.9
    repetition_penalty: float = 1.2
    max_tokens: int = 4096
    label_style: str = "both"
    near_duplicate: float = 0.8
    gates: bool = False
    incentive: str = NONE
    seed: int = 1337
    model: str = field(default=models.TEACHER, metadata={"key": False})  # its identity is in the key instead

    def __post_init__(self) -> None:
        for name in ("quota", "num_texts", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}", "gen", "correct the flag")
        for name in ("temperature", "top_p", "repetition_penalty", "near_duplicate"):
            if not math.isfinite(getattr(self, name)):
                raise UsageError(f"{name} must be a finite number", "gen", "correct the flag")
        if self.near_duplicate <= 0:
            raise UsageError(f"near_duplicate must be above 0, not {self.near_duplicate}", "gen", "correct the flag")
        if self.num_seeds < 0 or self.temperature < 0 or not 0 < self.top_p <= 1 or self.repetition_penalty <= 0:
            raise UsageError("num_seeds, temperature, top_p or repetition_penalty is out of range", "gen", "see --help")
        if self.label_style not in prompts.LABEL_STYLES:
            raise UsageError(
                f"unknown label style {self.label_style!r}", "gen", f"use {', '.join(prompts.LABEL_STYLES)}"
            )
        if self.incentive not in CHOICES:
            known = ", ".join(CHOICES)
            raise UsageError(f"unknown incentive {self.incentive!r}", "--incentive", f"use one of {known}")


def configured(store: Store, preset: str, **flags: Any) -> GenConfig:
    """Returns the settings of a generation: flags over what the model needs over the preset; None is not given."""
    settings = presets.load(preset, "gen")
    given = flags.get("model")
    name = settings.get("model") or models.TEACHER if given is None else given
    return GenConfig(
        **presets.merged(settings | dict(models.resolve(store, name).sampling), **{**flags, "model": name})
    )


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
    model = models.resolve(context.store, config.model)
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
    found = dict(
        context.store.query(
            "select label, count(distinct text) from examples where key = ? and status = 'ok' group by label",
            [data.key],
        )
    )
    for label in cell.task.labels:
        there = found.get(label.id, 0)
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

    def compute() -> Computed:
        model = models.resolve(context.store, config.model)
        with open_asker(context, model) as asker:
            return Generation(context, config, cell, planned).compute(asker)

    return stage.produce(context, planned, compute)


def first_calls(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> list[Call]:
    """Returns the calls that `run` needs at least, as far as they are known without asking anything.

    Prompts show the task's own descriptions of the labels where the generator's are not known yet.
    """
    planned = plan(context, config, cell, data=data, judgement=judgement)
    return Generation(context, config, cell, planned).first_calls()


def expected(
    context: Context, config: GenConfig, cell: Cell, *, data: Artifact | None, judgement: Artifact | None
) -> Estimate | None:
    """Returns what `run` would ask at least, as if every text were new; None if the texts are there already."""
    planned = plan(context, config, cell, data=data, judgement=judgement)
    if stage.are_there(context, [planned.key]):
        return None
    calls = Generation(context, config, cell, planned).first_calls()
    return estimate(context, models.resolve(context.store, config.model), calls, stage="gen")


def short_labels(summary: Mapping[str, Any]) -> list[str]:
    """Returns one line per label that did not reach its quota, saying why, with the numbers."""
    return [
        f"{name}: {item['accepted']} of {item['quota']}, {item['stopped']} ({describe(item)})"
        for name, item in summary.get("labels", {}).items()
        if item["accepted"] < item["quota"]
    ]
