"""A command over many cells: one that cannot be done does not stop the others, and is named in the end.

Here: that one way, for every command over cells. Keys are printed as they are made. The rule for the exit code: 0 if
all were done, else that of the first error. A cell that is one of `all` and lacks what the command works on is passed
over, and named: it is no error unless all of them are. Not here: errors that end any command (`boundary.py`).
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import typer

from sdc.cli import progress, render
from sdc.cli.planned import Planned
from sdc.errors import BudgetError, EngineError, MissingInput, SdcError, StoreError
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Outcome
from sdc.pipelines.text import commas


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
        self._passed_over: dict[str, MissingInput] = {}
        self._exit_code = 0
        self._before = ""
        self._made: list[Outcome] = []
        #: What a dry run finds; it is shown in the end.
        self.planned = Planned()

    def __enter__(self) -> "Cells":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made:
            render.emit(self._made, as_json=self._as_json)
        self.planned.show(as_json=self._as_json)
        self._say_passed_over()
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

    def _say_passed_over(self) -> None:
        if not self._passed_over:
            return
        if len(self._passed_over) == self._begun:
            for cell, error in self._passed_over.items():
                self.lacks(cell, error)
            return
        for lacks in dict.fromkeys(error.lacks for error in self._passed_over.values()):
            names = [cell for cell, error in self._passed_over.items() if error.lacks == lacks]
            render.note(f"{self._command}: passes over {commas.listed(names)}: {lacks}")

    @contextmanager
    def one(self, cell: Cell, part: str = "") -> Iterator[None]:
        """Does the work of one cell, or a named part of it; an error of sdc is kept for the end."""
        progress.cell(self._begun, self._total)
        self._begun += 1
        name = f"{cell} {part}" if part else str(cell)
        try:
            yield
        except BudgetError:
            raise
        except MissingInput as error:
            if cell.of_all:
                self._passed_over[name] = error
            else:
                self.lacks(name, error)
        except SdcError as error:
            if isinstance(error, EngineError | StoreError) and str(error) == self._before:
                raise
            self._before = str(error)
            self.lacks(name, error)
        else:
            self._before = ""

    @contextmanager
    def again(self, cell: Cell, number: int, of: int) -> Iterator[None]:
        """Goes on with the work of a cell that was begun with `one`: part `number` (from 0) of all that is left."""
        self._begun -= 1
        with self.one(cell):
            progress.cell(number, of)
            yield

    def lacks(self, cell: object, error: SdcError) -> None:
        """Remembers that a cell, or a part of it, could not be done."""
        named = self._errors.setdefault(str(error), [])
        if str(cell) not in named:
            named.append(str(cell))
        self._exit_code = self._exit_code or error.exit_code

    def done(self, outcomes: Sequence[Outcome]) -> None:
        """Prints the keys of what was made, at once: they are known whatever happens next.

        On a terminal those of several cells are one line in the end.
        """
        if self._total > 1 and not self._as_json and sys.stdout.isatty():
            self._made += outcomes
        else:
            render.emit(outcomes, as_json=self._as_json)


def _line(message: str, cells: Sequence[str]) -> str:
    if len(cells) == 1:
        return message if cells[0] in message else f"{cells[0]}: {message}"
    return f"{commas.listed(cells)}: {message}"
