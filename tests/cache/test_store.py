import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import waiting

from sdc.cache import turn
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError, UsageError

pytestmark = pytest.mark.usefixtures("from_nothing")

Make = Callable[..., Artifact]

_WRITER = """
import sys
from pathlib import Path
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Store
store = Store(Path(sys.argv[1]), lock_timeout_s=60)
who, number = sys.argv[2], int(sys.argv[3])
for i in range(number):
    config = {"who": who, "i": i}
    key = recipe_key("gen", 1, config, [], lang="te", task="topic")
    artifact = Artifact(key=key, stage="gen", version=1, lang="te", task="topic", config=config, inputs=[])
    row = {"lang": "te", "task": "topic", "text": "x" * 200, "source": "synthetic", "status": "ok"}
    store.put(artifact, {"examples": [{**row, "idx": j} for j in range(50)]})
    print(key, flush=True)
"""
_HOLDER = """
import sys
from pathlib import Path
from sdc.cache.store import Store
with Store(Path(sys.argv[1])).open(write=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def _start(program: str, *arguments: object) -> "subprocess.Popen[str]":
    """Starts a program; `communicate` ends its input, which one that holds something waits for."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _acts(*acts: Callable[[], object]) -> tuple[Callable[[], object], ...]:
    return acts


def _examples(number: int, text: str = "x") -> dict[str, list[dict[str, object]]]:
    row = {"lang": "te", "task": "topic", "text": text, "source": "human", "status": "ok"}
    return {"examples": [{**row, "idx": i} for i in range(number)]}


def test_touching_marks_those_that_are_there_and_moves_no_row(store: Store, make: Make) -> None:
    """What is moved takes its index with it: of 138,000 keys that took minutes."""
    artifacts = [make("gen", config={"i": i}) for i in range(3000)]
    store.put_many([(artifact, {}) for artifact in artifacts])
    places = dict(store.query("select key, rowid from artifacts"))
    before = dict(store.query("select key, used_at from artifacts"))
    some = [artifact.key for artifact in artifacts[::2]]
    assert store.touch([*some, some[0], "0" * 64]) == set(some)
    after = dict(store.query("select key, used_at from artifacts"))
    assert {key for key in after if after[key] > before[key]} == set(some)
    assert after.keys() == before.keys()
    assert dict(store.query("select key, rowid from artifacts")) == places


def test_an_artifact_comes_back_as_it_went_in(store: Store, make: Make) -> None:
    artifact = make("gen", config={"a": 0.5, "b": [1, "ఒ"]}, inputs=["f" * 64], summary={"rows": 2})
    assert store.get(artifact.key) is None
    store.put(artifact, _examples(2, "ఒకటి\0\n"))
    assert store.get(artifact.key) == artifact
    assert store.query("select distinct text from examples") == [("ఒకటి\0\n",)]
    assert store.existing([artifact.key, "0" * 64]) == {artifact.key}
    assert store.get_many(["0" * 64, artifact.key]) == {artifact.key: artifact}


def test_the_first_of_two_equal_keys_stays(store: Store, make: Make) -> None:
    artifact = make("gen")
    store.put(artifact, _examples(2, "first"))
    store.put(replace(artifact, seconds=9.0), _examples(3, "second"))
    assert store.query("select text, count(*) from examples group by text") == [("first", 2)]
    assert store.get(artifact.key) == artifact


def test_replace_takes_the_rows_of_the_old_one_away(store: Store, make: Make) -> None:
    artifact, other = make("gen"), make("gen", "sw")
    store.put_many([(artifact, _examples(2, "first")), (other, _examples(1, "other"))])
    store.put(artifact, _examples(3, "second"), replace=True)
    assert store.query("select text, count(*) from examples group by all order by all") == [("other", 1), ("second", 3)]
    assert verify(store).faults == ()


def test_a_process_that_dies_before_the_commit_leaves_a_miss(store: Store, make: Make) -> None:
    store.put(make("gen", "sw"), _examples(1))
    program = """
import os, sys
from pathlib import Path
from sdc.cache.store import Store
with Store(Path(sys.argv[1])).open(write=True) as con:
    con.execute("insert into examples (key, idx, lang, task, text, source, status) "
                "select ?, range, 'te', 'topic', 't', 'human', 'ok' from range(20000)", [sys.argv[2]])
    os._exit(9)
"""
    child = _start(program, store.path, make("gen").key)
    _, problems = child.communicate()
    assert (child.returncode, problems) == (9, "")
    assert store.get(make("gen").key) is None
    assert store.query("select count(*) from examples") == [(1,)]
    assert verify(store).faults == ()


