"""DuckDB is started once for a store, has its file open only during an operation, and reaches no other file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sdc.cache import engine, upkeep
from sdc.cache.store import Artifact, Store
from sdc.errors import StoreError

pytestmark = pytest.mark.usefixtures("from_nothing")

Make = Callable[..., Artifact]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every start of DuckDB."""
    found: list[str] = []
    connect = duckdb.connect

    def counted(path: str, **more: Any) -> Any:
        found.append(path)
        return connect(path, **more)

    monkeypatch.setattr(duckdb, "connect", counted)
    engine._idle.clear()
    return found


def _open_files(folder: Path) -> list[str]:
    numbers = Path("/proc/self/fd")
    if not numbers.is_dir():
        pytest.skip("needs /proc")
    files = [str(link.readlink()) for link in numbers.iterdir() if link.is_symlink()]
    return [file for file in files if file.startswith(str(folder))]


def test_it_is_started_once_and_the_file_is_closed_in_between(store: Store, make: Make, started: list[str]) -> None:
    for number in range(3):
        store.put(make("gen", config={"n": number}), {})
        assert len(store.find("gen")) == number + 1
        assert _open_files(store.path.parent) == []
    assert len(Store(store.path).everything()) == 3
    assert len(started) == 1
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["store.duckdb", "store.duckdb.d"]


def test_two_stores_in_turn(tmp_path: Path, make: Make, started: list[str]) -> None:
    stores = [Store(tmp_path / name / "store.duckdb") for name in "ab"]
    for number in range(2):
        for store in stores:
            store.put(make("gen", config={"n": number, "in": store.path.parent.name}), {})
    assert [len(store.everything()) for store in stores] == [2, 2]
    assert upkeep.merge(stores[0], stores[1].path).artifacts == 2
    assert [len(store.everything()) for store in stores] == [4, 2]


def test_nothing_is_left_of_an_operation_that_failed(store: Store, make: Make, started: list[str]) -> None:
    store.put(make("gen"), {})
    with pytest.raises(ZeroDivisionError), store.open(write=True) as con:
        con.execute("delete from artifacts")
        con.execute("create temp table leftover (x integer)")
        raise ZeroDivisionError
    assert _open_files(store.path.parent) == []
    assert len(store.everything()) == 1
    assert len(started) == 2
    assert store.query("select count(*) from duckdb_tables() where table_name = 'leftover'") == [(0,)]


def test_an_operation_inside_another(store: Store, make: Make) -> None:
    store.put(make("gen"), {})
    with store.open() as con:
        assert len(store.everything()) == 1
        assert con.execute("select count(*) from artifacts").fetchall() == [(1,)]
    assert _open_files(store.path.parent) == []
    store.put(make("judge"), {})
    assert len(store.everything()) == 2


@pytest.mark.parametrize("times", [0, 2])
def test_it_reaches_no_other_file(store: Store, make: Make, tmp_path: Path, times: int) -> None:
    store.put(make("gen"), {})
    other = tmp_path / "store" / "other.csv"
    other.write_text("a\n1\n", "utf-8")
    for _ in range(times):
        store.everything()
    reaching = (
        f"select * from read_text('{other}')",
        f"select * from '{other}'",
        f"copy artifacts to '{tmp_path / 'out.csv'}'",
        f"attach '{tmp_path / 'new.duckdb'}'",
        f"set allowed_paths = ['{other}']",
        "set enable_external_access = true",
    )
    for write in (False, True):
        for sql in reaching:
            with pytest.raises(StoreError) as caught, store.open(write=write) as con:
                con.execute(sql)
            assert isinstance(caught.value.__cause__, duckdb.PermissionException | duckdb.InvalidInputException)


def test_a_log_that_cannot_be_written_into_the_file_is_read_by_the_next(store: Store, make: Make) -> None:
    store.put(make("gen"), {})
    blocked = store.path.with_name("store.duckdb.wal.checkpoint")
    blocked.mkdir()  # where DuckDB keeps its log while it writes the file
    store.put(make("judge"), {})
    blocked.rmdir()
    assert len(store.everything()) == 2
