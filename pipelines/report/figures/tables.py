"""Tables 1 and 2 of the paper: the prompts as sdc renders them, and the GPU hours of a run.

Here: their rows. Not here: Markdown, CSV and LaTeX (`formats.py`).
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdc.cache.key import SHORT, digest
from sdc.pipelines import prompts, tasks
from sdc.pipelines.records import runs
from sdc.pipelines.report.costs import PAPER_HOURS
from sdc.pipelines.report.figures import lines
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.points import GENERATOR, MAJORITY, Point
from sdc.pipelines.report.result import mixed
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages

_TASKS = ("sentiment", "topic", "intent", "sarcasm")
#: How a prompt compares with the paper's, in our words.
_GENERATION = "asks for 10 texts, as its appendix A says (its table: 6); names the label beside the explanation of it"
_CLASSIFICATION = "the same instruction and numbered options"


@dataclass(frozen=True, kw_only=True)
class NamedTable:
    """A table and the name of its files, without an ending."""

    name: str
    table: Table


def of_prompts() -> NamedTable:
    """Returns table 1: each prompt as sdc sends it, with digests, and how it compares with the paper's."""
    task = tasks.load("topic")
    made = prompts.gen(
        task, languages.load("te"), task.labels[0], seed_texts=["{example}"], explanation="{explanation}"
    )
    rows = [("generation", "gen", _GENERATION, made)]
    rows += [(name, "classify", _CLASSIFICATION, prompts.classify(tasks.load(name), text="{text}")) for name in _TASKS]
    cells = [
        (name, prompts.digest(template)[:SHORT], digest(text)[:SHORT], against, " ".join(text.split()))
        for name, template, against, text in rows
    ]
    return NamedTable(
        name="table-1",
        table=Table(
            columns=("prompt", "template", "digest", "beside the paper", "as sdc renders it"),
            rows=tuple(cells),
            title="Prompts as sdc renders them (generation: Telugu, topic, its first label)",
        ),
    )


def of_hours(context: Context, material: Material) -> NamedTable:
    """Returns table 2: hours of one run, mean over runs, as this store has them, beside the paper's."""
    kinds: dict[tuple[str, str], list[Point]] = {}
    for point in material.found.points:
        if point.role != MAJORITY and point.n:
            kinds.setdefault((_kind(point), str(point.model)), []).append(point)
    members = [member for points in kinds.values() for point in points for member in point.members]
    seconds = runs.seconds_of(context.store, [member.run for member in members if member.value is not None])
    order = ["generator", "finetune", "prompting", "icl", "lora", "linear", "probe"]
    there = sorted(kinds, key=lambda kind: (order.index(kind[0]) if kind[0] in order else len(order), kind[1]))
    lacking = [(kind, "-") for kind in order if kind in PAPER_HOURS and kind not in {name for name, _ in there}]
    rows = [
        (lines.METHODS.get(kind, kind), model, *_mean_hours(kinds.get((kind, model), []), seconds),
         PAPER_HOURS.get(kind, "-"))
        for kind, model in [*there, *lacking]
    ]  # fmt: skip
    return NamedTable(
        name="table-2",
        table=Table(
            columns=("students", "model", "hours of a run", "runs", "mean over", "hours in the paper"),
            rows=tuple(rows),
            title="Hours of one run: encoding, training and inference on its test; a dash is not measured",
        ),
    )


def _kind(point: Point) -> str:
    """Returns what table 2 calls it, as `PAPER_HOURS` has it."""
    if point.method == "icl" and point.role == GENERATOR:
        return "generator"
    return "prompting" if point.method == "icl" and point.shots == 0 else str(point.method)


def _mean_hours(points: Sequence[Point], seconds: Mapping[str, float]) -> tuple[str, str, str]:
    """Returns the mean over runs whose time is known, how many runs there are, and what differs among them."""
    runs = [member.run for point in points for member in point.members if member.value is not None]
    known = [seconds[run] / 3600 for run in runs if run in seconds]
    hours = f"{statistics.fmean(known):.3g}" if known else "-"
    return hours, str(len(runs)), mixed(points) or "-"
