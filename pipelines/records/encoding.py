"""What encoding texts took: the embeddings of an encoder are shared by all runs, so no run's seconds have it.

Here: what commands measured, each once, and the seconds of a text. Not here: encoders, what is kept of them
(`encoders/`).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from sdc.cache.store import Store
from sdc.pipelines.records.draws import Draw

#: Name of the model, and its identity as its key has it.
EncoderId = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What one command encoded for one cell: at least one text, in `seconds` of wall-clock time."""

    lang: str
    task: str
    method: str
    encoder: EncoderId
    num_texts: int
    seconds: float


def passes(store: Store) -> list[Encoded]:
    """Returns what was encoded, once each: all runs of a command say the same of their cell."""
    found = store.query(
        """select distinct r.lang, r.task, r.method, r.model, cast(a.config -> '$.model' as varchar),
            (r.details ->> '$.encoded')::bigint, (r.details ->> '$.encoding_seconds')::double
        from runs r join artifacts a using (key)
        where r.method in (select unnest(?::varchar[])) and (r.details ->> '$.encoded')::bigint > 0
            and (r.details ->> '$.encoding_seconds')::double is not null
        order by all""",
        [_methods()],
    )
    return [
        Encoded(lang=lang, task=task, method=method, encoder=(model, identity), num_texts=num_texts, seconds=seconds)
        for lang, task, method, model, identity, num_texts, seconds in found
    ]


def seconds_per_text(store: Store) -> dict[EncoderId, float]:
    """Returns encoder -> mean seconds of a text over all that was encoded; none of those that nobody measured."""
    sums: dict[EncoderId, tuple[float, int]] = {}
    for one in passes(store):
        seconds, num_texts = sums.get(one.encoder, (0.0, 0))
        sums[one.encoder] = seconds + one.seconds, num_texts + one.num_texts
    return {encoder: seconds / num_texts for encoder, (seconds, num_texts) in sums.items()}


def of_text(per_text: Mapping[EncoderId, float], *, method: str, encoder: EncoderId) -> float | None:
    """Returns the seconds that encoding takes a student of a text: 0 where it reads none, None where nobody measured.

    >>> speeds = {("e5", "1"): 0.1}
    >>> [of_text(speeds, method=m, encoder=(e, "1")) for m, e in (("probe", "e5"), ("probe", "x"), ("linear", "e5"))]
    [0.1, None, 0.0]
    """
    return per_text.get(encoder) if method in _methods() else 0.0


def first_read(runs: Iterable[tuple[str, Hashable, Draw | None, int]]) -> dict[str, int]:
    """Returns run -> how many texts it reads that no run before it has read: an encoder reads each once.

    Args:
        runs: In the order in which they are made: key, what shares an encoder and a cell, draw, rows of the test.

    Of draws whose rows are not known yet only the largest counts, so that it is at least so many.
    """
    read: dict[Hashable, set[int]] = {}
    found: dict[str, int] = {}
    for key, shared, draw, num_test in runs:
        parts: list[tuple[str, str, Sequence[int]]] = [("test", "", range(num_test))]
        if draw is not None:
            rows = draw.members or range(draw.num_rows)
            parts += [(draw.source, draw.example_key, rows), ("human", draw.human_key or "", draw.human_members)]
        found[key] = 0
        for source, example_key, idx in parts:
            # Known rows are told by what they are of, whatever the draw calls them.
            seen = read.setdefault((shared, example_key or source), set())
            before = len(seen)
            seen.update(idx)
            found[key] += len(seen) - before
    return found


@cache
def _methods() -> list[str]:
    """Returns the methods whose students read embeddings; asked for every run of a grid."""
    from sdc.pipelines.students import STUDENTS

    return [method for method, student in STUDENTS.items() if student.reads_embeddings]
