"""Rows that are nearly the same as another: seed examples, other human rows, test rows, earlier synthetic rows.

"Nearly" is what the judge's gate means by a copy: a character 5-gram Jaccard of 0.8 or more, after case and white space
are folded.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sdc.cache.counted import counted
from sdc.pipelines.report.card.figure import Figure, Measurement, share
from sdc.pipelines.report.card.neighbours import nearest
from sdc.pipelines.report.card.sides import Sides, texts
from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity import Index

NAMES = ("seed_copies", "human_copies", "leaks", "duplicates")
_WHAT = {
    "seed_copies": "copies of seed examples",
    "human_copies": "copies of other human train rows",
    "leaks": "rows of the test split, or nearly",
    "duplicates": "rows that repeat an earlier one",
}
THRESHOLD = 0.8
_NUM_EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A row that is nearly another: both texts, their similarity, and whether they are the same but for case."""

    text: str
    other: str
    similarity: float
    exact: bool


def copies(rows: Sequence[str], originals: Sequence[str]) -> list[Copy]:
    """Returns the rows that are nearly one of the originals, each with the nearest, in order.

    Degenerate case: none if there are no originals. Short texts are soon nearly the same: "set an alarm" may well have
    been written twice.

    Source: A. Broder (1997), On the resemblance and containment of documents, SEQUENCES.

    >>> [(c.text, c.exact) for c in copies(["Set an alarm", "Play music", "set an alarm!"], ["SET AN ALARM"])]
    [('Set an alarm', True), ('set an alarm!', False)]
    """
    return _copies(rows, originals, Index(originals, threshold=THRESHOLD))


def _copies(rows: Sequence[str], originals: Sequence[str], index: Index, *, but: Collection[int] = ()) -> list[Copy]:
    """Returns the `copies`, with the originals in an index; some of them, by position, do not count."""
    found = []
    for row in rows:
        near = [(similarity, -k) for k, similarity in index.near(row) if k not in but]
        similarity, k = max(near, default=(0.0, 0))
        found.append((similarity, -k))
    return _near(rows, originals, found)


def repeats(rows: Sequence[str]) -> list[Copy]:
    """Returns the rows that are nearly an earlier one, each with the nearest.

    >>> [(c.text, c.other) for c in repeats(["one", "two", "ONE"])]
    [('ONE', 'one')]
    """
    return _near(rows, rows, nearest(rows, earlier=True))


def _near(rows: Sequence[str], others: Sequence[str], found: Sequence[tuple[float, int]]) -> list[Copy]:
    return [
        Copy(text=row, other=others[k], similarity=similarity, exact=fold(row) == fold(others[k]))
        for row, (similarity, k) in zip(rows, found, strict=True)
        if similarity >= THRESHOLD
    ]


def measure(sides: Sides) -> Measurement:
    """Returns the share of synthetic rows that are copies, of each kind.

    A copy of a seed example is not counted again as one of other human rows; seeds of rows that were made elsewhere are
    not known, so that all human rows are "other". The human column says how often people's own rows do the same: how
    many train rows stand in the test split, and how many repeat an earlier one of as many rows.
    """
    ours, theirs = texts(sides.synthetic), texts(sides.human)
    sample = texts(sides.some_human)[: len(ours)]
    seeds = sides.seeds or ()
    of_seeds = copies(ours, seeds)
    known, done = set(map(fold, seeds)), {copy.text for copy in of_seeds}
    shown = {k for k, text in enumerate(sides.reference.known_human.folded) if text in known}
    human_index = Index(sides.reference.known_human, threshold=THRESHOLD)
    test_index = Index(sides.reference.known_test, threshold=THRESHOLD)
    test = sides.test or ()
    found = {
        "seed_copies": of_seeds if sides.seeds else None,
        "human_copies": _copies([text for text in ours if text not in done], theirs, human_index, but=shown)
        if len(shown) < len(theirs)
        else None,
        "leaks": _copies(ours, test, test_index) if test else None,
        "duplicates": repeats(ours),
    }
    human = {
        "leaks": share(len(_copies(sample, test, test_index)), len(sample)) if test else None,
        "duplicates": share(len(repeats(sample)), len(sample)),
    }
    missing = {
        "seed_copies": "the rows do not say what their generator was shown",
        "human_copies": "all human rows are seed examples" if theirs else "there are no human rows",
        "leaks": "no test rows in the store",
    }
    if sides.seeds == ():
        missing["seed_copies"] = "the generator was shown no examples"
    figures = []
    for name in NAMES:
        rows = found[name]
        exact = sum(copy.exact for copy in rows or ())
        said = f"{counted(len(rows), 'row')}, {exact} word for word" if rows else ""
        what = _WHAT[name] if sides.seeds is not None else _WHAT[name].replace("other ", "")
        figures.append(
            Figure(
                name=name,
                what=what,
                synthetic=share(len(rows), len(ours)) if rows is not None else None,
                human=human.get(name),
                note=missing[name] if rows is None else said,
                details={"rows": len(rows), "exact": exact} if rows is not None else {},
            )
        )
    return Measurement(figures=tuple(figures), examples=_examples(found))


def _examples(found: dict[str, list[Copy] | None]) -> list[dict[str, object]]:
    """Returns the nearest copies of each kind, for people to look at."""
    return [
        {"kind": name, "text": copy.text, "other": copy.other, "similarity": round(copy.similarity, 3)}
        for name, rows in found.items()
        for copy in sorted(rows or (), key=lambda copy: -copy.similarity)[:_NUM_EXAMPLES]
    ]
