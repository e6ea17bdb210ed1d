"""What long work says of itself while it goes on: how far it is, and lines for whoever wants to know.

Here: steps, parts of a whole, counts, the levels of lines. Not here: who draws it (`cli/progress.py`).
"""

import logging
from dataclasses import dataclass, replace
from typing import Protocol

#: Lines of sdc: `NOTE` for everybody, INFO with --verbose (what is asked, cached, retried), DEBUG with SDC_LOG=debug.
log = logging.getLogger("sdc")
NOTE = 25
log.setLevel(NOTE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """How far something is.

    Args:
        what: What it is, for people.
        done: Units that are done, at least 0; also a part of one.
        total: Units in all, as far as is known now; it may grow. 0: nobody knows, as of a pipe.
        unit: What is counted, in the singular.
        found: Those of `done` that were there already: they took no time, so no rate counts them.
        low: Where this work begins in the whole that it is a part of, 0 to 1.
        high: Where it ends there.
        at: How far this work is, 0 to 1, where `total` grows on the way; None: as far as `done` of `total`.
    """

    what: str
    done: float
    total: int
    unit: str = "step"
    found: int = 0
    low: float = 0.0
    high: float = 1.0
    at: float | None = None

    @property
    def share(self) -> float:
        """How far this work is, 0 to 1."""
        return min(1.0, self.done / max(1, self.total)) if self.at is None else self.at

    @property
    def position(self) -> float:
        """How far the whole is, 0 to 1."""
        return self.low + (self.high - self.low) * self.share


class Progress(Protocol):
    """Shows how far something is; the command line draws it, tests ignore it."""

    def __call__(self, step: Step, /) -> None:
        """Reports a step."""


def silent(step: Step, /) -> None:
    """Shows nothing."""


def part(progress: Progress, number: int, of: int, *, unit: str = "") -> Progress:
    """Returns what reports the steps of part `number` (from 0) of so many, which are taken to be alike.

    Args:
        progress: Hears of the whole.
        number: Which part.
        of: How many there are.
        unit: What people call a part; empty: they are not told.

    >>> seen = []
    >>> part(seen.append, 1, 4, unit="run")(Step(what="fit", done=5, total=10))
    >>> seen[0].what, seen[0].position
    ('fit, run 2 of 4', 0.375)
    """
    which = f", {unit} {number + 1} of {of}" if unit and of > 1 else ""

    def report(step: Step, /) -> None:
        low, high = (number + step.low) / of, (number + step.high) / of
        progress(replace(step, what=step.what + which, low=low, high=high))

    return report


def ahead(progress: Progress) -> Progress:
    """Returns what reports the steps of work that goes ahead of the whole, and is next to nothing beside it."""
    return lambda step: progress(replace(step, low=0.0, high=0.0))


class Counter:
    """Reports counts of one work as steps, and knows whether there were any.

    Args:
        progress: Hears of the steps.
        what: The work, for people.
        unit: What is counted.
    """

    def __init__(self, progress: Progress, what: str, *, unit: str = "step") -> None:
        self._progress, self._what, self._unit = progress, what, unit
        self.has_counted = False

    def __call__(self, done: int, total: int) -> None:
        """Reports that so many units of so many are done."""
        self.has_counted = True
        self._progress(Step(what=self._what, done=done, total=total, unit=self._unit))


class Rounds:
    """Reports the steps of rounds as those of one work: counts go on, and what a round is worth of the whole is said.

    >>> seen = []
    >>> rounds = Rounds(seen.append)
    >>> for total, since, until in ((2, 0.0, 0.5), (3, 0.4, 0.9)):
    ...     rounds.begin(since, until)
    ...     rounds(Step(what="write", done=total, total=total))
    >>> [(step.done, step.total, step.position) for step in seen]
    [(2, 2, 0.5), (5, 5, 0.9)]
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._before: tuple[float, int, int] = (0, 0, 0)
        self._last: Step | None = None
        self._since, self._until = 0.0, 1.0

    def begin(self, since: float = 0.0, until: float = 1.0) -> None:
        """Begins the next round, which goes from one share of the whole to another; it never goes back."""
        if self._last is not None:
            self._before = (self._last.done, self._last.total, self._last.found)
            since = max(since, self._last.at or 0.0)
        self._since, self._until = since, max(since, until)

    def __call__(self, step: Step, /) -> None:
        """Reports a step of the round."""
        done, total, found = self._before
        at = self._since + (self._until - self._since) * step.share
        whole = replace(step, done=done + step.done, total=total + step.total, found=found + step.found, at=at)
        self._last = whole
        self._progress(whole)

    def say(self, what: str) -> None:
        """Says what is done with what the round brought; it counts nothing."""
        if self._last is not None:
            self._progress(replace(self._last, what=what))
