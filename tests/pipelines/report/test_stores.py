"""Two stores held against each other: what each reports, and nothing written to either."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, evaluate, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, stores
from sdc.pipelines.report.compare import Side, run
from sdc.pipelines.stage import Context

Invoke = Callable[..., Any]


def _store(path: Path, sizes: dict[str, int], right: float) -> Path:
    shelf = Shelf(Store(path))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", f"gen {path.name}", "te", "topic", {"model": path.name})
    draws = put_sample(shelf, "te", "topic", "synthetic", written, sizes)
    for repeat in (0, 1):
        put_run(shelf, test, "te", "topic", method="finetune", right=right, draw=draws[f"{sizes['10']}/{repeat}"],
                source="synthetic", num_rows=sizes["10"])  # fmt: skip
    shelf.flush()
    evaluate(Context(store=shelf.store), ("te", "topic"))
    return path


@pytest.fixture
def both(tmp_path: Path) -> list[Path]:
    return [
        _store(tmp_path / "a.duckdb", {"10": 14}, 0.5),
        _store(tmp_path / "b.duckdb", {"10": 28, "20": 42}, 0.8),
    ]


def test_a_student_of_two_stores_is_compared(both: list[Path]) -> None:
    before = [len(Store(path).everything()) for path in both]
    with stores.as_one(both, say=lambda line: None) as (whole, keys):
        context = Context(store=whole)
        every = whole.resolve_many([*keys[0], *keys[1]], stages=("eval",))
        found = report.find(context, ReportConfig(), evals=every)
        first, second = (Side(name="", evals=frozenset(of_one)) for of_one in keys)
        (record,) = run(context, found, first, second)
    assert (record["difference"], record["runs"], record["runs_b"]) == (-30.0, 2, 2)
    assert not whole.path.exists()
    assert [len(Store(path).everything()) for path in both] == before


def test_as_it_is_typed(invoke: Invoke, both: list[Path]) -> None:
    done = invoke("report", "compare", *map(str, both), "--format", "csv")
    assert done.exit_code == 0, done.output
    assert ",-30.0," in done.stdout
    alone = invoke("report", "compare", str(both[0]), "method=finetune")
    assert alone.exit_code == 2 and "a store is compared with a store" in alone.stderr
    lost = invoke("report", "compare", str(both[0]), "lost.duckdb")
    assert lost.exit_code == 3 and "lost.duckdb: there is no store" in lost.stderr
