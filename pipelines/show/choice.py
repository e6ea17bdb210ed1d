"""Which rows of an artifact are shown, and the view that they make.

Here: the choice. Not here: what is shown of each kind of artifact (one file for each), drawing (`cli/`).
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sdc.cache.counted import counted
from sdc.cache.key import derive_seed
from sdc.errors import UsageError, one_of
from sdc.pipelines.tasks import Task
from sdc.pipelines.view import Row, ViewPart

#: The status that stands for every one.
ALL = "all"
#: Under which name rows without a label stand.
NO_LABEL = "no label"


@dataclass(frozen=True, kw_only=True)
class View:
    """An artifact as people see it: one line about all of it, and its parts."""

    title: str
    parts: Sequence[ViewPart]


@dataclass(frozen=True, kw_only=True)
class ShowChoice:
    """Which rows are shown.

    Args:
        most: Rows of each label, and of each status where several are wanted; at least 1.
        labels: Only these, by any of their spellings; empty: all.
        statuses: Only these, or `all`; empty: what is usually looked for.
        seed: Chooses rows at random; None takes the first ones.
    """

    most: int = 5
    labels: Sequence[str] = ()
    statuses: Sequence[str] = ()
    seed: int | None = None

    def of_statuses(self, there: Iterable[str], *, usual: Sequence[str]) -> list[str]:
        """Returns the statuses that are shown, of those that there are.

        Args:
            there: The statuses of the artifact's rows.
            usual: What is shown where none is asked for, and one of them is there.

        Raises:
            UsageError: There is no row of a status that is asked for.
        """
        known = list(dict.fromkeys(there))
        for name in self.statuses:
            if name not in (*known, ALL):
                raise UsageError(f"no row has the status {name[:80]!r}", "--status", one_of(name, [*known, ALL]))
        wanted = self.statuses or [name for name in usual if name in known] or [ALL]
        return [name for name in known if name in wanted or ALL in wanted]

    def of_labels(self, task: Task) -> list[str]:
        """Returns the names of the labels that are shown, those without one last.

        Raises:
            UsageError: The task has no such label.
        """
        chosen = []
        for spelling in self.labels:
            number = task.label_id(spelling)
            if number is None:
                fix = one_of(spelling, task.label_names)
                raise UsageError(f"task {task.name} has no label {spelling[:80]!r}", "--label", fix)
            chosen.append(task.label_names[number])
        return chosen or [*task.label_names, NO_LABEL]

    def refuse(self, what: str, **flags: object) -> None:
        """Raises a UsageError for flags that were given and say nothing of a kind of artifact."""
        for name, given in flags.items():
            if given:
                raise UsageError(f"--{name} says nothing of {what}", "sdc show", "drop the flag")

    def grouped(
        self, rows: Sequence[Row], task: Task, *, statuses: Sequence[str], name: str = "label"
    ) -> list[ViewPart]:
        """Returns a part for each label, and each status of several, with as many of its rows as are wanted.

        Args:
            rows: With the fields `name` and `status`.
            task: Its labels give the order.
            statuses: Those that are shown, in this order.
            name: The field with the label.
        """
        parts = []
        for label in self.of_labels(task):
            for status in statuses:
                found = [row for row in rows if (row[name] or NO_LABEL) == label and row["status"] == status]
                if not found:
                    continue
                kept = self._some(found, label, status)
                what = label if len(statuses) == 1 else f"{label}, {status}"
                title = f"{what}: {len(kept)} of {counted(len(found), 'row')}"
                parts.append(ViewPart(title=title, rows=kept, said=(name, "status")))
        return parts

    def _some(self, rows: Sequence[Row], *what: str) -> list[Row]:
        if self.seed is None or len(rows) <= self.most:
            return list(rows[: self.most])
        chosen = random.Random(derive_seed(self.seed, "show", *what)).sample(range(len(rows)), self.most)
        return [rows[place] for place in sorted(chosen)]


def counts(numbers: Mapping[str, int]) -> str:
    """Returns how many rows there are of what, as a part of a line.

    >>> counts({"ok": 3, "seed": 1})
    '3 ok, 1 seed'
    """
    return ", ".join(f"{number} {name}" for name, number in numbers.items())
