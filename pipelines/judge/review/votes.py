"""What the votes of one or more people on one text come to.

Here: the rule. Not here: how far they agree (`agreement.py`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.pipelines.judge.review.form import Vote


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What becomes of a text.

    Args:
        accepted: Whether it may be used, perhaps with changes.
        label: Name of its new label, or None.
        text: Its new wording, or None.
        reason: Why it is not used as it is, or None.
        people: Who decided, sorted.
    """

    accepted: bool
    label: str | None = None
    text: str | None = None
    reason: str | None = None
    people: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether it is used with another label or wording."""
        return self.label is not None or self.text is not None

    @property
    def judged_by(self) -> str:
        """The name in the table `verdicts`."""
        return f"human:{'+'.join(self.people)}"


def rule(votes: Sequence[Vote]) -> Ruling:
    """Returns the ruling on one text.

    More than half of the votes must accept it, more than half of those must agree on its label, and of the wordings
    under that label the most frequent wins: at a tie the original, else the one by the first name. Where people are
    of two minds a text is left out: others can be had.

    Args:
        votes: At least one, each with a decision, all on one text and by different people.
    """
    votes = sorted(votes, key=lambda vote: vote.reviewer)
    people = tuple(vote.reviewer for vote in votes)
    accepting = [vote for vote in votes if vote.decision == "accept"]
    if not accepting:
        return Ruling(accepted=False, reason=", ".join(sorted({str(vote.reason) for vote in votes})), people=people)
    if 2 * len(accepting) <= len(votes):
        reason = f"the reviewers disagree: {len(accepting)} of {len(votes)} accept it"
        return Ruling(accepted=False, reason=reason, people=people)
    (label, num), *_ = Counter(vote.label for vote in accepting).most_common()
    if 2 * num <= len(accepting):
        return Ruling(accepted=False, reason="the reviewers disagree on the label", people=people)
    wordings = Counter(vote.text for vote in accepting if vote.label == label)
    most = max(wordings.values())
    best = [text for text, count in wordings.items() if count == most]  # in the order of the names
    text = None if None in best else best[0]
    changes = (["edited"] if text is not None else []) + ([f"relabelled as {label}"] if label is not None else [])
    return Ruling(accepted=True, label=label, text=text, reason=" and ".join(changes) or None, people=people)
