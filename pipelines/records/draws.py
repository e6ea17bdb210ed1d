"""Draws as later stages read them back from the store.

Here: one draw, the draws of a sample, and draws of which only the content hash is known. Not here: their rows
(`examples.py`), how rows are chosen (sample, `strategies/`), what they were made from (`results.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError, one_of
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context

#: Where the rows of a draw come from.
SOURCES = ("synthetic", "human", "seeds", "seeds+synthetic", "human+synthetic")
#: Those of which people wrote every row: the train data, and the few examples that the generator was shown.
HUMAN_SOURCES = ("human", "seeds")


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The rows of one draw.

    Args:
        draw: The content hash.
        source: One of SOURCES.
        size: The nominal size as it was asked for.
        repeat: The number of the repeat, from 0.
        num_rows: The real number of rows.
        example_key: The artifact whose examples it holds.
        members: Their `idx`, in order.
        human_key: The human data that it has rows of beside those, before them; None if there is none.
        human_members: Their `idx`, in order.
        num_seeds: How many of its first rows are seeds beside other rows; 0 if none is, None where an older sdc did not
            say.
        seed_weight: What each of these counts in a loss; other rows count 1.
    """

    draw: str
    source: str
    size: str
    repeat: int
    num_rows: int
    example_key: str
    members: Sequence[int]
    human_key: str | None = None
    human_members: Sequence[int] = ()
    num_seeds: int | None = 0
    seed_weight: float = 1.0

    @property
    def weights(self) -> list[float] | None:
        """What each row counts in a loss, in their order; None if all count alike."""
        return weights_of(self.num_rows, self.num_seeds or 0, self.seed_weight)


def weights_of(num_rows: int, num_seeds: int, seed_weight: float) -> list[float] | None:
    """Returns what each row of a draw counts, the seeds first; None if all count alike.

    >>> weights_of(3, 1, 5.0), weights_of(3, 1, 1.0)
    ([5.0, 1.0, 1.0], None)
    """
    if seed_weight == 1 or not num_seeds:
        return None
    return [seed_weight] * num_seeds + [1.0] * (num_rows - num_seeds)


#: What is read of a draw; `_draw` takes them in this order.
_COLUMNS = ("draw", "source", "size", "repeat", "num_rows", "example_key", "members", "human_key", "human_members",
            "num_seeds", "seed_weight")  # fmt: skip
_SELECTED = ", ".join(f"d.{name}" for name in _COLUMNS)


def draw_of_row(row: Mapping[str, Any]) -> Draw:
    """Returns the draw of a row of the table `draws`."""
    return _draw([row[name] for name in _COLUMNS])


def check_source(name: str) -> None:
    """Raises a UsageError if there is no such source."""
    if name not in SOURCES:
        raise UsageError(f"unknown source {name[:80]!r}", "--source", one_of(name, SOURCES))


def draws_of(
    context: Context, sample: Artifact, *, sizes: Sequence[str] = (), repeats: int | None = None
) -> list[Draw]:
    """Returns the draws of a sample by real size and repeat; only the first `repeats` of these `sizes` if given.

    Raises:
        DataError: The sample lacks one of the sizes, or has fewer repeats.
        StoreError: The sample is stale.
    """
    lineage.refuse_stale(context, [sample])
    found = context.store.query(
        f"select {_SELECTED} from draws d where d.key = ? order by d.num_rows, d.size, d.repeat",  # noqa: S608
        [sample.key],
    )
    draws = [_draw(row) for row in found]
    where, there = f"sample {sample.short}", list(dict.fromkeys(draw.size for draw in draws))
    lacking = [size for size in sizes if size not in there]
    if lacking or not draws:
        fix = f"its sizes are {', '.join(there) or 'none'}; draw others with `sdc sample --sizes`"
        raise DataError(f"no draw of size {', '.join(lacking)}", where, fix)
    num_repeats = 1 + max(draw.repeat for draw in draws)
    if repeats is not None and repeats > num_repeats:
        fix = f"draw more with `sdc sample --repeats {repeats}`"
        verb = "is" if num_repeats == 1 else "are"
        what = f"{counted(repeats, 'repeat is', 'repeats are')} asked for, and there {verb} {num_repeats}"
        raise DataError(what, where, fix)
    return [d for d in draws if (not sizes or d.size in sizes) and (repeats is None or d.repeat < repeats)]


def by_hash(store: Store, hashes: Sequence[str]) -> list[Draw]:
    """Returns those of the draws with these content hashes that are in the store, each as one of its samples has it."""
    found = store.query(
        f"select distinct on (d.draw) {_SELECTED} from draws d where d.draw in (select unnest(?::varchar[]))",  # noqa: S608
        [list(hashes)],
    )
    return [_draw(row) for row in found]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A draw in one sample.

    Args:
        sample: The key of the sample.
        strategy: How it chose the rows.
        draw: Its size and repeat are those of this sample.
    """

    sample: str
    strategy: str
    draw: Draw


def drawn_last(store: Store, draw: str) -> Drawn | None:
    """Returns a draw, known by its content hash, in the sample used last that has it; None if none that holds does."""
    found = store.query(
        f"""select d.key, d.strategy, {_SELECTED} from draws d join artifacts a using (key)
        where d.draw = ? and d.key not in (select key from stale)
        order by a.used_at desc, d.key, d.repeat limit 1""",  # noqa: S608 (constants)
        [draw],
    )
    return Drawn(sample=found[0][0], strategy=found[0][1], draw=_draw(found[0][2:])) if found else None


def _draw(row: Sequence[Any]) -> Draw:
    values = dict(zip(_COLUMNS, row, strict=True))
    defaults = {"human_members": values["human_members"] or (), "seed_weight": values["seed_weight"] or 1.0}
    return Draw(**{**values, **defaults})
