import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sdc.cache import owned, upkeep
from sdc.cache.migrations import TABLES
from sdc.cache.replies import replies
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError, UsageError

Chain = dict[str, Artifact]
Make = Callable[..., Artifact]


def _change(store: Store, sql: str) -> None:
    with store.open(write=True) as con:
        con.execute(sql)


def _add_blob(store: Store, tmp_path: Path, key: str, content: bytes = b"weights" * 100) -> str:
    source = tmp_path / f"source-{len(content)}"
    source.write_bytes(content)
    digest = store.blobs.put(source)
    _change(store, f"insert into blobs values ('{key}', 'model.safetensors', '{digest}', {len(content)})")
    return digest


def _content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    tables = (*TABLES, "migrations")
    return {table: sorted(store.query(f"select * from {table}"), key=repr) for table in tables}


def test_a_whole_chain_is_clean(store: Store, chain: Chain, tmp_path: Path) -> None:
    _add_blob(store, tmp_path, chain["train"].key)
    with replies(store.replies_folder) as cache:
        cache.put_many({"k": {"text": "x"}})
    found = verify(store)
    assert (found.faults, found.notes) == ((), ())
    assert (found.num_artifacts, found.num_blobs, found.num_replies) == (7, 1, 1)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("delete from artifacts where stage = 'eval'", "1 row of metrics without an artifact (1 key); "),
        ("delete from examples where source = 'human' and idx < 2", "has no rows in examples"),
        ("delete from examples where text = 'four'", "states 4 rows and has 3"),
        ("delete from draws", "has no rows in draws"),
        ("delete from runs", "has no rows in runs"),
        ("delete from run_outputs", "has no outputs"),
        ("update verdicts set idx = 77 where idx = 0", "1 verdicts are about examples"),
        ("update draws set members = [0, 9]", "members that are no examples"),
        ("update draws set num_rows = 14", "number of rows they state"),
        ("update run_outputs set idx = 5 where idx = 1", "1 outputs of"),
        ("update run_outputs set idx = 0", "share their idx"),
        ("update examples set idx = 0 where source = 'synthetic'", "share their idx"),
        ("insert into runs select * from runs", "has 2 runs instead of one"),
        ("""update artifacts set config = '{"seed": 2}' where stage = 'gen'""", "its key is not that of its recipe"),
        ("update artifacts set lang = 'sw' where stage = 'eval'", "its key is not that of its recipe"),
        ("update artifacts set version = 2 where stage = 'eval'", "its key is not that of its recipe"),
    ],
)
def test_each_fault_in_the_rows_is_found(store: Store, chain: Chain, sql: str, fault: str) -> None:
    assert chain
    if "idx < 2" in sql:
        sql = f"delete from examples where key = '{chain['test'].key}'"
    _change(store, sql)
    faults = verify(store).faults
    assert any(fault in line for line in faults), faults
    assert all("; " in line and "\n" not in line for line in faults)


def test_an_input_in_another_store_is_a_note(store: Store, chain: Chain) -> None:
    gen = chain["gen"].key
    _change(store, f"delete from examples where key = '{gen}'")
    _change(store, f"delete from made_from where key = '{gen}'")
    _change(store, f"delete from artifacts where key = '{gen}'")
    found = verify(store)
    assert found.faults == ()
    assert any(f"missing input {chain['gen'].short} of {chain['judge'].short}" in line for line in found.notes)


@pytest.mark.parametrize(("content", "word"), [(b"short", "truncated"), (b"\0" * 700, "changed"), (None, "missing")])
def test_a_damaged_blob_is_a_fault(
    store: Store, chain: Chain, tmp_path: Path, content: bytes | None, word: str
) -> None:
    digest = _add_blob(store, tmp_path, chain["train"].key)
    if content is None:
        store.blobs.remove(digest)
    else:
        store.blobs.path(digest).write_bytes(content)
    (fault,) = verify(store).faults
    assert word in fault
    assert chain["train"].short in fault
    assert "--force" in fault


def test_damaged_replies_are_faults_and_gc_removes_them(store: Store, chain: Chain) -> None:
    import sqlite3
    from contextlib import closing

    assert chain
    with replies(store.replies_folder) as cache:
        cache.put_many({"good": {"text": "x"}, "bad": {"text": "y"}})
    with closing(sqlite3.connect(store.replies_folder / "cache.db")) as con, con:
        key = zlib.compress(json.dumps("bad").encode(), 1)
        assert con.execute("update Cache set value = x'00' where key = ?", (key,)).rowcount == 1
    (fault,) = verify(store).faults
    assert "it is cut off" in fault
    assert upkeep.gc(store, dry_run=True).replies == 1
    assert upkeep.gc(store).replies == 1
    assert verify(store).faults == ()
    assert verify(store).num_replies == 1


