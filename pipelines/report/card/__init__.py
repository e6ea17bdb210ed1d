"""The data card: synthetic rows of a cell beside human ones. One file per measure.

A measure takes the two sides and returns figures, each with what human rows would have in their place, or with the
reason why it cannot be told. Here: the registry, and the card. Not here: which rows (`report/data.py`), how it is
written (`formats.py`, `page.py`), conditions on it (`conditions.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.pipelines.report.card import (
    classifier,
    copies,
    distinct,
    labels,
    language,
    lengths,
    neighbours,
    openings,
    rejected,
    script,
    vocabulary,
)
from sdc.pipelines.report.card.figure import Figure, Measurement
from sdc.pipelines.report.card.sides import Sides, counts

#: Measure -> the names of its figures, and what measures them; in the order of the card.
MEASURES: Mapping[str, tuple[tuple[str, ...], Callable[[Sides], Measurement]]] = {
    "classifier": (classifier.NAMES, classifier.measure),
    "distinct": (distinct.NAMES, distinct.measure),
    "neighbours": (neighbours.NAMES, neighbours.measure),
    "vocabulary": (vocabulary.NAMES, vocabulary.measure),
    "openings": (openings.NAMES, openings.measure),
    "lengths": (lengths.NAMES, lengths.measure),
    "copies": (copies.NAMES, copies.measure),
    "language": (language.NAMES, language.measure),
    "script": (script.NAMES, script.measure),
    "labels": (labels.NAMES, labels.measure),
    "rejected": (rejected.NAMES, rejected.measure),
}
#: Every figure that a card has, in order: what conditions may name.
NAMES: tuple[str, ...] = tuple(name for names, _ in MEASURES.values() for name in names)


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """One label: synthetic rows, how many were asked for (None: nobody knows), and human rows."""

    name: str
    synthetic: int
    quota: int | None
    human: int


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of the synthetic rows of a cell.

    Args:
        cell: `lang/task`.
        lang: BCP-47 tag of the texts.
        about: Where the rows come from: kind of artifact -> short key, or name.
        rows: Number of rows by side: synthetic, human, test, seeds, and the pairs that are compared.
        figures: All of `NAMES`, in order.
        labels: In the order of the label ids.
        series: Numbers per row that pictures are drawn from, by measure.
        examples: Rows to look at, by measure.
        notes: What a reader must know, in one line each.
    """

    cell: str
    lang: str
    about: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int]
    figures: tuple[Figure, ...]
    labels: tuple[LabelRow, ...]
    series: Mapping[str, Mapping[str, Sequence[float]]]
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    notes: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure:
        """Returns the figure of that name."""
        return next(figure for figure in self.figures if figure.name == name)


def build(sides: Sides, *, about: Mapping[str, str], done: Callable[[int], None] = lambda number: None) -> Card:
    """Returns the card of two sides.

    Args:
        sides: The rows.
        about: Where they come from.
        done: Called with the number of measures that are finished.
    """
    measured: dict[str, Measurement] = {}
    for number, (measure, (_, function)) in enumerate(MEASURES.items(), start=1):
        measured[measure] = function(sides)
        done(number)
    ours, theirs = counts(sides.synthetic), counts(sides.human)
    rows = {"synthetic": len(sides.synthetic), "human": len(sides.human), "compared": len(sides.pair.human)}
    rows |= {name: len(found) for name in ("test", "seeds") if (found := getattr(sides, name)) is not None}
    left_out = sides.not_compared
    return Card(
        cell=str(sides.cell),
        lang=sides.cell.lang,
        about=about,
        rows=rows,
        figures=tuple(figure for found in measured.values() for figure in found.figures),
        labels=tuple(
            LabelRow(
                name=label.name, synthetic=ours[label.id], quota=sides.quotas.get(label.id), human=theirs[label.id]
            )
            for label in sides.cell.task.labels
        ),
        series={name: found.series for name, found in measured.items() if found.series},
        examples={name: found.examples for name, found in measured.items() if found.examples},
        notes=(f"not compared, for one side has no row of it: {', '.join(left_out)}",) if left_out else (),
    )
