"""Signs: patterns that give a broken text away, shared by the gates that look for one.

Here: what a sign is, and that people's own habits are none. Not here: the signs of a gate, which stand in its file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.pipelines.gates.reference import Reference

#: What none of so many people's rows has is done by at most 1 % of people, at a confidence of 95 % (3 / n).
_ENOUGH_ROWS = 300


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What gives a text away.

    Args:
        pattern: A regular expression of the `regex` library.
        reason: What it tells.
        ignore_case: Whether case is ignored.
        few: A stricter pattern, for what people do in some cells: it stands in while there are some human rows, but not
            enough to show that people do no such thing in this cell.
    """

    pattern: str
    reason: str
    ignore_case: bool = False
    few: str | None = None

    def compiled(self, num_rows: int = 0) -> Any:
        """Returns the compiled pattern for a cell with so many human rows."""
        import regex  # 20 ms: only where texts are judged

        pattern = self.few if self.few is not None and 0 < num_rows < _ENOUGH_ROWS else self.pattern
        return regex.compile(pattern, regex.IGNORECASE if self.ignore_case else 0)


def build(signs: Sequence[Sign], reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts with at least `threshold` of the signs; signs that human rows have do not count."""
    kept = []
    for sign in signs:
        search = sign.compiled(len(reference.sample)).search
        if not reference.habit(lambda text, search=search: search(text.strip()) is not None):  # type: ignore[misc]
            kept.append((search, sign.reason))

    def check(text: str) -> str | None:
        stripped = text.strip()
        found = [reason for search, reason in kept if search(stripped)]
        return found[0] if found and len(found) >= threshold else None

    return check
