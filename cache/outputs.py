"""What is wrong with the outputs of runs, looked for in one range of run numbers after the other.

A store may have more outputs than there is memory. Here: the checks of `sdc store verify` that look at every output.
Not here: all other checks (`verify.py`).

Array legend: O outputs of a range of runs, R its runs, P pairs of a run and a position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdc.cache.members import positions
from sdc.cache.migrations import RUN_OUTPUTS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

#: Outputs that are in memory together, unless one run has more.
_MOST_OUTPUTS = 1_000_000
_NONE = "the finished run {key} has no outputs"
_SHARED = "{n} outputs of {key} share their idx with another"
_UNKNOWN = "{n} outputs of {key} are for rows that the test examples do not have"


@dataclass(frozen=True, kw_only=True)
class _CheckedRun:
    """A run by its number in this store, the key of its test, and how many outputs it has."""

    number: int
    key: str
    test_key: str
    num_outputs: int


def faults(con: "DuckDBPyConnection") -> list[tuple[str, str, int]]:
    """Returns (what is wrong, key of the run, how many) of an open store, by kind and key."""
    rows = con.execute(
        f"""select r.no, r.key, r.test_key, coalesce(o.num, 0), r.status from runs r
        left join (select run, count(*) as num from {RUN_OUTPUTS} group by run) o on o.run = r.no
        where r.no is not null order by r.no"""
    ).fetchall()
    found = {(_NONE, key, 1) for _, key, _, num, status in rows if status == "ok" and not num}
    runs = [_CheckedRun(number=no, key=key, test_key=test, num_outputs=num) for no, key, test, num, _ in rows if num]
    tests: dict[str, NDArray[Any] | None] = {}
    for some in _ranges(runs):
        for key in {run.test_key for run in some} - tests.keys():
            tests[key] = _idxs(con, key)
        outputs = con.execute(
            f"select run, idx from {RUN_OUTPUTS} where run between ? and ?", [some[0].number, some[-1].number]
        ).fetchnumpy()
        found |= set(_wrong(outputs["run"], outputs["idx"], some, tests))
    return sorted(found)


def _idxs(con: "DuckDBPyConnection", key: str) -> "NDArray[Any] | None":
    """Returns the positions of the examples of a test; None where it is in another store."""
    if not con.execute("select 1 from artifacts where key = ?", [key]).fetchall():
        return None
    return positions(con, key)


def _ranges(runs: Sequence[_CheckedRun]) -> Iterator[list[_CheckedRun]]:
    """Yields runs, in their order, as many together as there is room for their outputs."""
    some: list[_CheckedRun] = []
    total = 0
    for run in runs:
        if some and total + run.num_outputs > _MOST_OUTPUTS:
            yield some
            some, total = [], 0
        some.append(run)
        total += run.num_outputs
    if some:
        yield some


def _wrong(
    run_O: "NDArray[Any]",
    idx_O: "NDArray[Any]",
    runs: Sequence[_CheckedRun],
    tests: Mapping[str, "NDArray[Any] | None"],
) -> Iterator[tuple[str, str, int]]:
    """Yields the faults of outputs, given their runs' numbers and their positions, where they are of these `runs`."""
    import numpy as np

    number_R = np.array([run.number for run in runs])
    place_O = np.searchsorted(number_R, run_O)
    is_owned_O = number_R[place_O] == run_O  # a number in between may be of no run
    place_O, idx_O = place_O[is_owned_O], idx_O[is_owned_O]
    pair_P, times_P = np.unique(place_O * 2**32 + 2**31 + idx_O, return_counts=True)
    shared_R = np.bincount(pair_P[times_P > 1] // 2**32, minlength=len(runs))
    is_unknown_O = np.zeros(len(idx_O), dtype=bool)
    test_R = np.array([run.test_key for run in runs])
    for key in {run.test_key for run in runs}:
        known = tests[key]
        if known is not None:
            of_test_O = (test_R == key)[place_O]
            is_unknown_O[of_test_O] = ~np.isin(idx_O[of_test_O], known)
    unknown_R = np.bincount(place_O[is_unknown_O], minlength=len(runs))
    for place, run in enumerate(runs):
        for what, counts_R in ((_SHARED, shared_R), (_UNKNOWN, unknown_R)):
            if counts_R[place]:
                yield what, run.key, int(counts_R[place])