def test_an_error_inside_an_operation_undoes_all_of_it(store: Store, make: Make) -> None:
    store.put(make("gen"), _examples(1))
    with pytest.raises(KeyError), store.open(write=True) as con:
        con.execute("delete from examples")
        raise KeyError("x")
    assert store.query("select count(*) from examples") == [(1,)]


def test_the_newest_is_the_one_used_last(store: Store, make: Make) -> None:
    first, second, other = make("gen", config={"n": 1}), make("gen", config={"n": 2}), make("gen", "sw")
    for artifact in (first, second, other):
        store.put(artifact, {})
    assert [a.key for a in store.find("gen", lang="te", task="topic")] == [second.key, first.key]
    store.touch([first.key])
    assert [a.key for a in store.find("gen", lang="te")] == [first.key, second.key]
    assert len(store.find("gen")) == 3
    assert store.find("gen", limit=1)[0].key == first.key
    assert store.find("judge") == store.find("gen", lang="de") == []


def test_a_key_is_found_by_its_first_digits(store: Store, make: Make) -> None:
    artifact = make("gen")
    store.put(artifact, {})
    assert store.resolve(artifact.key[:4].upper()) == artifact
    assert store.resolve(artifact.key, stages=("gen", "data")) == artifact
    with pytest.raises(UsageError, match="of stage gen, wanted judge or data"):
        store.resolve(artifact.short, stages=("judge", "data"))
    with pytest.raises(UsageError, match="no artifact"):
        store.resolve("0000" if not artifact.key.startswith("0000") else "1111")
    with pytest.raises(UsageError, match="is not a key"):
        store.resolve("garbage")


def test_an_ambiguous_key_is_refused(store: Store, make: Make) -> None:
    artifact = make("gen")
    store.put_many([(replace(artifact, key="abcd" + c * 60), {}) for c in "01"])
    with pytest.raises(UsageError, match="ambiguous"):
        store.resolve("abcd")
    assert store.resolve("abcd1").key == "abcd" + "1" * 60


def test_reading_makes_no_store(store: Store) -> None:
    assert store.query("select 1") == []
    assert store.find("gen") == []
    with pytest.raises(StoreError, match="there is no store"):
        store.query_with_names("select 1")
    assert not store.path.parent.exists()


def test_a_foreign_file_is_refused_and_kept(store: Store, make: Make) -> None:
    store.path.parent.mkdir()
    for content in (b"", b"a,b\n1,2\n", b"SQLite format 3\0" * 400):
        store.path.write_bytes(content)
        for act in _acts(lambda: store.get("0" * 64), lambda: store.put(make("gen"), {})):
            with pytest.raises(StoreError, match="not an sdc store"):
                act()
        assert store.path.read_bytes() == content


def test_another_duckdb_file_is_refused(store: Store, make: Make) -> None:
    import duckdb

    store.path.parent.mkdir()
    with duckdb.connect(str(store.path)) as con:
        con.execute("create table artifacts (mine integer)")
    for act in _acts(lambda: store.get("0" * 64), lambda: store.put(make("gen"), {})):
        with pytest.raises(StoreError, match="not an sdc store"):
            act()
    with duckdb.connect(str(store.path)) as con:
        assert con.execute("select count(*) from duckdb_tables()").fetchall() == [(1,)]


def test_a_store_of_a_newer_sdc_is_refused(store: Store, make: Make) -> None:
    with store.open(write=True) as con:
        con.execute("insert into migrations values (999, 'm999_future', now()::timestamp)")
    later = Store(store.path)
    for act in _acts(lambda: later.get("0" * 64), lambda: later.put(make("gen"), {})):
        with pytest.raises(StoreError, match="newer sdc"):
            act()


def test_a_folder_as_path_is_one_clear_line(tmp_path: Path, make: Make) -> None:
    for act in _acts(lambda: Store(tmp_path).get("0" * 64), lambda: Store(tmp_path).put(make("gen"), {})):
        with pytest.raises(StoreError, match="cannot open the store"):
            act()


