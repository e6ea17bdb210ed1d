"""Signs: patterns that give a broken text away, shared by the gates that look for one.

Here: what a sign is, and that people's own habits are none. Not here: the signs of a gate, which stand in its file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sdc.pipelines.gates.reference import Reference

#: What none of so many people's rows has is done by at most 1 % of people, at a confidence of 95 % (3 / n).
_ENOUGH_ROWS = 300


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What gives a text away.

    Args:
        pattern: A regular expression of the `regex` library; or several, any of which will do: one after another they
            are found in a fraction of the time of one with alternatives.
        reason: What it tells.
        ignore_case: Whether case is ignored.
        few: A stricter pattern, for what people do in some cells: it stands in while there are some human rows, but not
            enough to show that people do no such thing in this cell.
    """

    pattern: str | tuple[str, ...]
    reason: str
    ignore_case: bool = False
    few: str | None = None

    def test(self, num_rows: int = 0) -> Callable[[str], object]:
        """Returns what is true of a text without white space around it that has the sign.

        Args:
            num_rows: Human rows of the cell.
        """
        import regex  # 20 ms: only where texts are judged

        pattern = self.few if self.few is not None and 0 < num_rows < _ENOUGH_ROWS else self.pattern
        patterns = (pattern,) if isinstance(pattern, str) else pattern
        searches = [regex.compile(one, regex.IGNORECASE if self.ignore_case else 0).search for one in patterns]

        def any_of(text: str) -> bool:
            for search in searches:  # noqa: SIM110 (a generator takes as long as a search)
                if search(text):
                    return True
            return False

        return any_of if len(searches) > 1 else searches[0]


def build(signs: Sequence[Sign], reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts with at least `threshold` of the signs; signs that human rows have do not count."""
    tests = [(sign.test(len(reference.sample)), sign.reason) for sign in signs]
    kept = [(test, reason) for test, reason in tests if not reference.is_habit(test)]

    def check(text: str) -> str | None:
        text, found = text.strip(), list[str]()
        for test, reason in kept:
            if test(text):
                found.append(reason)
                if len(found) >= threshold:
                    return found[0]
        return None

    return check
