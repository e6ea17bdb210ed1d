"""The strict reader: a reply is a label only if it names exactly one label, and nothing else.

Here: reading one reply. Not here: the released script's reader (`paper_code.py`).
"""

import re
from functools import lru_cache

from sdc.pipelines.tasks import Task, normalise

_QUOTES = " \t\"'`“”„‘’‚«»‹›*_\u200b\u200c\u200d\u200e\u200f\ufeff"
#: What may stand around an answer without changing it: quotes, brackets, markdown, full stops of several scripts.
_AROUND = _QUOTES + "~#.,;:!?()[]{}<>|।。、，：；！？"
_PREFIX = re.compile(r"label\s*[:：]\s*", re.IGNORECASE)
#: At most four digits: no task has more options, and int() refuses very long numbers.
_NUMBERED = re.compile(r"(\d{1,4})(?!\d)(.*)", re.DOTALL)
_NUMBER_ENDS = " \t.:)]}>-–—*_\"'"


def read(reply: str, task: Task) -> int | None:
    """Returns the label id that the first non-empty line of a reply names, or None (unparsed).

    A label is named by its name or an alias (compared after `normalise`), by its option number (counted from 1, as the
    prompt counts), or by both, which must agree. Quotes, punctuation and a `Label:` around it do not matter. A label
    inside a sentence never counts: "not negative, positive" is unparsed.

    >>> from sdc.pipelines.tasks import load
    >>> topic = load("topic")
    >>> [read(reply, topic) for reply in ("Politics.", '"science/technology"', "3", "3)", "Label: 3) politics")]
    [2, 0, 2, 2, 2]
    >>> [read(reply, topic) for reply in ("", "It is about politics", "4) politics", "0", "8")]
    [None, None, None, None, None]
    """
    line = next((line for line in map(str.strip, reply.splitlines()) if line.strip(_AROUND)), "")
    spellings = _spellings(task)
    text = line
    for _ in range(2):  # once as it stands, once without a `Label:` in front
        found = _named(text, spellings)
        if found is None:
            found = _numbered(text, spellings, num_labels=len(task.labels))
        if found is not None:
            return found
        bare = text.strip(_AROUND)
        prefix = _PREFIX.match(bare)
        if not prefix:
            return None
        text = bare[prefix.end() :]
    return None


def _named(text: str, spellings: dict[str, int]) -> int | None:
    # Quotes go first, alone: a label such as `C#` may end in what else is punctuation.
    candidates = (normalise(text), normalise(text.strip(_QUOTES)), _bare(text))
    return next((spellings[candidate] for candidate in candidates if candidate in spellings), None)


def _numbered(text: str, spellings: dict[str, int], *, num_labels: int) -> int | None:
    match = _NUMBERED.fullmatch(text.strip(_AROUND))
    if not match:
        return None
    position = int(match.group(1)) - 1
    rest = match.group(2)
    if not 0 <= position < num_labels:
        return None
    if not rest.strip(_NUMBER_ENDS):
        return position
    # "3 politics" and "3) politics", but not "35" read as 3 or "3rd politics"
    if rest[0] not in _NUMBER_ENDS or _named(rest.lstrip(_NUMBER_ENDS), spellings) != position:
        return None
    return position


def _bare(text: str) -> str:
    return normalise(normalise(text).strip(_AROUND))


@lru_cache(maxsize=64)
def _spellings(task: Task) -> dict[str, int]:
    """Returns normalised spelling -> label id; also without punctuation at the ends, where that stays unambiguous."""
    exact = task.spellings()
    bare: dict[str, set[int]] = {}
    for spelling, label in exact.items():
        bare.setdefault(_bare(spelling), set()).add(label)
    return {text: min(labels) for text, labels in bare.items() if text and len(labels) == 1} | exact
