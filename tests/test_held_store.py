"""What tests do to be fast must show nobody another store than the product leaves."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store

Make = Callable[..., Artifact]


@pytest.fixture
def log(store: Store, make: Make) -> Path:
    """What DuckDB has beside a store that is open, and that it has written to."""
    store.put(make("gen"), {})
    log = store.path.with_name(f"{store.path.name}.wal")
    assert log.exists()
    return log


def _copied(store: Store, tmp_path: Path) -> list[Artifact]:
    shutil.copyfile(store.path, tmp_path / "copy.duckdb")
    return Store(tmp_path / "copy.duckdb").everything()


@pytest.mark.parametrize(
    "looks",
    [
        lambda path: path.read_bytes(),
        lambda path: path.with_name("..").joinpath(path.parent.name, path.name).read_bytes(),
        lambda path: list(path.parent.iterdir()),
        lambda path: list(path.parent.parent.rglob("*")),
        lambda path: path.rename(path.with_name("moved")).rename(path),
        lambda path: path.chmod(0o600),
        lambda path: shutil.copytree(path.parent, path.parent.parent / "all"),
        lambda path: Store(path.with_name("another.duckdb")).put(Artifact(
            key="0" * 64, stage="gen", version=1, lang=None, task=None, config={}, inputs=[]), {}),
    ],
    ids=["reads it", "by another name", "lists", "walks", "moves", "changes", "copies", "opens another"],
)  # fmt: skip
def test_it_is_closed_before_this_process_looks(
    store: Store, log: Path, tmp_path: Path, looks: Callable[[Path], Any]
) -> None:
    looks(store.path)
    assert not log.exists()
    assert len(_copied(store, tmp_path)) == 1


def test_it_is_closed_before_another_process_starts_and_stays_so(
    store: Store, log: Path, make: Make, run_sdc: Any
) -> None:
    done = run_sdc("store", "ls", "--json")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    store.put(make("judge"), {})
    assert not log.exists()


def test_an_operation_that_fails_is_undone(store: Store, log: Path, make: Make) -> None:
    with pytest.raises(ZeroDivisionError), store.open(write=True) as con:
        con.execute("delete from artifacts")
        raise ZeroDivisionError
    assert len(store.everything()) == 1
