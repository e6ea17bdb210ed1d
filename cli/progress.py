"""How far a command is: one bar on a terminal, over all of its cells; a line a minute elsewhere.

Here: the bar, and what it says: units, their rate, the time left, money and tokens. A rate counts what was computed,
and not what was there already. Not here: who reports steps (`pipelines/progress.py`), other lines (`render.py`).
"""

import atexit
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from sdc.cache.counted import counted
from sdc.cli import terminal
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.progress import NOTE, Step, log
from sdc.pipelines.text.visible import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

#: Rates are those of the last two minutes, in seconds.
_WINDOW_S = 120.0
_LOG_EVERY_S = 60.0
_DRAWN_PER_S = 4
#: A library may say something from another thread.
_LOCK = threading.RLock()


class CommandBar:
    """The bar of one command.

    Args:
        budget: Counts tokens and money.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget or Budget()
        self._number, self._cells = 0, 1
        self._step: Step | None = None
        # When, and what was computed until then: share of the whole, units of this kind.
        self._seen: deque[tuple[float, float, float]] = deque()
        self._logged_s = time.monotonic()
        self._live: Live | None = None

    def cell(self, number: int, of: int) -> None:
        """Says that what follows is work on cell `number` (from 0) of so many."""
        self._number, self._cells, self._step = number, of, None

    def __call__(self, step: Step) -> None:
        """Takes a step, and shows it."""
        now = time.monotonic()
        self._count(step, now)
        if not log.isEnabledFor(NOTE):
            return
        if terminal.can_redraw(sys.stderr):
            with _LOCK:
                self._live = self._live or self._started()
        elif now - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = now
            terminal.line(f"{self._title(step)}: {', '.join(self._facts(step, now))}")

    def clear(self) -> None:
        """Takes the bar off the terminal, for a line; the next step draws it again."""
        with _LOCK:
            if self._live is not None:
                self._live.stop()
                self._live = None

    # -- counting ---------------------------------------------------------------------------------------------------

    def _count(self, step: Step, now: float) -> None:
        last, self._step = self._step, step
        is_next = (
            last is not None and (last.unit, last.low) == (step.unit, step.low) and step.done >= last.done
        )  # of the same work, whose name may say how far it is
        before = last if last is not None and is_next else replace(step, done=0, found=0, at=0.0)
        fresh, more = step.done - step.found, step.done - before.done
        gained = max(0.0, fresh - (before.done - before.found))
        if last is None or last.unit != step.unit:
            self._seen.clear()
        _, moved, units = self._seen[-1] if self._seen else (now, 0.0, 0.0)
        if gained and more > 0 and step.total:  # what was there already is no part of it
            moved += max(0.0, step.position - before.position) * gained / more / self._cells
        if len(self._seen) == 1 and not fresh:
            self._seen.clear()  # the time until the first unit is begun is no part of its rate
        if gained or not self._seen:
            self._seen.append((now, moved, units + gained))
        while len(self._seen) > 2 and now - self._seen[1][0] > _WINDOW_S:
            self._seen.popleft()

    def _speeds(self) -> tuple[float, float] | None:
        """Returns what is computed in a second: share of the whole, and units; None as long as nothing was."""
        if len(self._seen) < 2:
            return None
        (first_s, first_moved, first_units), (last_s, last_moved, last_units) = self._seen[0], self._seen[-1]
        took_s = max(last_s - first_s, 1e-3)
        return (last_moved - first_moved) / took_s, (last_units - first_units) / took_s

    def _position(self, step: Step) -> float:
        return (self._number + step.position) / self._cells

    # -- showing ----------------------------------------------------------------------------------------------------

    def _title(self, step: Step) -> str:
        return step.what + (f" ({self._number + 1} of {self._cells})" if self._cells > 1 else "")

    def _facts(self, step: Step, now: float) -> list[str]:
        """Returns what is known, the most important first."""
        found = [f"{int(step.done):,} of {counted(step.total, step.unit, commas=True)}"]
        if not step.total:
            found = [counted(int(step.done), step.unit, commas=True)]
        speeds = self._speeds()
        if speeds is not None:
            moved, units = speeds
            if moved > 0:
                left = (1 - self._position(step)) / moved - (now - self._seen[-1][0])
                found.append(f"{duration(max(0.0, left))} left")
            found.append(rate(units, step.unit))
        if self._budget.cost:
            found.append(f"{self._budget.cost:.2f} {self._budget.prices.currency}")
        if self._budget.tokens:
            found.append(f"{short(self._budget.tokens)} tokens")
        return found

    def _started(self) -> "Live":
        from rich.live import Live

        live = Live(
            get_renderable=self._drawn, console=terminal.console(to_stderr=True), refresh_per_second=_DRAWN_PER_S,
            transient=True, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        live.start(refresh=True)
        return live

    def _drawn(self) -> "RenderableType":
        from rich.cells import cell_len
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        step = self._step
        if step is None:
            return Text("")
        width = terminal.console(to_stderr=True).width
        position, columns = self._position(step), 20 if width >= 100 else 10
        title = Text(visible(self._title(step)), overflow="ellipsis", no_wrap=True)
        title.truncate(max(10, width - columns - 30), overflow="ellipsis")
        text = f"{position:4.0%}" if step.total else ""
        for fact in self._facts(step, time.monotonic()):
            longer = f"{text}  {fact}"
            if title.cell_len + columns + cell_len(longer) + 2 >= width:
                break
            text = longer
        drawn = Table.grid(padding=(0, 1, 0, 0))
        drawn.add_row(
            title,
            ProgressBar(total=1.0 if step.total else None, completed=position, width=columns),
            Text(text, no_wrap=True),
        )
        return drawn


def rate(per_s: float, unit: str) -> str:
    """Returns a speed in units that a person can picture.

    >>> rate(149, "call"), rate(3.21, "call"), rate(0.5, "call"), rate(0.0025, "run")
    ('149 calls/s', '3.2 calls/s', '2.0 s a call', '400 s a run')
    """
    if per_s < 1:
        took = 1 / max(per_s, 1e-9)
        return f"{took:.{0 if took >= 100 else 1}f} s a {unit}"
    return f"{per_s:,.{0 if per_s >= 10 else 1}f} {unit}s/s"


def duration(seconds: float) -> str:
    """Returns a time as a clock shows it.

    >>> duration(7.6), duration(3671)
    ('0:08', '1:01:11')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def short(number: int) -> str:
    """Returns a large number with three digits.

    >>> short(950), short(12_345), short(1_234_567)
    ('950', '12.3k', '1.23M')
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


_bar = CommandBar()


def begin(budget: Budget) -> CommandBar:
    """Returns the bar of a command that begins."""
    global _bar
    _bar.clear()
    _bar = CommandBar(budget)
    return _bar


def cell(number: int, of: int) -> None:
    """Says that what follows is work on cell `number` (from 0) of so many."""
    _bar.cell(number, of)


def clear() -> None:
    """Takes the bar off the terminal, for what is written next."""
    _bar.clear()


def line(text: str) -> None:
    """Writes one line to stderr, where the bar may be."""
    with _LOCK:
        clear()
        terminal.line(text)


atexit.register(clear)  # a bar that is left has hidden the cursor
