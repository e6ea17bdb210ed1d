"""Signs: patterns that give a broken text away, shared by the gates that look for one.

Here: what a sign is, and that people's own habits are none. Not here: the signs of a gate, which stand in its file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.pipelines.gates.reference import Reference


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A regular expression (of the `regex` library, case ignored where it says so) and what it tells."""

    pattern: str
    reason: str
    ignore_case: bool = False

    def compiled(self) -> Any:
        """Returns the compiled pattern."""
        import regex  # 20 ms: only where texts are judged

        return regex.compile(self.pattern, regex.IGNORECASE if self.ignore_case else 0)


def build(signs: Sequence[Sign], reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts with at least `threshold` of the signs; signs that human rows have do not count."""
    kept = []
    for sign in signs:
        search = sign.compiled().search
        if not reference.habit(lambda text, search=search: search(text.strip()) is not None):  # type: ignore[misc]
            kept.append((search, sign.reason))

    def check(text: str) -> str | None:
        stripped = text.strip()
        found = [reason for search, reason in kept if search(stripped)]
        return found[0] if found and len(found) >= threshold else None

    return check
