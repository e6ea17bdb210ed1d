"""The rows of a human judgement: verdicts, votes, and the examples of a corrected generation.

Here: what stands in the tables. Not here: keys and summaries (`judgement.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sdc.cache.store import Artifact
from sdc.pipelines.judge.review.agreement import NOBODY
from sdc.pipelines.judge.review.reviewed import Reviewed
from sdc.pipelines.judge.review.votes import Ruling
from sdc.pipelines.records.examples import whole_rows
from sdc.pipelines.stage import Context


def examples(context: Context, generation: Artifact) -> list[dict[str, Any]]:
    """Returns the rows of a generation that a judgement is about, and the seed examples."""
    rows = whole_rows(context, generation.key)
    return [row for row in rows if row["status"] == "seed" or (row["source"], row["status"]) == ("synthetic", "ok")]


def base_verdicts(
    context: Context, reviewed: Reviewed, examples: Sequence[Mapping[str, Any]]
) -> dict[int, dict[str, Any]]:
    """Returns the verdicts that hold where no person decided; without a judgement every text is in, as for sample."""
    if reviewed.judgement is None:
        blank = {"accepted": True, "reason": None, "judged_by": NOBODY, "probability": None}
        return {row["idx"]: {"idx": row["idx"], **blank} for row in examples if row["status"] == "ok"}
    found = context.store.query(
        """select idx, accepted, reason, judged_by, probability from verdicts
        where key = ? and example_key = ? order by idx""",
        [reviewed.judgement.key, reviewed.generation.key],
    )
    names = ("idx", "accepted", "reason", "judged_by", "probability")
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def verdict(idx: int, ruling: Ruling, *, accepted: bool) -> dict[str, Any]:
    """Returns the verdict that a ruling comes to, on the text as it was or as it is now."""
    reason = None if accepted else ruling.reason
    return {"idx": idx, "accepted": accepted, "reason": reason, "judged_by": ruling.judged_by, "probability": None}


def corrected(
    reviewed: Reviewed, examples: Sequence[Mapping[str, Any]], verdicts: Mapping[int, Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
    """Returns the rows and verdicts of the corrected generation: what was there, then a new row per changed text."""
    source = reviewed.generation.key
    kept = [row for row in examples if row["status"] == "seed" or row["idx"] in verdicts]
    number = {row["idx"]: new for new, row in enumerate(kept)}
    rows = [
        {**row, "idx": number[row["idx"]], **({} if row["status"] == "seed" else {"origin": f"kept {source}"})}
        for row in kept
    ]
    judged = {number[idx]: {**verdict, "idx": number[idx]} for idx, verdict in verdicts.items()}
    ids = {label.name: label.id for label in reviewed.cell.task.labels}
    by_idx = {row["idx"]: row for row in examples}
    for idx, ruling in reviewed.rulings.items():
        if ruling.accepted and ruling.changed:
            old, new = by_idx[idx], len(rows)
            label = ruling.label or old["label_name"]
            origin = f"row {idx} of {source}, {ruling.reason}"
            text = old["text"] if ruling.text is None else ruling.text
            rows.append({**old, "idx": new, "text": text, "label": ids[label], "label_name": label, "origin": origin})
            judged[new] = verdict(new, ruling, accepted=True)
    return rows, judged


def reviews(reviewed: Reviewed) -> Sequence[dict[str, Any]]:
    """Returns one row per vote, also of those that others outvoted."""
    ids = {label.name: label.id for label in reviewed.cell.task.labels}
    return [
        {
            **{name: getattr(vote, name) for name in ("idx", "reviewer", "decision", "reason", "text", "comment")},
            "label": ids[vote.label] if vote.label is not None else None,
            "example_key": reviewed.generation.key,
            "blind": vote.blind,
            "decided_at": vote.decided_at,
        }
        for votes in reviewed.votes.values()
        for vote in votes
    ]
