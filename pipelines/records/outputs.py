"""Outputs: what runs said of every test row, alone or beside these rows.

Here: the look-ups. Not here: what it is worth (eval), what readers make of it (eval, `report/audit.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.store import Store

#: The raw reply, and one score per label; either may be None.
Output = tuple[str | None, Sequence[float] | None]


def of_runs(store: Store, keys: Sequence[str]) -> dict[str, dict[int, Output]]:
    """Returns key of a run -> idx of a test row -> what it said; runs that said nothing are left out."""
    found = store.query(
        """select key, list(idx), list(reply), list(scores) from outputs
        where key in (select unnest(?::varchar[])) group by key""",
        [list(keys)],
    )
    return {
        key: dict(zip(idxs, zip(replies, scores, strict=True), strict=True)) for key, idxs, replies, scores in found
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class AnsweredRow:
    """A test row, and what a run said on it.

    Args:
        text: The text.
        label: Its label id; None if the row has none.
        scores: A log-probability per label; None of a run that writes.
        reply: What it wrote; None of a run with scores.
    """

    text: str
    label: int | None
    scores: Sequence[float] | None
    reply: str | None


def answered_rows(store: Store, run: str, *, test: str) -> list[AnsweredRow]:
    """Returns the test rows of a run that are in the store, with its answers, by idx.

    Args:
        store: Where they are.
        run: Its full key.
        test: The full key of what it was tested on.
    """
    found = store.query(
        """select e.text, e.label, o.scores, o.reply from outputs o join examples e on e.key = ? and e.idx = o.idx
        where o.key = ? order by o.idx""",
        [test, run],
    )
    return [AnsweredRow(text=text, label=label, scores=scores, reply=reply) for text, label, scores, reply in found]


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
        """select r.key, r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots,
            list(o.reply), list(e.label)
        from runs r join examples e on e.key = r.test_key and e.status = 'ok' and e.label is not null
        left join outputs o on o.key = r.key and o.idx = e.idx
        where r.key in (select unnest(?::varchar[])) and r.status = 'ok'
        group by all having count(o.reply) > 0
        order by r.task, r.lang, r.method, r.model, r.num_rows, r.num_shots, r.key""",
        [list(runs)],
    )
    return [RunReplies(**dict(zip(names, row, strict=True))) for row in found]
