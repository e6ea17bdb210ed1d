"""Stores that somebody prepared: a name, a view, a link or a setting in them must not act."""

import json
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sdc.cache import inside, upkeep
from sdc.cache.replies import inspect, replies
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError

pytestmark = pytest.mark.usefixtures("from_nothing")

Chain = dict[str, Artifact]
_NAMES = [
    "../out", "/tmp/out", "a/../../out", "c:out", "C:/out", "a\\..\\out", "", ".", "a//b", "a/./b", "nul", "aux.json",
    "a\0b", "a\nb", "a ", "a.", "x" * 300, "a:stream", "..",
]  # fmt: skip


@pytest.mark.parametrize("name", _NAMES)
def test_a_name_that_is_none_is_neither_written_nor_read(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    assert inside.fault(name)
    for act in (inside.new_file, inside.old_file):
        with pytest.raises(StoreError):
            act(folder, name)
    assert list(tmp_path.iterdir()) == [folder]
    assert list(folder.iterdir()) == []


def test_a_link_inside_the_folder_leads_nowhere(tmp_path: Path) -> None:
    folder, outside = tmp_path / "in", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "secret")
    for name in ("link/new", "link/secret", "file"):
        with pytest.raises(StoreError):
            inside.new_file(folder, name)
    for name in ("link/secret", "file"):
        with pytest.raises(StoreError, match="leaves its folder"):
            inside.old_file(folder, name)
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_names_that_meet_on_some_machines_are_faults() -> None:
    assert inside.faults(["a/b", "a/c", "model.safetensors", "é.json"]) == []
    assert (
        len(inside.faults(["a", "A"])) == len(inside.faults(["é", "e\u0301"])) == len(inside.faults(["a", "a/b"])) == 1
    )
    assert len(inside.faults(["x", "x"])) == 1


def _own(store: Store, chain: Chain, name: str, digest: str | None = None) -> str:
    source = store.path.parent / "source"
    source.write_bytes(b"overwritten")
    kept = store.blobs.put(source)
    with store.open(write=True) as con:
        con.execute("insert into blobs values (?, ?, ?, 11)", [chain["train"].key, name, digest or kept])
    return kept


@pytest.mark.parametrize("name", [name for name in _NAMES if "\0" not in name])
def test_a_name_that_leaves_its_folder_is_a_fault_and_is_not_merged(
    store: Store, chain: Chain, name: str, tmp_path: Path
) -> None:
    _own(store, chain, name)
    (fault,) = verify(store).faults
    assert "file name" in fault
    assert chain["train"].short in fault
    target = Store(tmp_path / "target" / "store.duckdb")
    with pytest.raises(StoreError, match="sdc did not write this store"):
        upkeep.merge(target, store.path)
    assert target.everything() == []


@pytest.mark.parametrize("digest", ["../../" + "a" * 58, "/etc/passwd", "ab", "", "A" * 64])
def test_a_digest_that_is_a_path_is_a_fault_and_is_not_merged(
    store: Store, chain: Chain, digest: str, tmp_path: Path
) -> None:
    _own(store, chain, "model.safetensors", digest or "''")
    (fault,) = verify(store).faults
    assert "no digest" in fault
    with pytest.raises(StoreError, match="sdc did not write this store"):
        upkeep.merge(Store(tmp_path / "target" / "store.duckdb"), store.path)
    with pytest.raises(StoreError, match="no digest"):
        store.blobs.path(digest)


def test_a_key_that_is_a_path_is_not_merged(store: Store, chain: Chain, tmp_path: Path) -> None:
    with store.open(write=True) as con:
        con.execute("update artifacts set key = '../../out' where key = ?", [chain["train"].key])
    target = Store(tmp_path / "target" / "store.duckdb")
    with pytest.raises(StoreError, match=r"'\.\./\.\./out' is no key"):
        upkeep.merge(target, store.path)
    assert target.everything() == []


def _replace_by_view(store: Store, table: str, secret: Path) -> None:
    import duckdb

    with duckdb.connect(str(store.path)) as con:
        columns = con.execute(f"select * from {table} limit 0").description or []
        con.execute(f"alter table {table} rename to old_{table}")
        chosen = ", ".join(
            f"(select content from read_text('{secret}')) as {c[0]}" if c[0] in ("text", "reply") else f"old.{c[0]}"
            for c in columns
        )
        con.execute(f"create view {table} as select {chosen} from old_{table} old")


@pytest.mark.parametrize("table", ["examples", "run_outputs"])
def test_a_view_in_the_place_of_a_table_reads_no_file(store: Store, chain: Chain, table: str, tmp_path: Path) -> None:
    assert chain
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    _replace_by_view(store, table, secret)
    target = Store(tmp_path / "target" / "store.duckdb")
    said = f"sdc did not leave this store like that: a view stands in the place of its table {table}"
    with pytest.raises(StoreError, match=said):
        upkeep.merge(target, store.path)
    assert target.query("select * from examples") == []
    with pytest.raises(StoreError, match=said):  # nor is it followed in one's own store
        Store(store.path).query(f"select * from {table}")
    with pytest.raises(StoreError, match=said):
        verify(Store(store.path))