@pytest.mark.parametrize("path", ["/proc/1/store.duckdb", "/dev/null/store.duckdb", "/tmp/" + "x" * 300])
def test_a_place_that_cannot_be_written_is_one_clear_line(path: str, make: Make) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that not even root can write (/proc)")
    with pytest.raises(StoreError) as caught:
        Store(Path(path), lock_timeout_s=0.1).put(make("gen"), {})
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_with_the_word_lock_in_it_does_not_wait(tmp_path: Path) -> None:
    (tmp_path / "lock set lock").mkdir()
    start = time.monotonic()
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(tmp_path / "lock set lock", lock_timeout_s=20).get("0" * 64)
    assert time.monotonic() - start < 10


def test_a_lock_that_is_held_names_its_holder(store: Store) -> None:
    with store.open(write=True):
        pass
    holder = _start(_HOLDER, store.path)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        impatient = Store(store.path, lock_timeout_s=0.2)
        with pytest.raises(StoreError, match=f"waited 0.2 s for the store; last held by process {holder.pid}"):
            impatient.get("0" * 64)
        with pytest.raises(StoreError, match=f"process {holder.pid}"), impatient.open(write=True):
            pass
        with pytest.raises(StoreError, match=f"process {holder.pid}"):
            impatient.touch(["0" * 64])
    finally:
        holder.kill()
        holder.communicate()


def test_nothing_is_imported_while_the_file_is_open(store: Store) -> None:
    """An import takes seconds on a busy machine, and everybody else waits."""
    program = """
import sys
from pathlib import Path
import duckdb
from sdc.cache.store import Artifact, Store
real, late = duckdb.connect, set()
class Watched:
    def __init__(self, con):
        self.con, self.before = con, set(sys.modules)
    def __getattr__(self, name):
        return getattr(self.con, name)
    def close(self):
        late.update(set(sys.modules) - self.before)
        self.con.close()
duckdb.connect = lambda *args, **options: Watched(real(*args, **options))
store = Store(Path(sys.argv[1]))
artifact = Artifact(key="a" * 64, stage="gen", version=1, lang="te", task="topic", config={}, inputs=["b"])
run = {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s", "test_key": "t"}
store.put(artifact, {"runs": [{**run, "status": "ok"}], "outputs": [{"idx": 0, "scores": [0.5, 0.5]}]})
store.get("a" * 64)
store.touch(["a" * 64])
print(sorted(late))
"""
    output, problems = _start(program, store.path).communicate()
    assert (output, problems) == ("[]\n", "")


def test_who_waits_gets_its_turn_beside_one_who_never_rests(store: Store) -> None:
    with store.open(write=True):
        pass
    hog = _start(_WRITER, store.path, "hog", 10**6)
    try:
        assert hog.stdout is not None
        hog.stdout.readline()
        waited = []
        for _ in range(10):
            start = time.monotonic()
            store.query("select count(*) from artifacts")
            waited.append(time.monotonic() - start)
    finally:
        hog.kill()
        hog.communicate()
    assert max(waited) < 10, waited


def test_one_who_was_stopped_at_the_head_of_the_queue_stops_nobody(store: Store, tmp_path: Path) -> None:
    with store.open(write=True):
        pass
    program = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("first", flush=True)
