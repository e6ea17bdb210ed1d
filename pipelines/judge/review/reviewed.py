"""Saved reviews against the store: they are about texts that it has, as it has them.

Here: the check, and what the reviews and the store say together. Not here: the files (`form.py`), what they become
(`judgement.py`).
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell
from sdc.pipelines.judge.review.form import Form, Vote
from sdc.pipelines.judge.review.sheet import text_digest
from sdc.pipelines.judge.review.votes import Ruling, rule
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import whole_rows
from sdc.pipelines.stage import Context


@dataclass(frozen=True, kw_only=True)
class Reviewed:
    """The reviews of one judgement (or of a generation that nobody has judged), checked, with what they are about.

    Args:
        cell: Language and task.
        generation: Its texts were shown.
        judgement: What was reviewed, or None.
        votes: All votes, by `idx`.
        rulings: What the decided ones come to, by `idx`.
        digest: Of the content of all reviews.
    """

    cell: Cell
    generation: Artifact
    judgement: Artifact | None
    votes: Mapping[int, Sequence[Vote]]
    rulings: Mapping[int, Ruling]
    digest: str

    @property
    def people(self) -> list[str]:
        """The names of the reviewers, sorted."""
        return sorted({vote.reviewer for votes in self.votes.values() for vote in votes})


def check(context: Context, forms: Sequence[Form]) -> Reviewed:
    """Returns the reviews of one judgement with what they are about.

    Raises:
        UsageError: One person has two reviews of it.
        DataError: The store does not have what a review is about, or has it otherwise.
    """
    names = Counter(form.reviewer for form in forms)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        fix = "give the later file alone, or another --reviewer for one of them"
        raise UsageError(f"two of the reviews are by {twice[0]}", forms[-1].where, fix)
    first = forms[0]
    generation = _artifact(context, first.generation, "gen", first.where)
    judgement = _artifact(context, first.judgement, "judge", first.where) if first.judgement else None
    if judgement is not None and judgement.inputs[0] != generation.key:
        what = f"judgement {judgement.short} is not about generation {generation.short}"
        raise DataError(what, first.where, "save it again from the page")
    cell = cells.of_artifact(context.store, generation)
    lineage.check_labels(generation, cell)
    shown = {
        row["idx"]: (text_digest(row["text"]), row["text"], row["label_name"])
        for row in whole_rows(context, generation.key)
        if row["source"] == "synthetic" and row["status"] == "ok"
    }
    votes: dict[int, list[Vote]] = defaultdict(list)
    for form in forms:
        if tuple(form.labels) != cell.task.label_names:
            fix = "make the sheet again: the labels have changed since"
            raise DataError(f"these are not the labels of task {cell.task.name}", form.where, fix)
        for vote in form.votes:
            digest, text, label = shown.get(vote.idx, ("", "", ""))
            if digest != vote.sha256:
                what = f"text {vote.idx} is not the one in generation {generation.short}"
                raise DataError(what, form.where, "import it into the store that the sheet was made from")
            same_text, same_label = vote.text == text, vote.label == label  # changed, and changed back
            votes[vote.idx].append(
                replace(vote, text=None if same_text else vote.text, label=None if same_label else vote.label)
            )
    decided = {idx: [vote for vote in of_text if vote.decision] for idx, of_text in sorted(votes.items())}
    content = sorted(json.dumps(form.content(), ensure_ascii=False) for form in forms)
    return Reviewed(
        cell=cell,
        generation=generation,
        judgement=judgement,
        votes=dict(sorted(votes.items())),
        rulings={idx: rule(of_text) for idx, of_text in decided.items() if of_text},
        # Not canonical JSON, which would make NFC of a text that somebody corrected to something else.
        digest=hashlib.sha256("\n".join(content).encode()).hexdigest(),
    )


def _artifact(context: Context, key: str, wanted: str, where: str) -> Artifact:
    found = context.store.get(key)
    if found is None or found.stage != wanted:
        what = f"the review is about {wanted} {key[:12]}, which is not in {context.store.path}"
        raise DataError(what, where, "name the right --store, or bring it with `sdc store merge`")
    return found
