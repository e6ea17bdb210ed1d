"""`sdc report claims` as it is typed: what it prints, and its exit codes."""

import json
from pathlib import Path

import program
import pytest
from report_store import fill_evaluated
from typer.testing import Result

_ABOUT = 'task = "topic"\nmethod = "linear"\nsource = "synthetic"\nsize = "all"'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(tmp_path_factory.mktemp("claims")) / "s.duckdb"
    fill_evaluated(path)
    return path


def _claims(store: Path, tmp_path: Path, expected: str, *arguments: str) -> Result:
    path = tmp_path / "mine.toml"
    path.write_text(f'[[claims]]\nid = "mine.one"\nstatistic = "score"\nexpected = {expected}\n{_ABOUT}', "utf-8")
    return program.sdc(["report", "claims", "--claims", str(path), "--store", str(store), *arguments])


def test_what_holds_ends_with_0_and_what_does_not_with_7(store: Path, tmp_path: Path) -> None:
    held = _claims(store, tmp_path, "[0, 100]")
    assert (held.exit_code, "holds" in held.stdout) == (0, True)
    wrong = _claims(store, tmp_path, "[0, 1]")
    assert (wrong.exit_code, "does not hold" in wrong.stdout) == (7, True)
    assert "mine.one does not hold" in wrong.stderr


def test_what_cannot_be_told_is_no_error(store: Path, tmp_path: Path) -> None:
    found = _claims(store, tmp_path, "[62, 63]", "--format", "json")
    assert found.exit_code == 0
    (record,) = json.loads(found.stdout)
    assert record["verdict"] == "cannot tell"
    assert record["low"] < record["estimate"] < record["high"]
    assert record["query"].startswith('sdc store sql "select')


def test_a_claim_that_is_named_is_shown_by_panel_with_its_query(store: Path, tmp_path: Path) -> None:
    found = _claims(store, tmp_path, "[0, 100]", "mine", "--format", "md")
    assert "| all | holds |" in found.stdout
    assert "mine.one: sdc store sql" in found.stderr
    assert _claims(store, tmp_path, "[0, 100]", "min").exit_code == 2


def test_of_other_models_nothing_of_the_paper_was_run(store: Path) -> None:
    found = program.sdc(["report", "claims", "--store", str(store), "--format", "csv"])
    assert found.exit_code == 5
    assert "nothing that these claims are about was run" in found.stderr
    assert found.stdout.count("not run") == 35
