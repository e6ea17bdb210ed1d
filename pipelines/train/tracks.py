"""What a tracker is told of the runs of a command: settings, loss and learning rate of steps, held-out rows, the end.

Texts, label names, test rows, the command line and the machine are not. Tracking is no part of a key.

Here: what is told, when, and what happens where a tracker breaks off. Not here: the trackers (`pipelines/tracking.py`),
which steps a student has (`students/`), accuracy on the test rows, which eval knows.
"""

import io
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.progress import log
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.students.protocol import FitCurve, FitFailed, Fitted, Student
from sdc.pipelines.tracking import TRACKERS, Told, TrackedPoint, Tracker

#: Points wait so long for others: a call may be one to a server, in seconds.
_SEND_EVERY_S = 1.0
#: Settings that hold texts of the task or only name what is named beside them.
_NOT_TOLD = ("definition", "prompt", "model", "method")


class Tracks:
    """Tells a tracker of the runs that are fitted; nothing without one.

    A tracker that takes not even the first run stops the command, for somebody asked for it. One that breaks off later
    is done without, and that is said once: hours of fits are worth more than their curves.

    Args:
        tracker: Whom to tell.
        cell: Language and task of the runs.
        student: What is fitted.
        runs: All of them, by position: what is made, and the draw that it is fitted on.
    """

    def __init__(
        self, tracker: Tracker | None, cell: Cell, student: Student, runs: Sequence[tuple[Artifact, Draw]]
    ) -> None:
        self._tracker, self._cell, self._student, self._runs = tracker, cell, student, runs
        self._told: dict[int, Told] = {}
        self._waiting: dict[int, list[TrackedPoint]] = {}
        self._sent_at = time.monotonic()
        self._last: dict[int, int] = {}
        self._num_begun = 0

    def begin(self, number: int) -> None:
        """Tells of a run that begins, once.

        Raises:
            UsageError: The tracker does not take the first run of all.
        """
        if self._tracker is None or number in self._told:
            return
        with self._calling("begins no run"):
            name, about = self._about(*self._runs[number])
            self._told[number] = TRACKERS[self._tracker.name](name, f"{self._cell}", about)
            self._num_begun += 1

    def curve(self, number: int) -> FitCurve:
        """Returns what hears of the steps of a run."""
        return partial(self._point, number)

    def end(self, number: int, result: Fitted | FitFailed, *, seconds: float) -> None:
        """Tells how a run ended, with all that is known of it."""
        self.begin(number)
        self._send()
        if self._tracker is not None and number in self._told:
            told, known = self._told.pop(number), {**_numbers(result.details), "seconds": seconds}
            with self._calling("takes no more"):
                told.end(known, failed=isinstance(result, FitFailed))

    def _point(self, number: int, step: int, values: Mapping[str, float]) -> None:
        self.begin(number)
        if number not in self._told or step < self._last.get(number, 0):  # a pack that ran out of memory begins again
            return
        self._last[number] = step
        self._waiting.setdefault(number, []).append(
            TrackedPoint(step=step, time_s=time.time(), values=_numbers(values))
        )
        if time.monotonic() - self._sent_at >= _SEND_EVERY_S:
            self._send()

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for number, points in waiting.items():
            if number in self._told:
                with self._calling("takes no more"):
                    self._told[number].points(points)
        self._sent_at = time.monotonic()

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        """Calls a tracker: what it prints is no key, and what goes wrong in it does not end a fit."""
        assert self._tracker is not None
        name, printed = self._tracker.name, io.StringIO()
        try:
            with redirect_stdout(printed):
                yield
        except Exception as error:  # another library over a network: anything may come
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            reason = re.sub(r"//[^/@\s]*@", "//", said)[:200]  # a server's URL may have a password
            if not self._num_begun:
                raise UsageError(
                    f"{what} ({reason})", f"--track {name}", "see its settings, or drop the flag"
                ) from error
            # Not to the context: a worker has nobody to talk to but the terminal.
            log.warning("train %s: %s %s (%s); the fits go on without it", self._cell, name, what, reason)
            self._tracker, self._told = None, {}
        finally:
            if printed.getvalue():
                log.debug("%s: %s", name, printed.getvalue().strip())

    def _about(self, planned: Artifact, draw: Draw) -> tuple[str, dict[str, Any]]:
        """Returns the name of a run, and what is told of it when it begins."""
        method = self._student.method
        settings = {name: value for name, value in planned.config.items() if name not in _NOT_TOLD}
        about = {
            "key": planned.short, "lang": self._cell.lang, "task": self._cell.task.name, "method": method,
            "model": self._student.model, "source": draw.source, "size": draw.size, "rows": draw.num_rows,
            "repeat": draw.repeat,
        }  # fmt: skip
        about |= {name: value for name, value in settings.items() if isinstance(value, str | int | float)}
        return f"{self._cell} {method} {draw.source} {draw.size} {draw.repeat} {planned.short}", about


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the finite numbers among some values.

    >>> _numbers({"loss": 0.5, "steps": 3, "dev_loss": float("nan"), "device": "cpu", "best": True})
    {'loss': 0.5, 'steps': 3}
    """
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
