"""Outputs: what runs said of every test row, alone or beside these rows.

Here: the look-ups. Not here: what it is worth (eval), what readers make of it (eval, `report/audit.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sdc.cache.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array

#: How far apart the places of two runs are, counted by number and `idx` together.
_A_RUN = 2**32


@dataclass(frozen=True, kw_only=True)
class RunAnswers:
    """What a run said of some rows of its test, as Arrow columns in the order of these rows.

    Args:
        replies: The raw reply per row; null where there is none.
        scores: A list of 32-bit numbers per row, one per label; null where there is none.
        num_missing: Rows of which it has no output at all.
    """

    replies: "Array"
    scores: "Array"
    num_missing: int


def of_runs(store: Store, wanted: "Mapping[str, NDArray[Any]]") -> dict[str, RunAnswers]:
    """Returns what runs said of the rows that are wanted of each, by the run's key.

    Args:
        store: Where they are.
        wanted: Full key of a run -> `idx` of test rows, rising.
    """
    import numpy as np
    import pyarrow as pa

    numbers = store.query(
        "select key, no from runs where key in (select unnest(?::varchar[])) and no is not null", [list(wanted)]
    )
    found = store.query_arrow(
        "select run, idx, scores, reply from run_outputs where run in (select unnest(?::integer[]))",
        [[number for _, number in numbers]],
    ).combine_chunks()
    place_O = found["run"].to_numpy().astype(np.int64) * _A_RUN + found["idx"].to_numpy()
    order_O = place_O.argsort(kind="stable")  # mostly as it is
    place_O = np.append(place_O[order_O], np.iinfo(np.int64).max)
    order_O = np.append(order_O, 0)
    number_of = dict(numbers)
    answers = {}
    for key, idx_N in wanted.items():
        place_N = number_of.get(key, -1) * _A_RUN + idx_N.astype(np.int64)
        at_N = place_O.searchsorted(place_N)
        is_missing_N = place_O[at_N] != place_N
        rows = found.take(pa.array(order_O[at_N], mask=is_missing_N))
        answers[key] = RunAnswers(
            replies=rows["reply"].combine_chunks(),
            scores=rows["scores"].combine_chunks(),
            num_missing=int(is_missing_N.sum()),
        )
    return answers


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredRow:
    """A test row, and what a run said on it.

    Args:
        idx: Its place in the test.
        text: The text.
        label: Its label id; None if the row has none.
        scores: A log-probability per label; None of a run that writes, and of a row of which it said nothing.
        reply: What it wrote; None of a run with scores, and of a row of which it said nothing.
    """

    idx: int
    text: str
    label: int | None
    scores: Sequence[float] | None
    reply: str | None


AnyRow = TypeVar("AnyRow", bound=AnsweredRow)


def answered_rows(store: Store, run: str, *, test: str) -> list[AnsweredRow]:
    """Returns the rows that a run has said something of and that are in the store, by idx.

    Args:
        store: Where they are.
        run: Its full key.
        test: The full key of what it was tested on.
    """
    found = store.query(
        """select e.idx, e.text, e.label, o.scores, o.reply
        from outputs o join examples e on e.key = ? and e.idx = o.idx
        where o.key = ? order by o.idx""",
        [test, run],
    )
    return _rows(AnsweredRow, found)


@dataclass(frozen=True, kw_only=True, slots=True)
class GoldRow(AnsweredRow):
    """A labelled test row, and what a run said on it."""

    label: int


def of_test(store: Store, run: str, *, test: str) -> list[GoldRow]:
    """Returns the labelled test rows of a run that are in the store, with its answers where it gave some, by idx.

    Args:
        store: Where they are.
        run: Its full key.
        test: The full key of what it was tested on.
    """
    found = store.query(
        """select e.idx, e.text, e.label, o.scores, o.reply
        from examples e left join outputs o on o.key = ? and o.idx = e.idx
        where e.key = ? and e.status = 'ok' and e.label is not null order by e.idx""",
        [run, test],
    )
    return _rows(GoldRow, found)


def _rows(kind: type[AnyRow], found: Sequence[tuple[Any, ...]]) -> list[AnyRow]:
    names = ("idx", "text", "label", "scores", "reply")
    return [kind(**dict(zip(names, row, strict=True))) for row in found]


@dataclass(frozen=True, kw_only=True)
class RunReplies:
    """All that a run wrote.

    Args:
        run: Its key.
        replies: One per labelled test row, in no order; None where it said nothing.
        gold: The label ids of these rows.
    """

    run: str
    lang: str
    task: str
    method: str
    model: str
    source: str | None
    num_rows: int
    num_shots: int | None
    replies: Sequence[str | None]
    gold: Sequence[int]


def replies_of(store: Store, runs: Sequence[str]) -> list[RunReplies]:
    """Returns the replies of those of some runs, given by full key, that are ok and wrote any."""
    names = ("run", "lang", "task", "method", "model", "source", "num_rows", "num_shots", "replies", "gold")
    found = store.query(
        """with wrote as (
            select distinct run from run_outputs where reply is not null and run in (
                select no from runs where key in (select unnest(?::varchar[])) and status = 'ok'
            )
        )
        select r.key, r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots,
            list(o.reply), list(e.label)
        from wrote w join runs r on r.no = w.run
        join examples e on e.key = r.test_key and e.status = 'ok' and e.label is not null
        left join run_outputs o on o.run = r.no and o.idx = e.idx
        group by all having count(o.reply) > 0
        order by r.task, r.lang, r.method, r.model, r.num_rows, r.num_shots, r.key""",
        [list(runs)],
    )
    return [RunReplies(**dict(zip(names, row, strict=True))) for row in found]
