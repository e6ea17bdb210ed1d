"""How evenly the rows are spread over the labels, and how much of the quota is there."""

from collections.abc import Mapping, Sequence

from sdc.cache.counted import counted
from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report.card.figure import Figure, Measurement
from sdc.pipelines.report.card.sides import Sides, counts

NAMES = ("label_balance", "quota")


def balance(rows: Sequence[int]) -> float:
    """Returns the rows of the rarest label over those of the commonest.

    Range: 0 to 1, which is perfect balance. Degenerate case: 0 if a label has no row, or none has any.

    Source: none; the reciprocal of the imbalance ratio.

    >>> balance([143, 188]), balance([0, 10])
    (0.7606382978723404, 0.0)
    """
    return min(rows) / max(rows) if max(rows, default=0) else 0.0


def filled(rows: Mapping[int, int], quotas: Mapping[int, int]) -> float:
    """Returns how much of the quotas is there: rows above a label's quota do not make up for another's lack.

    Range: 0 to 1. Degenerate case: 1 if nothing was asked for.

    Source: none; the quota is the paper's (section 3, 200 per label).

    >>> filled({0: 250, 1: 100}, {0: 200, 1: 200})
    0.75
    """
    asked = sum(quotas.values())
    return sum(min(rows.get(label, 0), quota) for label, quota in quotas.items()) / asked if asked else 1.0


def measure(sides: Sides) -> Measurement:
    """Returns balance and quota of the rows that are judged; rejected ones count as not there."""
    labels = sides.cell.task.labels
    ours, theirs = counts(sides.synthetic), counts(sides.human)
    rarest = min(labels, key=lambda label: (ours[label.id], label.id))
    even = Figure(
        name="label_balance", what="rarest label / commonest label",
        synthetic=Estimate(value=balance([ours[label.id] for label in labels])),
        human=Estimate(value=balance([theirs[label.id] for label in labels])) if sides.human else None,
        note=f"rarest: {rarest.name}, {counted(ours[rarest.id], 'row')}",
    )  # fmt: skip
    if not sides.quotas:
        return Measurement(figures=(even, Figure(name="quota", what="quota reached", synthetic=None, note="no quota")))
    short = sum(ours[label] < quota for label, quota in sides.quotas.items())
    reached = Figure(
        name="quota", what="quota reached", synthetic=Estimate(value=filled(ours, sides.quotas)),
        note=f"{short} of {len(labels)} labels are short" if short else "", details={"short": short},
    )  # fmt: skip
    return Measurement(figures=(even, reached))
