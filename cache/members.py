"""Draws whose members are no examples, looked for in the draws of one artifact's examples after the other.

Here: the check of `sdc store verify` that looks at every member. Not here: all other checks (`verify.py`).

Array legend: M members of some draws, D these draws.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from numpy.typing import NDArray

#: Draws whose members are in memory together.
_DRAWS_AT_ONCE = 500


def faults(con: "DuckDBPyConnection") -> list[tuple[str, int]]:
    """Returns (key of a sample, how many of its draws have members that are no examples) of an open store, by key.

    Members whose examples are in another store are not looked for.
    """
    import numpy as np

    found: dict[str, set[str]] = {}
    for (examples,) in con.execute(
        "select key from artifacts where key in (select example_key from draws union select human_key from draws)"
    ).fetchall():
        known = positions(con, examples)
        draws = con.sql(
            """select key, draw, members from draws where example_key = ?
            union all select key, draw, human_members from draws where human_key = ?""",
            params=[examples, examples],
        )
        for some in draws.to_arrow_reader(_DRAWS_AT_ONCE):
            members_D = some["members"]
            draw_M = np.repeat(np.arange(len(members_D)), members_D.value_lengths().fill_null(0).to_numpy())
            for draw in set(draw_M[~np.isin(members_D.flatten().to_numpy(), known)].tolist()):
                found.setdefault(some["key"][draw].as_py(), set()).add(some["draw"][draw].as_py())
    return sorted((key, len(draws)) for key, draws in found.items())


def positions(con: "DuckDBPyConnection", key: str) -> "NDArray[Any]":
    """Returns `idx` of all examples of an artifact."""
    return con.execute("select idx from examples where key = ?", [key]).fetchnumpy()["idx"]
