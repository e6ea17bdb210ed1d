"""What DuckDB's errors mean."""

import duckdb
import pytest

from sdc.cache.duckdb_errors import raise_if_stopped


@pytest.mark.parametrize(
    "error",
    [
        duckdb.InterruptException("INTERRUPT Error: Interrupted!"),
        RuntimeError("Query interrupted"),
        duckdb.InvalidInputException("reading the object registered as 'batch' failed: KeyboardInterrupt:"),
    ],
)
def test_ctrl_c_is_one_however_duckdb_calls_it(error: Exception) -> None:
    """In the middle of reading a table of ours it was a store that failed, with exit code 3."""
    with pytest.raises(KeyboardInterrupt):
        raise_if_stopped(error)


def test_other_errors_are_none() -> None:
    raise_if_stopped(duckdb.InvalidInputException("reading the object registered as 'batch' as Arrow data failed"))
    raise_if_stopped(duckdb.IOException("an interrupted system call"))


def test_ctrl_c_while_a_table_is_read() -> None:
    """What DuckDB says there, so that a change of its words is seen."""

    class Table:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise KeyboardInterrupt

    con = duckdb.connect()
    with pytest.raises(KeyboardInterrupt):
        try:
            con.register("batch", Table())
            con.execute("select * from batch")
        except duckdb.Error as error:
            raise_if_stopped(error)
            raise