def test_a_reply_cache_that_is_no_database_is_a_fault(store: Store, chain: Chain) -> None:
    assert chain
    store.replies_folder.mkdir()
    (store.replies_folder / "cache.db").write_bytes(b"x" * 5000)
    (fault,) = verify(store).faults
    assert "reply cache" in fault


def test_gc_removes_what_nothing_owns_and_nothing_else(store: Store, chain: Chain, tmp_path: Path) -> None:
    kept = _add_blob(store, tmp_path, chain["train"].key)
    before = _content(store)
    _change(store, "insert into run_outputs select 77, range, null, repeat(md5(range::varchar), 50) from range(3000)")
    lost = store.blobs.put(_file(tmp_path / "lost", b"lost" * 50))
    young = store.blobs.put(_file(tmp_path / "young", b"young"))
    half = _file(store.blobs.path(kept).with_name(".half.1.tmp"), b"half")
    made = _file(store.path.with_name(f".{store.path.name}.1.tmp"), b"12345")
    for path in (store.blobs.path(lost), half, made):
        os.utime(path, (1, 1))
    assert any("3000 rows of outputs" in line for line in verify(store).faults)
    assert len(verify(store).notes) == 3

    size = store.path.stat().st_size
    dry = upkeep.gc(store, dry_run=True)
    assert (dry.orphan_rows, dry.blobs, dry.temporary_files) == (3000, 1, 2)
    assert store.path.stat().st_size == size
    assert half.exists()

    done = upkeep.gc(store)
    assert (done.orphan_rows, done.blobs, done.temporary_files) == (3000, 1, 2)
    assert done.freed_bytes >= 209 + size - store.path.stat().st_size > 100_000
    assert set(store.blobs.all()) == {kept, young}
    assert _content(store) == before
    assert verify(store).faults == ()
    assert upkeep.gc(store, grace_s=0).blobs == 1
    assert verify(store).notes == ()
    assert not list(store.path.parent.glob(".*"))


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_compacted_store_still_refuses_equal_keys_and_takes_new_ones(store: Store, chain: Chain, make: Make) -> None:
    _change(store, "insert into run_outputs select 77, range, null, repeat(md5(range::varchar), 50) from range(3000)")
    assert upkeep.gc(store).freed_bytes > 0
    store.put(chain["gen"], {})
    store.put(make("gen", "sw"), {})
    assert store.query("select count(*) from artifacts") == [(8,)]
    assert store.query("select metric, value from results") == [("accuracy", 0.5)]


def test_gc_of_no_store_makes_none(store: Store) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        upkeep.gc(store)
    assert not store.path.exists()


def test_gc_beside_writers_loses_nothing(store: Store, chain: Chain) -> None:
    program = """
import sys
from pathlib import Path
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Store
store = Store(Path(sys.argv[1]), lock_timeout_s=60)
for i in range(8):
    config = {"who": sys.argv[2], "i": i}
    key = recipe_key("gen", 1, config, [], lang="te", task="topic")
    store.put(Artifact(key=key, stage="gen", version=1, lang="te", task="topic", config=config, inputs=[]), {})
"""
    children = [subprocess.Popen([sys.executable, "-c", program, str(store.path), who]) for who in "ab"]
    while any(child.poll() is None for child in children):
        _change(
            store, "insert into run_outputs select 77, range, null, repeat(md5(range::varchar), 20) from range(2000)"
        )
        upkeep.gc(store)
    assert [child.returncode for child in children] == [0, 0]
    assert store.query("select count(*) from artifacts") == [(7 + 16,)]
    assert verify(store).faults == ()
    assert chain


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "it's other" / "store.duckdb", lock_timeout_s=30)


