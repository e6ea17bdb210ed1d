"""Texts of human data and of generations, by label; with what a judgement says of them, where that is shown."""

from collections import Counter
from collections.abc import Sequence

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.pipelines.cells import of_artifact
from sdc.pipelines.records.examples import whole_rows
from sdc.pipelines.records.judged import judged_rows
from sdc.pipelines.show.choice import ShowChoice, View, counts
from sdc.pipelines.stage import Context
from sdc.pipelines.view import Row

#: What is shown of data and generations where no status is asked for.
_USUAL = ("ok",)
REJECTED, ACCEPTED = "rejected", "accepted"


def examples(context: Context, artifact: Artifact, choice: ShowChoice) -> View:
    """Returns the texts of human data or of a generation; the usable ones where no status is asked for."""
    rows = [
        {"label": row["label_name"], **{name: row[name] for name in ("idx", "status", "text", "reason")}}
        for row in whole_rows(context, artifact.key)
    ]
    return _view(context, artifact, choice, rows, usual=_USUAL)


def verdicts(context: Context, artifact: Artifact, choice: ShowChoice) -> View:
    """Returns the texts that a judgement is about, the rejected ones first, with who judged them and why."""
    names = of_artifact(context.store, artifact).task.label_names
    rows = [
        {"label": names[row.label], "idx": row.idx, "status": ACCEPTED if row.accepted else REJECTED, "text": row.text,
         "judged_by": row.judged_by, "probability": row.probability, "reason": row.reason}
        for row in sorted(judged_rows(context.store, artifact.key), key=lambda row: (row.accepted, row.idx))
    ]  # fmt: skip
    return _view(context, artifact, choice, rows, usual=(REJECTED, ACCEPTED))


def _view(
    context: Context, artifact: Artifact, choice: ShowChoice, rows: Sequence[Row], *, usual: Sequence[str]
) -> View:
    cell = of_artifact(context.store, artifact)
    found = Counter(row["status"] for row in rows)
    statuses = choice.of_statuses(found, usual=usual)
    about = artifact.summary.get("model") or artifact.summary.get("file")
    title = f"{artifact.stage} {cell} {artifact.short}: {counted(len(rows), 'row')}, {counts(found)}"
    return View(title=f"{title}; {about}" if about else title, parts=choice.grouped(rows, cell.task, statuses=statuses))
