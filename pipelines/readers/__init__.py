"""Readers turn what a student said into a label id: one file each, chosen by name.

Here: the registry and which reader a run gets. Not here: the readers themselves, metrics.
"""

from collections.abc import Callable, Mapping, Sequence

from sdc.pipelines.readers import paper_code, scores, strict
from sdc.pipelines.tasks import Task

#: Readers of the raw reply: (reply, task) -> label id, or None for unparsed. They never raise.
REPLY_READERS: Mapping[str, Callable[[str, Task], int | None]] = {"strict": strict.read, "paper-code": paper_code.read}
#: Everything that `--reader` takes.
NAMES = ("auto", *REPLY_READERS, "scores")


def resolve(name: str, *, has_scores: bool) -> str | None:
    """Returns the reader that a run gets when `--reader` says `name`, or None if that reader cannot read it.

    Scores leave nothing to parse: whoever asks for a reply reader still gets `scores` for a run that has scores.

    >>> resolve("auto", has_scores=True), resolve("auto", has_scores=False), resolve("paper-code", has_scores=True)
    ('scores', 'strict', 'scores')
    >>> resolve("scores", has_scores=False) is None
    True
    """
    if has_scores:
        return "scores"
    if name == "auto":
        return "strict"
    return name if name in REPLY_READERS else None


def read(
    reader: str, task: Task, *, replies: Sequence[str | None], all_scores: Sequence[Sequence[float] | None]
) -> list[int | None]:
    """Returns a label id (or None for unparsed) per test row, in order.

    Args:
        reader: A resolved reader: not `auto`.
        task: Whose labels are read.
        replies: The raw reply per row, or None. The reader `scores` reads it strictly where a row has no scores.
        all_scores: One score per label and row, or None; used by the reader `scores` alone.
    """
    if reader == "scores":
        return [_scored(row, reply, task) for row, reply in zip(all_scores, replies, strict=True)]
    known: dict[str | None, int | None] = {None: None}  # students repeat themselves: every reply is read once
    for reply in replies:
        if reply is not None and reply not in known:
            known[reply] = REPLY_READERS[reader](reply, task)
    return [known[reply] for reply in replies]


def _scored(row: Sequence[float] | None, reply: str | None, task: Task) -> int | None:
    """Returns the label of a row with scores; some servers score some rows, and say the others' label in words."""
    if row is not None:
        return scores.read(row, task)
    return None if reply is None else strict.read(reply, task)