def test_merge_takes_rows_blobs_and_replies_and_is_idempotent(
    store: Store, chain: Chain, other: Store, tmp_path: Path
) -> None:
    digest = _add_blob(store, tmp_path, chain["train"].key)
    with replies(store.replies_folder) as cache:
        cache.put_many({"k1": {"text": "ours"}, "k2": {"text": "x"}})
    with replies(other.replies_folder) as cache:
        cache.put_many({"k1": {"text": "theirs"}})
    before = store.path.read_bytes()

    first = upkeep.merge(other, store.path)
    assert (first.artifacts, first.shared, first.blobs, first.replies) == (7, 0, 1, 1)
    assert _content(other)["examples"] == _content(store)["examples"]
    assert {a.key for a in other.everything()} == {a.key for a in store.everything()}
    assert other.blobs.fault(digest, 700) is None
    with replies(other.replies_folder) as cache:
        assert cache.get_many(["k1", "k2"]) == {"k1": {"text": "theirs"}, "k2": {"text": "x"}}
    assert verify(other).faults == ()

    content = _content(other)
    again = upkeep.merge(other, store.path)
    assert (again.artifacts, again.shared, again.blobs, again.replies) == (0, 7, 0, 0)
    assert _content(other) == content
    assert store.path.read_bytes() == before  # the other store is only read


def test_what_both_have_stays_as_it_is_here(store: Store, chain: Chain, other: Store) -> None:
    gen = chain["gen"]
    other.put(replace(gen, seconds=99.0), {"examples": []})
    result = upkeep.merge(other, store.path)
    assert (result.artifacts, result.shared) == (6, 1)
    kept = other.get(gen.key)
    assert kept is not None
    assert kept.seconds == 99.0
    assert other.query("select count(*) from examples where source = 'synthetic'") == [(0,)]


def test_orphan_rows_and_damaged_blobs_do_not_travel(store: Store, chain: Chain, other: Store, tmp_path: Path) -> None:
    digest = _add_blob(store, tmp_path, chain["train"].key)
    store.blobs.path(digest).write_bytes(b"short")
    _change(store, "insert into run_outputs values (77, 0, null, 'x')")
    assert upkeep.merge(other, store.path).missing_blobs == 1
    assert other.query("select count(*) from run_outputs") == other.query("select count(*) from outputs") == [(2,)]
    assert other.blobs.all() == {}


def test_a_merge_that_fails_changes_nothing(
    store: Store, chain: Chain, other: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.put(make("gen", "sw"), {})
    before = _content(other)
    monkeypatch.setattr(owned, "TABLES", (*TABLES, "no_such_table"))
    with pytest.raises(StoreError):
        upkeep.merge(other, store.path)
    monkeypatch.undo()
    assert _content(other) == before
    assert chain


def test_stores_that_cannot_be_merged(store: Store, chain: Chain, other: Store, tmp_path: Path) -> None:
    import duckdb

    assert chain
    with pytest.raises(UsageError, match="with itself"):
        upkeep.merge(store, store.path.parent / ".." / "store" / "store.duckdb")
    with pytest.raises(StoreError, match="there is no store"):
        upkeep.merge(store, tmp_path / "nothing.duckdb")
    with pytest.raises(StoreError, match="not an sdc store"):
        upkeep.merge(store, _file(tmp_path / "x.csv", b"a,b"))
    with duckdb.connect(str(tmp_path / "foreign.duckdb")) as con:
        con.execute("create table t (a integer)")
    with pytest.raises(StoreError, match="not an sdc store"):
        upkeep.merge(store, tmp_path / "foreign.duckdb")
    with duckdb.connect(str(tmp_path / "older.duckdb")) as con:
        con.execute("create table migrations (number integer, name varchar, applied_at timestamp)")
    with pytest.raises(StoreError, match="open it once with this sdc"):
        upkeep.merge(store, tmp_path / "older.duckdb")
    with other.open(write=True) as con:
        con.execute("insert into migrations select range + 100, 'm', now()::timestamp from range(99)")
    with pytest.raises(StoreError, match="newer sdc"):
        upkeep.merge(store, other.path)
    assert len(store.everything()) == 7


def test_two_stores_merged_into_each_other_at_once_both_finish(
    store: Store, chain: Chain, other: Store, make: Make
) -> None:
    assert chain
    other.put(make("gen", "sw"), {})
    program = "import sys; from pathlib import Path; from sdc.cache import upkeep; from sdc.cache.store import Store; "
    program += "[upkeep.merge(Store(Path(sys.argv[1])), Path(sys.argv[2])) for _ in range(3)]"
    pairs = [(store.path, other.path), (other.path, store.path)]
    children = [subprocess.Popen([sys.executable, "-c", program, str(a), str(b)]) for a, b in pairs]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert len(store.everything()) == len(other.everything()) == 8
