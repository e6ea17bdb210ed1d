"""What a cell of the label column stands for: a name, an alias, an id, or what `--label-map` says.

Here: one value, and whether the numbers of a whole column can be ids. Not here: which column that is
(`columns.py`), names and aliases (`tasks/`).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sdc.errors import DataError, UsageError
from sdc.pipelines.tasks import Task, is_number, normalise

#: What `--label-map` says of values whose rows are left out.
SKIP = "skip"
_SHOWN = 8
_SEVERAL = re.compile(r"[,;|]")


def parse_map(entries: Sequence[str], task: Task) -> dict[str, int | None]:
    """Returns what each value means by its spelling: a label id, or None for rows to leave out.

    Args:
        entries: `1=positive,-1=negative,0=skip`; the right side is a name, an alias or an id of the task.
        task: Whose labels they are. A label that is called `skip` wins; an empty right side always leaves out.

    >>> from sdc.pipelines.tasks import load
    >>> parse_map(["1=positive,-1=negative,0=skip"], load("sentiment"))
    {'1': 1, '-1': 0, '0': None}

    Raises:
        UsageError: An entry has no `=`, names no label, or two say different things of one value.
    """
    found: dict[str, int | None] = {}
    for entry in (part for item in entries for part in _entries(item)):
        value, equals, name = (part.strip() for part in entry.rpartition("="))
        if not equals or not value:
            raise UsageError(f"{entry[:80]!r} is not VALUE=LABEL", "--label-map", 'write it as "1=positive,0=negative"')
        label = task.label_id(name)
        if label is None and name.casefold() not in ("", SKIP):
            names = ", ".join(task.label_names)
            raise UsageError(f"task {task.name} has no label {name[:80]!r}", "--label-map", f"use {names}, or skip")
        if found.setdefault(normalise(value), label) != label:
            raise UsageError(f"{value[:80]!r} is mapped twice", "--label-map", "drop one of the two")
    return found


def _entries(item: str) -> list[str]:
    """Returns the entries of one flag: a comma ends one only where a `=` stands before it and another follows."""
    found, rest = [], item
    while "=" in rest[rest.find("=") + 1 :]:
        end = rest.rfind(",", 0, rest.find("=", rest.find("=") + 1))
        if end < rest.find("="):
            break
        found.append(rest[:end])
        rest = rest[end + 1 :]
    return [*found, rest]


class Labels:
    """Label ids by cell value, looked up once per distinct value.

    Args:
        task: Its names and aliases; ids count from 0, unless a name is a number itself.
        mapping: What `--label-map` says, as `parse_map` returns it; it comes first.
        first: Of several labels the first counts.
    """

    def __init__(self, task: Task, mapping: Mapping[str, int | None] | None = None, *, first: bool = False) -> None:
        self.task = task
        self._mapping = dict(mapping or {})
        self._first = first
        self._spellings = task.spellings()
        self._known: dict[str, int | None] = {}
        #: Whether numbers can be ids at all: not where the task or the user says what numbers mean.
        self._ids = not any(map(is_number, (*self._spellings, *self._mapping)))

    def id(self, value: object) -> int | None:
        """Returns the id that a cell stands for, or None: nothing stands there, it is unknown, or it is left out."""
        value = self._one(value)
        if is_missing(value) or isinstance(value, list):
            return None
        text = str(value)
        if text not in self._known:
            spelling = normalise(text)
            if spelling in self._mapping:
                self._known[text] = self._mapping[spelling]
            elif spelling in self._spellings:
                self._known[text] = self._spellings[spelling]
            else:
                self._known[text] = self.task.label_id(text) if self._ids else None
        return self._known[text]

    def is_skipped(self, value: object) -> bool:
        """Returns whether `--label-map` says to leave such rows out."""
        value = self._one(value)
        return not isinstance(value, list) and self._mapping.get(normalise(str(value)), 0) is None

    def several(self, value: object) -> list[str]:
        """Returns the labels of a cell that has several: a list, or known ones with a comma, `;` or `|` between."""
        value = self._one(value)
        if isinstance(value, list):
            return [str(item) for item in value] if len(value) > 1 else []
        if not isinstance(value, str) or self.id(value) is not None:
            return []
        parts = [part.strip() for part in _SEVERAL.split(value)]
        return parts if len(parts) > 1 and all(self.id(part) is not None for part in parts) else []

    def _one(self, value: object) -> object:
        """Returns a list of one value as that value, and of several the first if that is to count."""
        if isinstance(value, list) and (len(value) == 1 or (value and self._first)):
            return value[0]
        if self._first and isinstance(value, str) and normalise(value) not in self._spellings:
            head = _SEVERAL.split(value)[0].strip()
            return head if head else value
        return None if value == [] else value

    def check_numbers(self, values: Iterable[object], *, where: str) -> None:
        """Fails if the numbers of a label column may be something else than ids from 0.

        They are ids where 0 occurs and neither -1 nor the number of labels or more ever does. Where names of the task
        are numbers, one that is none of them means that the file counts otherwise: its numbers are other labels.

        Raises:
            DataError: Which numbers there are, and how to say what they mean.
        """
        if any(map(is_number, self._mapping)):
            return
        spellings = (normalise(str(value)) for value in map(self._one, values) if not isinstance(value, list | bool))
        counts = Counter(filter(is_number, spellings))
        if self._ids:
            known = "0" in counts and all(0 <= int(number) < len(self.task.labels) for number in counts)
            doubt = f"that may be no ids (0 to {len(self.task.labels) - 1})"
        else:
            known = counts.keys() <= self._spellings.keys()
            unknown = sorted(counts.keys() - self._spellings.keys(), key=int)
            doubt = f"and no label is called {' or '.join(unknown[:_SHOWN])}"
        if known or not counts:
            return
        numbers = sorted(counts, key=int)
        shown = ", ".join(f"{number} ({counts[number]:,}x)" for number in numbers[:_SHOWN])
        more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
        example = ",".join(f"{number}=LABEL" for number in numbers[:3]) + (",..." if len(numbers) > 3 else "")
        raise DataError(
            f"the labels are numbers, {shown}{more}, {doubt}",
            where,
            f'say what they mean: --label-map "{example}" with {", ".join(self.task.label_names)}, or skip',
        )


def is_missing(value: object) -> bool:
    """Returns whether nothing stands in a cell: a null, an empty text or list, a NaN.

    >>> [is_missing(value) for value in (None, " ", float("nan"), "None", "-", 0, False)]
    [True, True, True, False, False, False, False]
    """
    return value is None or value == [] or (isinstance(value, str) and not value.strip()) or value != value  # a NaN
