"""rejected: how many rows were not accepted, by which gate and why, and how many human rows the same gates stop."""

from collections import Counter
from collections.abc import Collection, Sequence

from sdc.cache.counted import counted
from sdc.pipelines import gates
from sdc.pipelines.report.card.figure import Figure, Measurement, share
from sdc.pipelines.report.card.sides import Sides, texts

NAMES = ("rejected",)
#: What a human row is always or often, and has figures of its own: a copy of a human row, and a row of the test.
_NOT_TEST, _NOT_TRAIN = ("copy", "test"), ("copy",)
#: The most human rows, in random order: to read them is most of the work of a card, and a share of 1 % is then known
#: within 0.6 points.
_MOST_HUMAN = 1000
IN_SAMPLE = "human rows set the gates' limits themselves: without a test split their share is lower than it would be"


def measure(sides: Sides) -> Measurement:
    """Returns the share of all new rows that were rejected, and of human rows that the gates would reject.

    The human column has the deterministic gates only, without those for copies and test rows. Its rows are those of the
    test split, which have set no limit, 1,000 of them at most; the train rows where there is none, as the note then
    says. Degenerate case: not told without any row.

    Source: none.
    """
    check = gates.Gates(sides.reference, {})
    verdicts = sides.verdicts if sides.verdicts is not None else _stopped(check, texts(sides.synthetic))
    total, stopped = len(verdicts), Counter(gate for gate, _ in verdicts if gate)
    rows, without = (sides.some_test, _NOT_TEST) if sides.test else (texts(sides.some_human), _NOT_TRAIN)
    rows = rows[:_MOST_HUMAN]
    human = Counter(gate for gate, _ in _stopped(check, rows, without=without) if gate)
    judged = sides.verdicts is not None
    commonest = ", ".join(f"{name} {number}" for name, number in stopped.most_common(4))
    in_sample = bool(rows) and not sides.test
    figure = Figure(
        name="rejected", what="rows that were rejected" if judged else "rows that the gates would reject",
        synthetic=share(stopped.total(), total), human=share(human.total(), len(rows)),
        note=("; ".join(filter(None, (commonest, IN_SAMPLE if in_sample else ""))) if total
              else f"no judgement, and {counted(total, 'row')}"),
        details={
            "rows": stopped.total(), "human_rows": len(rows), "human_in_sample": int(in_sample),
            **{f"by_{name}": number for name, number in stopped.items()},
        },
    )  # fmt: skip
    examples = [
        {
            "gate": name,
            "rows": number,
            "share": round(number / total, 4),
            "human_share": round(human[name] / len(rows), 4) if rows and name in _known(without) else None,
            "reason": Counter(reason for gate, reason in verdicts if gate == name).most_common(1)[0][0],
        }
        for name, number in stopped.most_common()
    ]
    return Measurement(figures=(figure,), examples=examples)


def _known(without: Collection[str]) -> list[str]:
    """Returns what human rows were held against: an LLM, or a gate left out, has no human share."""
    return [name for name in gates.GATES if name not in without]


def _stopped(
    check: gates.Gates, rows: Sequence[str], *, without: Collection[str] = ()
) -> tuple[tuple[str | None, str], ...]:
    """Returns of every row which gate is the first to stop it, and why."""
    check, found = check.anew(), list[tuple[str | None, str]]()
    check.read_ahead(rows, without=without)
    for text in rows:
        stopped = check(text, without=without)
        found.append(stopped or (None, ""))
        if stopped is None:
            check.accept(text)
    return tuple(found)
