"""The gates: cheap, deterministic reasons to reject a synthetic text. One file per gate, applied in this order.

Here: the order, and all gates of a cell as one object. Not here: a gate, what gates share (`reference.py`, `signs.py`,
`known.py`; `text/scripts.py`, `text/identifier.py`), verdicts (`judge`).

A gate that cannot say anything about a language (an unknown script, a language that the identifier does not know) lets
everything pass. What people themselves do in the cell (tweets on several lines, reviews that begin with `1.`) is no
reason to reject a text.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sdc.pipelines.cells import Cell
from sdc.pipelines.gates import (
    characters,
    chatter,
    copies,
    duplicate,
    empty,
    glued,
    language,
    leaked,
    length,
    script,
    separator,
)
from sdc.pipelines.gates.duplicate import Duplicates
from sdc.pipelines.gates.known import KnownCheck
from sdc.pipelines.gates.language import LanguageCheck
from sdc.pipelines.gates.reference import Reference

#: In the key of all that gates take part in: judge, and gen where its gates are on. Raise it with every change of what
#: they say about a text: a new gate, another sign or limit.
VERSION = 4

GateCheck = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate.

    Args:
        name: What verdicts call it.
        threshold: Its limit; the file of the gate says of what.
        build: Returns, for a cell and a threshold, a function from a text to the reason to reject it, or None.
        compares: Whether it compares a text with known ones instead of looking at the text alone.
    """

    name: str
    threshold: float
    build: Callable[[Reference, float], GateCheck]
    compares: bool = False


#: By name, in the order in which a text meets them: what is plainly broken first, so that its reason is the plain one.
GATES: dict[str, Gate] = {
    gate.name: gate
    for gate in (
        Gate(name="empty", threshold=empty.THRESHOLD, build=empty.build),
        Gate(name="characters", threshold=characters.THRESHOLD, build=characters.build),
        Gate(name="chatter", threshold=chatter.THRESHOLD, build=chatter.build),
        Gate(name="separator", threshold=separator.THRESHOLD, build=separator.build),
        Gate(name="glued", threshold=glued.THRESHOLD, build=glued.build),
        Gate(name="length", threshold=length.THRESHOLD, build=length.build),
        Gate(name="script", threshold=script.THRESHOLD, build=script.build),
        Gate(name="language", threshold=language.THRESHOLD, build=LanguageCheck),
        Gate(name="copy", threshold=copies.THRESHOLD, build=copies.build, compares=True),
        Gate(name="test", threshold=leaked.THRESHOLD, build=leaked.build, compares=True),
        Gate(name="duplicate", threshold=duplicate.THRESHOLD, build=duplicate.build, compares=True),
    )
}


class Gates:
    """All gates of a cell, built once.

    Args:
        reference: The cell and its texts.
        thresholds: Gate name -> another threshold than the gate's own.
    """

    def __init__(self, reference: Reference, thresholds: Mapping[str, float]) -> None:
        unknown = set(thresholds) - set(GATES)
        if unknown:
            raise ValueError(f"there is no gate {', '.join(sorted(unknown))}")
        self._reference, self._thresholds = reference, thresholds
        self._checks: dict[str, GateCheck] = {name: self._built(name) for name in GATES}

    def _built(self, name: str) -> GateCheck:
        return GATES[name].build(self._reference, self._thresholds.get(name, GATES[name].threshold))

    def anew(self) -> "Gates":
        """Returns these gates, which are built only once, as they were before any text was accepted."""
        found = copy.copy(self)
        found._checks = {
            name: self._built(name) if isinstance(check, Duplicates) else check for name, check in self._checks.items()
        }
        return found

    def __call__(self, text: str, *, without: Collection[str] = ()) -> tuple[str, str] | None:
        """Returns (gate name, reason) of the first gate that rejects `text`, but for those named; or None."""
        for name, check in self._checks.items():
            reason = check(text) if name not in without else None
            if reason is not None:
                return name, reason
        return None

    def all_reasons(self, text: str) -> dict[str, str]:
        """Returns the reason of every gate that rejects `text`, by gate name."""
        reasons = {name: check(text) for name, check in self._checks.items()}
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def read_ahead(self, texts: Sequence[str], *, without: Collection[str] = ()) -> None:
        """Tells that these texts are asked for later, of all gates but those named: many at once are read sooner."""
        for name, check in self._checks.items():
            if isinstance(check, LanguageCheck | KnownCheck | Duplicates) and name not in without:
                check.read_ahead(texts)

    def accept(self, text: str) -> None:
        """Remembers `text`: a later one must not repeat it."""
        for check in self._checks.values():
            if isinstance(check, Duplicates):
                check.accept(text)


def build(
    cell: Cell,
    human_texts: Sequence[str],
    test_texts: Sequence[str] = (),
    *,
    thresholds: Mapping[str, float] | None = None,
) -> Gates:
    """Returns the gates of a cell.

    Args:
        cell: The language and task of the texts.
        human_texts: Human train texts of the cell: they set the norm, and synthetic ones must not copy them.
        test_texts: Texts of all test splits of the cell, which must not be found among synthetic ones.
        thresholds: Gate name -> another threshold than its own.

    Raises:
        ValueError: There is no gate of that name.
    """
    return Gates(Reference(cell=cell, human=human_texts, test=test_texts), thresholds or {})
