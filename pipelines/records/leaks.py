"""Test texts that stand among the rows that a student learns from: such a result is better than the student is.

Here: which rows they are, counted in one way for `data`, the gates and the report. Not here: what is done about them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sdc.cache.store import Store
from sdc.pipelines.gates import leaked
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.stage import Context
from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity_join import Join

#: Rows that a student may learn from or be tested on.
USABLE = ("ok", "seed")
#: idx and text
Text = tuple[int, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """One row that is a test row, or nearly.

    Args:
        row: Its idx.
        test: The idx of the test row.
        similarity: Character 5-gram Jaccard, from the threshold of the gate `test` to 1.
        exact: Both are the same but for case, white space and the spelling of accents.
    """

    row: int
    test: int
    similarity: float
    exact: bool


@dataclass(frozen=True, kw_only=True)
class Leaks:
    """The test rows that stand in other rows.

    Args:
        num_test: Usable test rows.
        pairs: Every row beside every test row that it repeats, by row.
    """

    num_test: int
    pairs: tuple[Leak, ...]

    @property
    def leaked(self) -> int:
        """How many test rows stand in the rows, word for word or nearly."""
        return len({pair.test for pair in self.pairs})

    @property
    def exact(self) -> int:
        """How many of them stand there word for word."""
        return len({pair.test for pair in self.pairs if pair.exact})

    @property
    def rows(self) -> int:
        """How many rows are test rows, or nearly."""
        return len({pair.row for pair in self.pairs})

    @property
    def exact_rows(self) -> int:
        """How many rows are test rows word for word."""
        return len({pair.row for pair in self.pairs if pair.exact})

    @property
    def share(self) -> float:
        """Share of the test rows that stand in the rows, 0 to 1; 0 without test rows."""
        return self.leaked / max(self.num_test, 1)

    def among(self, members: Collection[int]) -> "Leaks":
        """Returns the leaks into some of the rows, as those of a draw, by their idx."""
        wanted = set(members)
        return replace(self, pairs=tuple(pair for pair in self.pairs if pair.row in wanted))

    def as_json(self) -> dict[str, Any]:
        """Returns the counts, as summaries keep them."""
        return {"test_rows": self.num_test, "leaked": self.leaked, "exact": self.exact, "rows": self.rows}

    def __str__(self) -> str:
        word_for_word = f", {self.exact} word for word" if self.leaked else ""
        return f"{self.leaked} of {self.num_test} test texts ({self.share:.1%}{word_for_word})"


def index(test: Sequence[Text]) -> Join:
    """Returns the test texts as `find` compares them, for several searches."""
    return Join([fold(text) for _, text in test], leaked.THRESHOLD)


def find(rows: Sequence[Text], test: Sequence[Text], *, known: Join | None = None) -> Leaks:
    """Returns which test texts stand in the rows: what the gate `test` would reject there.

    Args:
        rows: Of a train set.
        test: Of a test set.
        known: The `index` of the test texts, if it was made before.

    >>> found = find([(0, "Play some MUSIC"), (1, "Stop")], [(7, "play some music"), (8, "Go on")])
    >>> str(found), found.pairs
    ('1 of 2 test texts (50.0%, 1 word for word)', (Leak(row=0, test=7, similarity=1.0, exact=True),))
    """
    known = index(test) if known is None else known
    folded = [fold(text) for _, text in rows]
    pairs = [
        Leak(row=rows[at][0], test=test[k][0], similarity=similarity, exact=folded[at] == known.folded[k])
        for at, k, similarity in known.pairs(folded)
    ]
    return Leaks(num_test=len(test), pairs=tuple(pairs))


def between(store: Store, *, rows: str, test: str) -> Leaks:
    """Returns which usable rows of the test data with key `test` stand in those with key `rows`.

    Seconds for tens of thousands of rows; asked again in the same process, nothing.

    Args:
        store: Where both are.
        rows: Full key of data, or of a generation with its seed examples: the `example_key` of a draw. `among` of what
            comes back narrows it to the draw.
        test: Full key of test data.
    """
    return _between(store.path, rows, test)


def of_draw(store: Store, draw: Draw, test: str) -> Leaks:
    """Returns which usable rows of the test data with key `test` stand in the rows of a draw.

    A draw with rows of two artifacts has the pairs of both, human rows under the `idx` of `examples.ExampleRow`.
    """
    found = between(store, rows=draw.example_key, test=test).among(draw.members)
    if draw.human_key is None:
        return found
    human = between(store, rows=draw.human_key, test=test).among(draw.human_members)
    return replace(found, pairs=(*(replace(pair, row=-1 - pair.row) for pair in human.pairs), *found.pairs))


def of_draws(context: Context, who: str, draws: Sequence[Draw], test: str) -> dict[str, Leaks]:
    """Returns the leaks of each draw by its content hash, and tells the user of the worst of each source."""
    found = {draw.draw: of_draw(context.store, draw, test) for draw in draws}
    worst: dict[str, Leaks] = {}
    for draw in draws:
        before = worst.get(draw.source)
        if before is None or found[draw.draw].leaked > before.leaked:
            worst[draw.source] = found[draw.draw]
    for source, leaks in worst.items():
        if leaks.leaked:
            fix = "such a result is better than the student; `sdc data add --drop-leaks` leaves them out"
            context.say(f"{who}: {leaks} stand among {source} rows it learns from; {fix}")
    return found


@lru_cache(maxsize=256)
def _between(path: Path, rows: str, test: str) -> Leaks:
    store = Store(path)
    return find(texts(store, rows), texts(store, test))


def texts(store: Store, key: str) -> list[Text]:
    """Returns idx and text of the rows of an artifact that a student may learn from or be tested on, by idx."""
    sql = "select idx, text from examples where key = ? and list_contains(?, status) order by idx"
    return [(idx, text) for idx, text in store.query(sql, [key, list(USABLE)])]
