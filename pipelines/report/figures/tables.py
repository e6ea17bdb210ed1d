"""Tables 1 and 2 of the paper: the prompts as sdc renders them, and the GPU hours of a run.

Here: their rows. Not here: Markdown, CSV and LaTeX (`formats.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.key import SHORT, digest
from sdc.pipelines import prompts, tasks
from sdc.pipelines.records import spent
from sdc.pipelines.records.spent import StudentTime
from sdc.pipelines.report.costs import PAPER_HOURS
from sdc.pipelines.report.figures import lines
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.points import GENERATOR
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
    points = material.found.points
    runs = sorted({member.run for point in points for member in point.members})
    generators = {str(point.model) for point in points if point.role == GENERATOR}
    kinds: dict[tuple[str, str], list[StudentTime]] = {}
    for time in spent.of_students(context.store, runs):
        kinds.setdefault((_kind(time, generators), time.model), []).append(time)
    order = ["generator", "finetune", "prompting", "icl", "lora", "linear", "probe"]
    there = sorted(kinds, key=lambda kind: (order.index(kind[0]) if kind[0] in order else len(order), kind[1]))
    lacking = [(kind, "-") for kind in order if kind in PAPER_HOURS and kind not in {name for name, _ in there}]
    rows = [(lines.METHODS.get(kind, kind), model, _mean_hours(times := kinds.get((kind, model), [])),
             str(sum(time.num_runs for time in times)), PAPER_HOURS.get(kind, "-"))
            for kind, model in [*there, *lacking]]  # fmt: skip
    return NamedTable(
        name="table-2",
        table=Table(
            columns=("students", "model", "hours of a run", "runs", "hours in the paper"),
            rows=tuple(rows),
            title="Hours of one run, training and inference on its test; a dash is not measured",
        ),
    )


def _kind(time: StudentTime, generators: set[str]) -> str:
    """Returns what table 2 calls it, as `PAPER_HOURS` has it."""
    if time.method == "icl" and time.model in generators:
        return "generator"
    return "prompting" if time.method == "icl" and time.shots == 0 else time.method


def _mean_hours(times: Sequence[StudentTime]) -> str:
    known = [time for time in times if time.seconds is not None]
    if not known:
        return "-"
    mean = sum((time.seconds or 0) * time.num_runs for time in known) / sum(time.num_runs for time in known) / 3600
    return f"{mean:.3g}"
