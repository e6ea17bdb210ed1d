"""How many rows begin alike: the share of the ten commonest two-word openings."""

from collections import Counter
from collections.abc import Sequence

from sdc.pipelines.report.card.figure import Figure, Measurement, share
from sdc.pipelines.report.card.sides import Sides, texts
from sdc.pipelines.text.words import opening

NAMES = ("openings",)
NUM_OPENINGS = 10
#: Of fewer rows, ten openings are many even if all differ.
LEAST_ROWS = 100


def commonest(rows: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
    """Returns the ten commonest openings and how many rows begin with each; equal ones in alphabetical order.

    A row that is too short to have an opening has none.

    >>> commonest(["Just spent it", "just SPENT two", "Why do I", "Yes"])
    [(('just', 'spent'), 2), (('why', 'do'), 1)]
    """
    counts = Counter(found for found in map(opening, rows) if found is not None)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:NUM_OPENINGS]


def measure(sides: Sides) -> Measurement:
    """Returns the share of rows that begin with one of the ten commonest openings of their side.

    Range: 10 / rows (all differ) to 1. It falls with the number of rows, so equally many of each label are taken; if
    there are too few human rows, all synthetic ones. The interval is Wilson's, for the ten as they are. Degenerate
    case: 0 if no row has an opening.

    Source: none; the paper's sarcasm rows made it necessary (half of them begin with one of ten).
    """
    pair = sides.pair
    note = sides.too_few(LEAST_ROWS)
    ours, theirs = (texts(sides.some_synthetic), []) if note else (texts(pair.synthetic), texts(pair.human))
    if len(ours) < LEAST_ROWS:
        ours, note = [], f"too few synthetic rows: {len(ours)}, wants {LEAST_ROWS}"
    tops = [commonest(rows) for rows in (ours, theirs)]
    found = [share(sum(count for _, count in top), len(rows)) for top, rows in zip(tops, (ours, theirs), strict=True)]
    figure = Figure(
        name="openings", what="rows with one of the ten commonest openings", synthetic=found[0], human=found[1],
        note=note, details={"rows": len(ours)},
    )  # fmt: skip
    examples = [
        {"side": side, "opening": " ".join(words), "rows": count}
        for side, top in zip(("synthetic", "human"), tops, strict=True)
        for words, count in top
    ]
    return Measurement(figures=(figure,), examples=examples)
