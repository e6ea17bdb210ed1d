"""Conditions on a data card, as `--fail-on` takes them: `auc>0.95,seed_copies>0.02`.

Here: what they say and whether they hold. Not here: exit codes (`cli/`).
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sdc.errors import UsageError, one_of
from sdc.pipelines.report.card import NAMES, Card

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_EXPRESSION = re.compile(r"\s*(?P<name>[A-Za-z0-9_]+)\s*(?P<operator>>=|<=|>|<)\s*(?P<number>\S+)\s*")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A figure's name, a comparison, and the number its synthetic value is held against."""

    name: str
    operator: str
    threshold: float

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.threshold:g}"

    def holds(self, card: Card) -> bool | None:
        """Returns whether it holds for a card; None if the card cannot tell the figure."""
        found = card.figure(self.name).synthetic
        return None if found is None else _OPERATORS[self.operator](found.value, self.threshold)


def parse(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Returns the conditions of some expressions, each one or several between commas.

    >>> [str(condition) for condition in parse(["auc>0.95, leaks>0", "distinct_2 < .5"])]
    ['auc>0.95', 'leaks>0', 'distinct_2<0.5']

    Raises:
        UsageError: One cannot be read, or names no figure of the card.
    """
    # Unlike `text.commas`: nothing between two commas is a condition that was forgotten.
    return tuple(_parse(part) for text in texts for part in text.split(","))


def _parse(text: str) -> Condition:
    match = _EXPRESSION.fullmatch(text)
    try:
        threshold = float(match["number"]) if match else math.nan
    except ValueError:
        threshold = math.nan
    if match is None or not math.isfinite(threshold):
        fix = "write NAME>NUMBER, with >, >=, < or <=, and commas between several"
        raise UsageError(f"{text.strip()[:80]!r} is no condition", "--fail-on", fix)
    if match["name"] not in NAMES:
        raise UsageError(
            f"the card has no figure {match['name'][:80]!r}", "--fail-on", one_of(match["name"][:80], NAMES)
        )
    return Condition(name=match["name"], operator=match["operator"], threshold=threshold)
