"""Several cells one after another, as a stage of Python works on them; the command's way is `cli/incomplete.py`."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sdc.errors import MissingInput
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.text import commas

_Input = TypeVar("_Input")


def over(
    context: Context, work: Sequence[tuple[Cell, _Input]], one: Callable[[Cell, _Input], list[Outcome]]
) -> list[Outcome]:
    """Returns what comes of every cell; one of `all` that lacks what is worked on is passed over, and named.

    Raises:
        SdcError: That of the first cell that cannot be done, or of the first that lacks something if all do.
    """
    made: list[Outcome] = []
    lacking: dict[str, MissingInput] = {}
    for cell, given in work:
        try:
            made += one(cell, given)
        except MissingInput as error:
            if not cell.of_all:
                raise
            lacking.setdefault(str(cell), error)
    if lacking and len(lacking) == len(work):
        raise next(iter(lacking.values()))
    if lacking:
        context.say(f"passes over {commas.listed(list(lacking))}: {next(iter(lacking.values())).lacks}")
    return made
