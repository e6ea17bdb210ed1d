"""The two sides that a data card compares: the synthetic rows of a cell, and what people wrote for the same task.

Here: the rows, and equal numbers of them per label. Not here: where they are read from (`report/data.py`).
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from sdc.cache.key import derive_seed
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates.reference import Reference

#: The most rows a side that costly comparisons look at; the ends of intervals hardly move beyond.
MOST_ROWS = 2000

_T = TypeVar("_T")


class Example(NamedTuple):
    """A text and its label id."""

    text: str
    label: int


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Equally many rows of both sides for each label, so that neither number nor mix of labels tells them apart."""

    synthetic: tuple[Example, ...]
    human: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The rows of one cell.

    Args:
        cell: Their language and task.
        synthetic: The rows that are judged: at least one.
        human: Human train rows; there may be none.
        test: Texts of the human test rows; None if there are none.
        seeds: Texts that the generator was shown; None if nobody knows (rows made elsewhere).
        quotas: Rows asked for per label, by label id.
        seed: Root of the choice of rows.
        verdicts: Of every new row of the generation, what rejected it and why as a judge said it: None and "" if it was
            accepted. None if nobody has judged.
    """

    cell: Cell
    synthetic: tuple[Example, ...]
    human: tuple[Example, ...]
    test: tuple[str, ...] | None = None
    seeds: tuple[str, ...] | None = None
    quotas: dict[int, int] = field(default_factory=dict)
    seed: int = 1337
    verdicts: tuple[tuple[str | None, str], ...] | None = None

    @cached_property
    def reference(self) -> Reference:
        """The human rows as the gates know them: what is built from them is built once."""
        return Reference(cell=self.cell, human=texts(self.human), test=self.test or ())

    @cached_property
    def pair(self) -> Pair:
        """The rows to compare: of each label as many as the smaller side has, `MOST_ROWS` a side at most."""
        ids = range(len(self.cell.task.labels))
        ours, theirs = (_by_label(rows, self.seed) for rows in (self.synthetic, self.human))
        numbers = {i: min(len(ours.get(i, ())), len(theirs.get(i, ())), MOST_ROWS // len(ids)) for i in ids}
        synthetic, human = (
            tuple(example for i in ids for example in rows.get(i, [])[: numbers[i]]) for rows in (ours, theirs)
        )
        return Pair(synthetic=synthetic, human=human)

    @cached_property
    def some_synthetic(self) -> tuple[Example, ...]:
        """The synthetic rows, `MOST_ROWS` of them at most, in random order."""
        return tuple(shuffled(self.synthetic, self.seed, "synthetic")[:MOST_ROWS])

    @cached_property
    def some_human(self) -> tuple[Example, ...]:
        """The human rows, `MOST_ROWS` of them at most, in random order; labels are mixed as they come."""
        return tuple(shuffled(self.human, self.seed, "human")[:MOST_ROWS])

    @cached_property
    def some_test(self) -> tuple[str, ...]:
        """The test texts, `MOST_ROWS` of them at most, in random order; none if there are none."""
        return tuple(shuffled(self.test or (), self.seed, "test")[:MOST_ROWS])

    def too_few(self, least: int) -> str:
        """Returns why the pair has too few rows for a comparison, or nothing if it has enough."""
        number = len(self.pair.human)
        side = "human" if len(self.human) <= len(self.synthetic) else "synthetic"
        return "" if number >= least else f"too few {side} rows to compare: {number}, wants {least}"

    @property
    def not_compared(self) -> list[str]:
        """Names of the labels that one side has no row of."""
        ours, theirs = ({example.label for example in rows} for rows in (self.synthetic, self.human))
        return [label.name for label in self.cell.task.labels if label.id not in ours & theirs]


def counts(rows: Sequence[Example]) -> Counter[int]:
    """Returns the number of rows per label id."""
    return Counter(example.label for example in rows)


def texts(rows: Sequence[Example]) -> list[str]:
    """Returns the texts of rows."""
    return [example.text for example in rows]


def shuffled(rows: Sequence[_T], seed: int, *parts: str | int) -> list[_T]:
    """Returns the rows in a random order that seed and parts decide."""
    return random.Random(derive_seed(seed, "card", *parts)).sample(rows, len(rows))


def _by_label(rows: Sequence[Example], seed: int) -> dict[int, list[Example]]:
    found: dict[int, list[Example]] = {}
    for example in shuffled(rows, seed, "pair"):
        found.setdefault(example.label, []).append(example)
    return found
