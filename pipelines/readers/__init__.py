"""Readers turn what a student said into a label id: one file each, chosen by name.

Here: the registry and which reader a run gets. Not here: the readers themselves, probabilities (`softmax.py`), metrics.
"""

from collections.abc import Callable, Mapping, Sequence

from sdc.pipelines.readers import calibrated, paper_code, per_token, scores, strict
from sdc.pipelines.tasks import Task

#: Readers of the raw reply: (reply, task) -> label id, or None for unparsed. They never raise.
REPLY_READERS: Mapping[str, Callable[[str, Task], int | None]] = {"strict": strict.read, "paper-code": paper_code.read}
#: Readers of the likelihoods of labels. Only the first reads other scores, as those of students with a softmax.
SCORE_READERS = ("scores", "scores-calibrated", "scores-per-token")
#: Everything that `--reader` takes.
NAMES = ("auto", *REPLY_READERS, *SCORE_READERS)


def resolve(name: str, *, has_scores: bool, is_likelihood: bool = False) -> str | None:
    """Returns the reader that a run gets when `--reader` says `name`, or None if that reader cannot read it.

    Scores leave nothing to parse: whoever asks for a reply reader still gets `scores` for a run that has scores, and so
    does a student that is no language model under every reader of likelihoods.

    >>> resolve("auto", has_scores=True), resolve("auto", has_scores=False), resolve("paper-code", has_scores=True)
    ('scores', 'strict', 'scores')
    >>> resolve("scores", has_scores=False) is None
    True
    >>> [resolve("scores-calibrated", has_scores=True, is_likelihood=known) for known in (True, False)]
    ['scores-calibrated', 'scores']
    """
    if has_scores:
        return name if is_likelihood and name in SCORE_READERS else "scores"
    if name == "auto":
        return "strict"
    return name if name in REPLY_READERS else None


def read(
    reader: str,
    task: Task,
    *,
    replies: Sequence[str | None],
    all_scores: Sequence[Sequence[float] | None],
    label_tokens: Sequence[int] = (),
) -> list[int | None]:
    """Returns a label id (or None for unparsed) per test row, in order.

    Args:
        reader: A resolved reader: not `auto`.
        task: Whose labels are read.
        replies: The raw reply per row, or None. Readers of scores read it strictly where a row has no scores.
        all_scores: One score per label and row, or None; used by readers of scores alone.
        label_tokens: Tokens of each label, for the reader `scores-per-token`.
    """
    if reader in SCORE_READERS:
        if reader == "scores-calibrated":
            found = calibrated.read(all_scores, task)
        elif reader == "scores-per-token":
            found = [None if row is None else per_token.read(row, task, label_tokens) for row in all_scores]
        else:
            found = [None if row is None else scores.read(row, task) for row in all_scores]
        return [
            _worded(reply, task) if row is None else label
            for label, row, reply in zip(found, all_scores, replies, strict=True)
        ]
    known: dict[str | None, int | None] = {None: None}  # students repeat themselves: every reply is read once
    for reply in replies:
        if reply is not None and reply not in known:
            known[reply] = REPLY_READERS[reader](reply, task)
    return [known[reply] for reply in replies]


def _worded(reply: str | None, task: Task) -> int | None:
    """Returns the label of a row without scores; some servers score some rows, and say the others' label in words."""
    return None if reply is None else strict.read(reply, task)
