"""The gates on the paper's data: the rows that were found broken by reading, all copies, and few human rows."""

import importlib.util
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from _pytest.mark import ParameterSet

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def _long(cell: str) -> ParameterSet:
    """A cell that CI leaves out: the others of its task are there."""
    return pytest.param(cell, marks=pytest.mark.campaign)


def _benchmark() -> ModuleType:
    if str(BENCHMARKS) not in sys.path:
        sys.path.insert(0, str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("benchmark_gates", BENCHMARKS / "gates.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _measured(paper_data: Path, name: str) -> tuple[ModuleType, dict[str, object]]:
    benchmark = _benchmark()
    task, lang = name.split("/")
    known = tomllib.loads((BENCHMARKS / "broken_rows.toml").read_text("utf-8")).get(task, {}).get(lang, {})
    (files,) = benchmark.load(paper_data, [name])
    return benchmark, benchmark.measure(files, known=known, counted=None, draws=0)


def test_broken_rows_and_copies_of_one_cell(paper_data: Path) -> None:
    benchmark, found = _measured(paper_data, "intent/te")
    made = found["synthetic"]
    assert isinstance(made, dict)
    assert (made["counted"], made["counted_found"]) == (5, 5)
    assert (made["copies"], made["copies_found"]) == (87, 87)
    assert benchmark.problems(found) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "name", ["topic/te", "sarcasm/en", "sentiment/sw", *map(_long, ["topic/de", "sentiment/de", "sentiment/az"])]
)
def test_the_targets_hold_in_other_cells(paper_data: Path, name: str) -> None:
    benchmark, found = _measured(paper_data, name)
    assert benchmark.problems(found) == []
    assert not found["synthetic"].get("counted_missed")  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["sentiment/te", "intent/de", _long("sentiment/de")])
def test_with_ten_rows_per_label_people_pass(paper_data: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = _benchmark()
    monkeypatch.setattr(benchmark, "MOST_SHOWN", 2100)  # fewer rows would be a guess at 1 %
    (files,) = benchmark.load(paper_data, [name])
    found = benchmark.few(files, 4, {})
    assert {kind: len(rates) for kind, rates in found["files"].items()} == {"human": 4, "test": 4}
    assert found["worst"] == max(rate for rates in found["files"].values() for rate in rates) <= 0.01


def test_the_list_of_broken_rows_is_what_the_readme_counts(paper_data: Path) -> None:
    lines = _benchmark()._LINE.findall((paper_data / "README.md").read_text("utf-8"))
    counted = {(task, lang): int(number) for task, lang, number in lines if int(number)}
    known = tomllib.loads((BENCHMARKS / "broken_rows.toml").read_text("utf-8"))
    listed = {(task, lang): len(rows["counted"]) for task, of in known.items() for lang, rows in of.items()}
    assert listed == counted
    assert sum(counted.values()) == 77
