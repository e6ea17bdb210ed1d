"""A command over many cells: one that cannot be done does not stop the others, and is named in the end.

Here: that one way, for every command over cells. Keys are printed as they are made. The rule for the exit code: 0 if
all were done, else the highest of those of the errors. Not here: errors that end any command (`boundary.py`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import typer

from sdc.cli import render
from sdc.errors import BudgetError, EngineError, SdcError, StoreError
from sdc.pipelines.stage import Outcome

#: Cells that are named in one line.
_MOST_NAMED = 12


class Cells:
    """The cells of a command while they are worked on; a `with` block over all of them.

    A limit on calls that is reached ends the command, and so does an engine or a store that says the same of two cells
    one after another: that is no fault of a cell.

    Args:
        command: Its name, for people.
        total: How many cells, or inputs, there are.
        as_json: How keys are printed.
    """

    def __init__(self, command: str, *, total: int, as_json: bool = False) -> None:
        self._command, self._total, self._as_json = command, total, as_json
        self._begun = 0
        self._errors: dict[str, list[str]] = {}
        self._exit_code = 0
        self._before = ""

    def __enter__(self) -> "Cells":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for message, cells in self._errors.items():
            if message != str(error):  # which the error boundary says
                render.fail(_line(message, cells))
        if error is not None:
            if self._begun < self._total > 1:
                render.note(f"{self._command}: {self._total - self._begun} of {self._total} were not begun")
            return
        if self._errors:
            if self._total > 1:
                incomplete = sum(map(len, self._errors.values()))
                render.note(f"{self._command}: {incomplete} of {self._total} are incomplete, see above")
            raise typer.Exit(self._exit_code)

    @contextmanager
    def one(self, cell: object) -> Iterator[None]:
        """Does the work of one cell; an error of sdc is kept for the end."""
        self._begun += 1
        try:
            yield
        except BudgetError:
            raise
        except SdcError as error:
            if isinstance(error, EngineError | StoreError) and str(error) == self._before:
                raise
            self._before = str(error)
            self.lacks(cell, error)
        else:
            self._before = ""

    @contextmanager
    def part(self, cell: object) -> Iterator[None]:
        """Does a part of the work of a cell that was begun with `one`."""
        self._begun -= 1
        with self.one(cell):
            yield

    def lacks(self, cell: object, error: SdcError) -> None:
        """Remembers that a cell, or a part of it, could not be done."""
        named = self._errors.setdefault(str(error), [])
        if str(cell) not in named:
            named.append(str(cell))
        self._exit_code = max(self._exit_code, error.exit_code)

    def done(self, outcomes: Sequence[Outcome]) -> None:
        """Prints the keys of what was made, at once: they are known whatever happens next."""
        render.emit(outcomes, as_json=self._as_json)


def _line(message: str, cells: Sequence[str]) -> str:
    if len(cells) == 1:
        return message if cells[0] in message else f"{cells[0]}: {message}"
    more = f" and {len(cells) - _MOST_NAMED} more" if len(cells) > _MOST_NAMED else ""
    return f"{', '.join(cells[:_MOST_NAMED])}{more}: {message}"
