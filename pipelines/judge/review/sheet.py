"""Which texts a person is asked about: of each label so many, accepted and rejected ones alike.

Here: the choice and its order. Not here: how they are shown (`page.py`).
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.key import derive_seed, digest
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.judge.review import FORMAT, VERSION
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import ok_rows
from sdc.pipelines.records.judged import judged_rows
from sdc.pipelines.stage import Context

SAMPLE_SIZE = 20
#: A page of more rows is no mail attachment, and nobody's afternoon.
_MAX_ROWS = 10_000


@dataclass(frozen=True, kw_only=True)
class SheetRow:
    """One text to look at.

    Args:
        idx: Its row in the generation.
        text: The text.
        label: Id of the label it was written for.
        accepted: What the judge said, or None if nobody has judged it.
        judged_by: Which judge said so, or None.
        reason: Why it was rejected, or None.
    """

    idx: int
    text: str
    label: int
    accepted: bool | None = None
    judged_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The texts of one cell that people are asked about, in the order in which they are shown."""

    cell: Cell
    generation: Artifact
    judgement: Artifact | None
    rows: Sequence[SheetRow]

    @property
    def name(self) -> str:
        """A digest of what is asked: a browser keeps the progress of a review under it."""
        base = self.judgement or self.generation
        return digest([FORMAT, VERSION, base.key, [row.idx for row in self.rows]])


def text_digest(text: str) -> str:
    """Returns the sha256 of a text as it is, without normalisation."""
    return hashlib.sha256(text.encode()).hexdigest()


def choose(context: Context, cell: Cell, base: Artifact, *, sample_size: int = SAMPLE_SIZE, seed: int = 1337) -> Sheet:
    """Returns the sheet of a generation or of a judgement, the same one every time.

    Half of each label's texts are rejected ones, as far as there are that many, so that both kinds of mistake of the
    judge show. Labels and verdicts are mixed: the order gives nothing away.

    Args:
        context: Where the store is.
        cell: The language and task of `base`.
        base: A judgement, or a generation, of which the judgement used last is taken if there is one.
        sample_size: Texts per label, at least 1.
        seed: Root of the choice and of the order.

    Raises:
        UsageError: The size is below 1, or makes a page of more than 10,000 texts.
        DataError: There is no text to review.
    """
    if sample_size < 1:
        raise UsageError(f"a sheet of {sample_size} texts per label is empty", "--sample-size", "use 1 or more")
    generation, judgement = _bases(context, cell, base)
    lineage.check_labels(generation, cell)
    key = (judgement or generation).key
    found = _rows(context, generation, judgement)
    chosen: list[SheetRow] = []
    for label in cell.task.labels:
        own = [row for row in found if row.label == label.id]
        random.Random(derive_seed(seed, "review", key, label.name)).shuffle(own)
        rejected = [row for row in own if row.accepted is False]
        others = [row for row in own if row.accepted is not False]
        num_rejected = min(len(rejected), max(sample_size // 2, sample_size - len(others)))
        chosen += [*rejected[:num_rejected], *others[: sample_size - num_rejected]]
    if not chosen:
        raise DataError(f"{base.stage} {base.short} has no text to review", str(context.store.path), "run `sdc gen`")
    if len(chosen) > _MAX_ROWS:
        raise UsageError(
            f"a page of {len(chosen):,} texts is too long (at most {_MAX_ROWS:,})", "--sample-size", "take fewer"
        )
    random.Random(derive_seed(seed, "review", key)).shuffle(chosen)
    return Sheet(cell=cell, generation=generation, judgement=judgement, rows=chosen)


def _bases(context: Context, cell: Cell, base: Artifact) -> tuple[Artifact, Artifact | None]:
    """Returns the generation that `base` is or judges, and its judgement."""
    if base.stage == "gen":
        return base, lineage.newest_judgement(context, cell, base)
    generation = context.store.get(base.inputs[0])
    if generation is None:
        fix = "bring it with `sdc store merge`"
        raise DataError(f"the generation that {base.short} judges is not here", str(context.store.path), fix)
    return generation, base


def _rows(context: Context, generation: Artifact, judgement: Artifact | None) -> list[SheetRow]:
    if judgement is None:
        unjudged = ok_rows(context, generation.key, "synthetic")
        return [SheetRow(idx=idx, text=text, label=label) for idx, text, label in unjudged]
    return [
        SheetRow(idx=row.idx, text=row.text, label=row.label, accepted=row.accepted, judged_by=row.judged_by,
                 reason=row.reason)
        for row in judged_rows(context.store, judgement.key)
    ]  # fmt: skip
