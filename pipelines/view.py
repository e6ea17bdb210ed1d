"""What people look at: rows under a title, previews of what an LLM is asked, records of a dry run.

Here: their form, for stages that give them and the command line that draws them. Not here: what stands in them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TypeVar

from sdc.cache.store import Artifact

Row = Mapping[str, Any]
_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class ViewPart:
    """Some rows with the same fields.

    Args:
        title: What they are, in one line.
        rows: The rows.
        said: Fields that the title says, so that people need not read them in every row.
        headings: Field -> what people see above it, where that is not its name.
    """

    title: str
    rows: Sequence[Row]
    said: Sequence[str] = ()
    headings: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> list[str]:
        """Returns the fields that people see: those that say something in some row."""
        names = self.rows[0] if self.rows else ()
        return [name for name in names if name not in self.said and any(row[name] is not None for row in self.rows)]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an LLM is asked, and what came of the first calls; nothing of it is kept but the replies.

    Args:
        prompts: What is asked -> the whole prompt of the first such call.
        results: What came of the calls.
    """

    prompts: Mapping[str, str]
    results: ViewPart


def in_turn(items: Sequence[_Item], most: int, *, of: Callable[[_Item], Hashable]) -> list[_Item]:
    """Returns the first items, one of each kind in turn.

    >>> in_turn(["a1", "a2", "a3", "b1"], 3, of=lambda item: item[0])
    ['a1', 'b1', 'a2']
    """
    kinds: dict[Hashable, list[_Item]] = {}
    for item in items:
        kinds.setdefault(of(item), []).append(item)
    return [item for turn in zip_longest(*kinds.values()) for item in turn if item is not None][:most]


def dry_record(planned: Artifact, *, cached: bool, **more: Any) -> dict[str, Any]:
    """Returns what a dry run tells of an artifact: its key, what tells it from others, and whether it is there."""
    cell = f"{planned.lang}/{planned.task}"
    return {"key": planned.short, "stage": planned.stage, "cell": cell, **more, "cached": cached}
