"""What `sdc run` shows: what an experiment takes, what it came to.

Here: rows for people and for programs. Not here: flags (`run.py`), how far it is (`run_status.py`), counts
(`pipelines/run/`).
"""

from pathlib import Path

from sdc.cli import render
from sdc.cli.planned import Planned
from sdc.errors import DataError, UsageError, system_reason
from sdc.pipelines.engines.estimate import asked_record
from sdc.pipelines.gen.config import MOST_ROUNDS
from sdc.pipelines.run import ExperimentEnded
from sdc.pipelines.run.asked import asked
from sdc.pipelines.run.estimate import Expected, Measured, expected, model_names
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.text.visible import as_json as json_text


def show_expected(context: Context, plan: ExperimentPlan, site: Site, *, as_json: bool) -> None:
    """Shows what writing and judging ask, then what each line of students takes, wave by wave."""
    asks, unknown = asked(context, plan.experiment)
    records = [asked_record(each.planned, each.expected, model=each.model) for each in asks]
    Planned(records, apart=("stage", "model")).show(as_json=as_json)
    there = set(plan.there(context.store))
    rows = expected(plan, there, Measured(context.store, model_names(context, plan)), site)
    if as_json:
        render.data("".join(json_text(row.as_json()) + "\n" for row in rows))
        return
    columns = ("students", "wave", "runs", "there", "draws", "outputs", "hours", "cost", "MB", "kg CO2e")
    title = f"{plan.experiment.name}, {plan.digest[:12]}"
    render.table(columns, [_cells(row) for row in rows], title=title, to_stderr=True)
    total = rows[-1]
    lacking: dict[str, list[str]] = {}
    for inputs in plan.cells:
        if inputs.missing:
            lacking.setdefault(", ".join(inputs.missing), []).append(str(inputs.cell))
    for missing, cells in lacking.items():
        render.note(f"still to do: {missing} of {', '.join(cells)}; their draws are as expected")
    for why, cells in unknown.items():
        render.note(f"calls of gen and judge are not known for {', '.join(cells)}: {why}")
    if plan.experiment.until_accepted and any(each.expected for each in asks):
        render.note(f"these are calls of the first of up to {MOST_ROUNDS} rounds of writing and judging")
    for line, why in plan.unknown.items():
        render.note(f"{plan.experiment.lines[line]}: {why}")
    if total.hours is None:
        render.note("hours and money are of measured runs: some methods were never run here with these models")


def _cells(row: Expected) -> list[str]:
    return [
        row.line,
        "" if row.wave is None else str(row.wave),
        f"{row.runs:,}",
        f"{row.there:,}",
        f"{row.draws:,}",
        number(row.outputs, ",.0f"),
        number(row.hours, ",.2f"),
        number(row.cost, ",.2f"),
        number(None if row.bytes is None else row.bytes / 1e6, ",.1f"),
        number(row.kg_co2e, ",.2f"),
    ]


def number(value: float | None, form: str) -> str:
    """Returns a number as a cell of a table has it; nothing where it is not known."""
    return "" if value is None else format(value, form)


def emit_summary(ended: ExperimentEnded) -> None:
    """Writes what an experiment came to as one JSON object."""
    doing = ended.doing
    about = {
        "plan": ended.plan.digest,
        "folder": str(ended.folder.path),
        "runs": doing.runs,
        "there": doing.there,
        "made": doing.num_made,
        "failed": doing.failed,
        "missing": ended.num_missing,
        "stopped": doing.stopped or None,
        "errors": [f"{name}: {error}" for name, error in doing.errors],
    }
    render.data(json_text(about) + "\n")


def write_new(path: Path, text: str) -> None:
    """Writes a file that is not there yet.

    Raises:
        UsageError: It is there.
        DataError: It cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError("it is there already", str(path), "choose another name") from error
    except OSError as error:
        raise DataError(f"cannot write it ({system_reason(error)})", str(path), "check the path") from error