def test_a_table_that_is_missing_is_named(store: Store, chain: Chain) -> None:
    import duckdb

    assert chain
    with duckdb.connect(str(store.path)) as con:
        con.execute("drop table reviews")
    with pytest.raises(StoreError, match="its table reviews is missing"):
        verify(Store(store.path))


def test_a_view_of_any_name_reads_no_file(store: Store, chain: Chain, tmp_path: Path) -> None:
    import duckdb

    assert chain
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    with duckdb.connect(str(store.path)) as con:
        con.execute(f"create or replace view ledger as select * from read_text('{secret}')")
    with pytest.raises(StoreError, match="disabled by configuration"):
        Store(store.path).query("select * from ledger")


def test_computed_columns_do_not_travel(store: Store, chain: Chain, tmp_path: Path) -> None:
    import duckdb

    assert chain
    with duckdb.connect(str(store.path)) as con:
        con.execute("alter table verdicts rename to old; create table verdicts as select * exclude (reason) from old")
        con.execute(
            "create table v (key varchar, reason varchar generated always as (key || 'x')); drop table verdicts"
        )
        con.execute("alter table v rename to verdicts")
    with pytest.raises(StoreError, match="computed columns"):
        upkeep.merge(Store(tmp_path / "target" / "store.duckdb"), store.path)


def test_macros_defaults_and_checks_of_the_other_store_do_nothing(store: Store, chain: Chain, tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(str(store.path)) as con:
        con.execute("create macro unnest(x) as error('a macro ran')")
        con.execute("create macro count(x) as error('a macro ran')")
        con.execute("alter table verdicts alter column reason set default error('a default ran')")
    target = Store(tmp_path / "target" / "store.duckdb")
    assert upkeep.merge(target, store.path).artifacts == len(chain)
    assert verify(target).faults == ()


# -- the reply cache ------------------------------------------------------------------------------------------------


def _change(folder: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(folder / "cache.db")) as con, con:
        con.execute(sql, parameters)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with replies(tmp_path / "store" / "replies") as cache:
        cache.put_many({"k1": {"text": "one"}, "k2": {"text": "two"}})
    return tmp_path / "store" / "replies"


@pytest.mark.parametrize("relative", [True, False])
def test_a_file_outside_is_neither_read_nor_removed(folder: Path, tmp_path: Path, relative: bool) -> None:
    outside = tmp_path / "outside.json"
    outside.write_bytes(zlib.compress(json.dumps({"text": "secret"}).encode()))
    name = "../../outside.json" if relative else str(outside)
    _change(folder, "update Cache set mode = 2, value = null, filename = ? where rowid = 1", name)
    with replies(folder) as cache:
        assert cache.get_many(["k1", "k2"]) == {"k2": {"text": "two"}}
        assert "file name" in cache.unreadable["k1"]
        cache.put_many({"k1": {"text": "again"}})  # takes the place of the old one, and would remove its file
    assert outside.exists()
    with replies(folder) as cache:
        assert cache.get_many(["k1"]) == {"k1": {"text": "again"}}


def test_a_pipe_in_the_place_of_a_reply_is_not_waited_for(folder: Path) -> None:
    import os

    os.mkfifo(folder / "pipe.val")
    _change(folder, "update Cache set mode = 2, value = null, filename = 'pipe.val' where rowid = 1")
    with replies(folder) as cache:
        assert cache.get_many(["k1"]) == {}
    assert len(inspect(folder).damaged) == 1


def test_a_reply_that_unpacks_to_gigabytes_is_unreadable(folder: Path) -> None:
    bomb = zlib.compress(b'"' + b"x" * (70 * 2**20) + b'"', 9)
    _change(folder, "update Cache set value = ? where rowid = 1", bomb)
    assert list(inspect(folder).damaged.values()) == ["it is too long"]


@pytest.mark.parametrize(
    "sql",
    [
        "create trigger mine after insert on Cache begin delete from Cache; end",
        "create view mine as select 1",
        "create table mine (a)",
        "insert into Settings values ('_sql', 1)",
        "insert into Settings values ('sqlite_temp_store_directory', '/tmp')",
        "insert into Settings values ('disk_compress_level', 'x')",
    ],
)
def test_a_cache_with_more_than_sdc_makes_is_refused(folder: Path, sql: str) -> None:
    _change(folder, sql)
    with pytest.raises(StoreError, match="did not make this reply cache"), replies(folder):
        pass


def test_a_view_in_the_place_of_the_replies_is_not_merged(folder: Path, tmp_path: Path) -> None:
    make: Callable[..., None] = lambda sql: _change(folder, sql)  # noqa: E731
    make("alter table Cache rename to Other")
    make("create view Cache as select * from Other")
    assert "did not make this reply cache" in inspect(folder).fatal
    source = Store(folder.parent / "store.duckdb")
    with source.open(write=True):
        pass
    with pytest.raises(StoreError, match="did not make this reply cache"):
        upkeep.merge(Store(tmp_path / "target" / "store.duckdb"), source.path)


def test_a_folder_whose_name_is_a_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", str(tmp_path / "elsewhere"))
    with pytest.raises(StoreError, match=r"\$"), replies(tmp_path / "$ELSEWHERE" / "replies"):
        pass
    assert not (tmp_path / "elsewhere").exists()
