"""Sizes as columns: one line for each language, source and method, and nothing lost."""

from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.pivot import by_size, in_parts


def _table(*rows: tuple[str, ...]) -> Table:
    columns = ("lang", "method", "source", "size", "rows", "mean ± std", "95 %")
    return Table(columns=columns, rows=rows, title="accuracy in %, mean ± std over n runs", spare=("rows",))


def test_sizes_are_columns_by_number_and_all_is_last() -> None:
    found = by_size(
        _table(
            ("te", "majority", "-", "-", "-", "10.0", "-"),
            ("te", "linear", "human", "all", "400", "80.0", "78..82"),
            ("te", "linear", "human", "100", "100", "70.0 ± 1.0", "69..71"),
            ("te", "linear", "human", "20", "20", "50.0 ± 1.0", "40..60"),
            ("sw", "linear", "human", "20", "20", "55.0 ± 1.0", "40..60"),
        )
    )
    assert found.columns == ("lang", "method", "source", "no rows", "20", "100", "all")
    assert found.rows == (
        ("te", "majority", "-", "10.0", "-", "-", "-"),
        ("te", "linear", "human", "-", "50.0 ± 1.0", "70.0 ± 1.0", "80.0"),
        ("sw", "linear", "human", "-", "55.0 ± 1.0", "-", "-"),
    )
    assert found.title == "accuracy in %, mean ± std over n runs, by size"


def test_sizes_that_are_the_same_draws_have_a_column_each() -> None:
    found = by_size(_table(("te", "linear", "human", "10,20", "14", "50.0", "-")))
    assert (found.columns[-2:], found.rows[0][-2:]) == (("10", "20"), ("50.0", "50.0"))


def test_results_that_would_share_a_cell_keep_a_line_each() -> None:
    found = by_size(
        _table(
            ("te", "linear", "human", "all", "400", "80.0", "-"), ("te", "linear", "human", "all", "200", "70.0", "-")
        )
    )
    assert found.columns == ("lang", "method", "source", "rows", "all")
    assert [row[-2:] for row in found.rows] == [("400", "80.0"), ("200", "70.0")]


def test_a_table_without_sizes_stays() -> None:
    table = Table(columns=("method", "mean ± std"), rows=(("linear", "5"),), title="t")
    assert by_size(table) is table


def test_a_table_that_is_too_wide_has_some_sizes_at_a_time() -> None:
    whole = by_size(
        _table(
            ("te", "majority", "-", "-", "-", "10.0", "-"),
            *(("te", "linear", "human", str(size), str(size), f"{size}.0", "-") for size in (20, 30, 40)),
        )
    )
    assert in_parts(whole, lambda table: True) == [whole]
    assert in_parts(whole, lambda table: len(table.columns) < 4) == [whole]
    first, second = in_parts(whole, lambda table: len(table.columns) < 6)
    assert (first.columns, second.columns) == (
        ("lang", "method", "source", "no rows", "20"), ("lang", "method", "source", "30", "40")
    )  # fmt: skip
    assert first.rows == (("te", "majority", "-", "10.0", "-"), ("te", "linear", "human", "-", "20.0"))
    assert second.rows == (("te", "linear", "human", "30.0", "40.0"),)