sys.stdin.read()
"""
    head = _start(program, store.path.parent)
    try:
        assert head.stdout is not None
        assert head.stdout.readline() == "first\n"
        assert Store(store.path, lock_timeout_s=1).query("select count(*) from artifacts") == [(0,)]
    finally:
        head.kill()
        head.communicate()


@pytest.mark.parametrize(
    "values", [[[0.5, 1], None, [], [2, 0.25, None]], [["a"], None, []], [1, None, 2], [[], None], [None, None], ["x"]]
)
def test_columns_hold_what_was_given(values: list[object]) -> None:
    from sdc.cache import columns

    made = columns.table([{"a": value, "b": 1} for value in values] + [{"b": 2}])
    assert made is not None
    assert made.column("a").to_pylist() == [*values, None]


def test_one_waits_for_a_lock(store: Store) -> None:
    with store.open(write=True):
        pass
    holder = _start(_HOLDER, store.path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(store.query, "select count(*) from artifacts")
        waiting.until(lambda: waiting.one_waits_for(store), holder)
        assert not found.done()
        holder.communicate()
        assert found.result() == [(0,)]


def test_a_timeout_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDC_LOCK_TIMEOUT_S", "soon")
    with pytest.raises(UsageError, match="SDC_LOCK_TIMEOUT_S"):
        Store(tmp_path / "x")


def test_four_processes_at_once_lose_nothing(store: Store) -> None:
    children = [_start(_WRITER, store.path, who, 25) for who in range(4)]
    outputs = [child.communicate() for child in children]
    assert [child.returncode for child in children] == [0] * 4, outputs
    keys = {line for output, _ in outputs for line in output.split()}
    assert len(keys) == 100
    assert store.existing(keys) == keys
    assert store.query("select count(*) from examples") == [(5000,)]
    assert verify(store).faults == ()


def test_kill_9_at_ten_moments_loses_nothing_that_was_acknowledged(store: Store) -> None:
    def is_being_made() -> bool:
        return any(path.name.endswith(".tmp") for path in store.path.parent.glob(".*"))

    def is_held() -> bool:
        return turn.holder_of(store.path) is not None

    def has_a_log() -> bool:
        return store.path.with_name(f"{store.path.name}.wal").exists()

    # How many artifacts are acknowledged before, and what is so when it is killed: the first moments of a store's life,
    # between two artifacts, and in the middle of one.
    moments: list[tuple[int, Callable[[], bool]]] = [(0, is_being_made), (0, store.path.exists), (0, is_held)]
    moments += [(1, lambda: True), (1, is_held), (2, has_a_log), (3, is_held), (5, has_a_log), (8, lambda: True)]
    moments += [(13, is_held)]
    acknowledged: set[str] = set()
    for attempt, (number, moment) in enumerate(moments):
        child = _start(_WRITER, store.path, f"a{attempt}", 1000)
        assert child.stdout is not None
        acknowledged.update(child.stdout.readline().strip() for _ in range(number))
        waiting.until(moment, child, every_s=0)
        os.kill(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        acknowledged.update(line.strip() for line in output.splitlines(keepends=True) if line.endswith("\n"))
    assert len(acknowledged) >= sum(number for number, _ in moments)
    assert store.existing(acknowledged) == acknowledged
    assert verify(store).faults == ()


def test_the_digest_of_a_file_is_known_until_it_changes(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    with store.open(write=True):
        pass
    first = store.known_file_digests([path])[path]
    assert store.known_file_digests([path]) == {path: first}
    assert [row[0] for row in store.query("select digest from file_digests")] == [first]
    path.write_bytes(b"other")
    assert store.known_file_digests([path])[path] != first


@pytest.mark.parametrize(
    "sql",
    [
        "delete from artifacts",
        "with d as (delete from artifacts returning key) select * from d",
        "create table x (a integer)",
        "select 1; select 2",
        "select 1; delete from artifacts",
        "set enable_external_access = true",
        "attach '/tmp/sdc-test.duckdb'",
        "copy artifacts to '/tmp/sdc-test.csv'",
        "export database '/tmp/sdc-test'",
        "pragma version",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from rows",
        "install httpfs",
        "selct 1",
        "select nothing from artifacts",
        "select cast('a' as integer)",
        "select $1",
        "",
        "-- only a comment",
    ],
)
def test_a_persons_statement_can_only_read_the_store(store: Store, make: Make, sql: str) -> None:
    store.put(make("gen"), _examples(1))
    rows = [{"bait": "no Python variable may be read by its name"}]
    assert rows
    with pytest.raises(UsageError) as caught:
        store.query_with_names(sql)
    assert "\n" not in str(caught.value)
    assert store.query("select count(*) from examples, artifacts") == [(1,)]
    assert not list(Path("/tmp").glob("sdc-test*"))


@pytest.mark.parametrize(
    "sql", ["select 1 as a", "from (values (1)) t(a)", "with t as (select 1 as a) from t", "select 1 as a;"]
)
def test_any_form_of_a_select_is_fine(store: Store, make: Make, sql: str) -> None:
    store.put(make("gen"), {})
    assert store.query_with_names(sql) == (["a"], [(1,)])
