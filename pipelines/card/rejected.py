"""rejected: how many rows were not accepted, by which gate and why, and how many human rows the same gates stop."""

from collections import Counter

from sdc.pipelines import gates
from sdc.pipelines.card.figure import Figure, Measured, counted, share
from sdc.pipelines.card.sides import Sides, texts

NAMES = ("rejected",)
#: A human row is always a copy of a human row.
_NOT_HUMAN = "copy"


def measure(sides: Sides) -> Measured:
    """Returns the share of all new rows that were rejected, and of human rows that the gates would reject.

    The human column has the deterministic gates only, without the one for copies; human rows have set their norm.
    Degenerate case: not told without any row.

    Source: none.
    """
    total = len(sides.verdicts)
    stopped = Counter(gate for gate, _ in sides.verdicts if gate)
    human = _human(sides)
    figure = Figure(
        name="rejected", what="rows that were rejected" if sides.judged else "rows that the gates would reject",
        synthetic=share(stopped.total(), total), human=share(human.total(), len(sides.some_human)),
        note=", ".join(f"{name} {rows}" for name, rows in stopped.most_common(4)) or (
            "" if total else f"no judgement, and {counted(total)}"
        ),
        details={"rows": stopped.total(), **{f"by_{name}": rows for name, rows in stopped.items()}},
    )  # fmt: skip
    examples = [
        {
            "gate": name,
            "rows": rows,
            "share": round(rows / total, 4),
            "human_share": round(human[name] / len(sides.some_human), 4) if sides.some_human else None,
            "reason": Counter(reason for gate, reason in sides.verdicts if gate == name).most_common(1)[0][0],
        }
        for name, rows in stopped.most_common()
    ]
    return Measured(figures=(figure,), examples=examples)


def _human(sides: Sides) -> Counter[str]:
    """Returns how many human rows each gate would be the first to stop."""
    check = gates.build(sides.cell, texts(sides.human), sides.test or ())
    found: Counter[str] = Counter()
    for text in texts(sides.some_human):
        reasons = [name for name in check.all_reasons(text) if name != _NOT_HUMAN]
        found.update(reasons[:1])
        if not reasons:
            check.accept(text)
    return found
