"""Where a store keeps what is not in its file: its own folder, links, layouts of older versions, odd names."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sdc.cache import upkeep
from sdc.cache.blobs import Blobs
from sdc.cache.replies import replies
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError, UsageError

Make = Callable[..., Artifact]
Chain = dict[str, Artifact]


def _own(store: Store, artifact: Artifact, tmp_path: Path, content: bytes = b"weights") -> str:
    source = tmp_path / "source"
    source.write_bytes(content)
    digest = store.blobs.put(source)
    store.add_blobs(artifact.key, [{"name": "model.safetensors", "digest": digest, "bytes": len(content)}])
    return digest


def _as_before(store: Store) -> Path:
    """Puts blobs and replies where older versions kept them; returns that folder."""
    for part in ("blobs", "replies"):
        if (store.place.home / part).exists():
            (store.place.home / part).rename(store.path.parent / part)
    store.place.home.rmdir()
    return store.path.parent


def test_two_stores_in_one_folder_take_nothing_from_each_other(tmp_path: Path, make: Make) -> None:
    """`store gc` on the one removed the kept weights of the other."""
    stores = [Store(tmp_path / f"{name}.duckdb", lock_timeout_s=30) for name in "ab"]
    digests = []
    for store in stores:
        store.put(make("train", config={"n": str(store.path)}), {})
        digests.append(_own(store, store.everything()[0], tmp_path, str(store.path).encode()))
    with stores[0].replies() as cache:
        cache.put_many({"k": {"text": "a"}})
    for store in stores:
        assert upkeep.gc(store, grace_s=0).blobs == 0
    assert [store.blobs.fault(digest, len(str(store.path))) for store, digest in zip(stores, digests, strict=True)] == [
        None, None,
    ]  # fmt: skip
    assert not (tmp_path / "blobs").exists()
    with stores[1].replies() as cache:
        assert len(cache) == 0


def test_a_link_leads_to_the_folder_of_the_store(store: Store, chain: Chain, tmp_path: Path) -> None:
    digest = _own(store, chain["train"], tmp_path)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.duckdb"
    link.symlink_to(store.path)
    through = Store(link)
    assert verify(through).faults == ()
    assert through.blobs.path(digest) == store.blobs.path(digest)
    assert through.replies_folder == store.replies_folder
    upkeep.gc(through)
    assert link.is_symlink()
    assert sorted(path.name for path in link.parent.iterdir()) == ["link.duckdb"]


@pytest.mark.usefixtures("from_nothing")
def test_a_link_to_a_store_that_is_not_made_yet_makes_it_there(tmp_path: Path, make: Make) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.duckdb").symlink_to(tmp_path / "real" / "store.duckdb")
    Store(tmp_path / "link.duckdb").put(make("gen"), {})
    assert len(Store(tmp_path / "real" / "store.duckdb").everything()) == 1


# -- layouts of older versions --------------------------------------------------------------------------------------


def test_what_an_older_version_kept_is_read_and_gc_takes_it_over(store: Store, chain: Chain, tmp_path: Path) -> None:
    digest = _own(store, chain["train"], tmp_path)
    with store.replies() as cache:
        cache.put_many({"k1": {"text": "one"}, "k2": {"text": "two"}})
    folder = _as_before(store)
    again = Store(store.path)
    assert again.blobs.fault(digest, 7) is None
    with again.replies() as cache:
        assert cache.get_many(["k1", "k3"]) == {"k1": {"text": "one"}}
    found = verify(again)
    assert found.faults == ()
    assert len([line for line in found.notes if "older sdc" in line and "store gc" in line]) == 2

    upkeep.gc(again, grace_s=0)
    assert not (folder / "blobs").exists()
    assert not (folder / "replies").exists()
    assert verify(Store(store.path)).notes == ()
    assert Store(store.path).blobs.fault(digest, 7) is None
    with again.replies() as cache:
        assert cache.get_many(["k1", "k2"]) == {"k1": {"text": "one"}, "k2": {"text": "two"}}


def test_what_several_stores_may_share_stays(store: Store, chain: Chain, tmp_path: Path, make: Make) -> None:
    digest = _own(store, chain["train"], tmp_path)
    with store.replies() as cache:
        cache.put_many({"k1": {"text": "one"}})
    folder = _as_before(store)
    other = Store(folder / "other.duckdb")
    other.put(make("gen", config={"n": 1}), {})
    other.add_blobs(other.everything()[0].key, [{"name": "x", "digest": digest, "bytes": 7}])
    for one in (Store(store.path), Store(other.path)):
        upkeep.gc(one, grace_s=0)
        assert verify(one).faults == ()
        assert any("other" in line or "store.duckdb" in line for line in verify(one).notes)
    assert (folder / "blobs" / digest[:2] / digest[2:]).read_bytes() == b"weights"
    for one in (store, other):
        with Store(one.path).replies() as cache:
            assert cache.get_many(["k1"]) == {"k1": {"text": "one"}}


def test_replies_that_a_process_of_an_older_version_has_open_stay(store: Store, chain: Chain) -> None:
    assert chain
    with store.replies() as cache:
        cache.put_many({"k1": {"text": "one"}})
    folder = _as_before(store)
    program = """
import sys, time
from pathlib import Path
from sdc.cache.replies import replies
with replies(Path(sys.argv[1])) as cache:
    cache.put_many({"k2": {"text": "two"}})
    print("open", flush=True)
    sys.stdin.readline()
    cache.put_many({"k3": {"text": "x" * 100_000}})
"""
    old = subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "replies")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert old.stdout is not None
    assert old.stdout.readline() == "open\n"
    upkeep.gc(Store(store.path), grace_s=0)
    assert (folder / "replies" / "cache.db").is_file()
    old.communicate("\n", timeout=60)
    upkeep.gc(Store(store.path), grace_s=0)
    assert not (folder / "replies").exists()
    with Store(store.path).replies() as cache:
        assert set(cache.get_many(["k1", "k2", "k3"])) == {"k1", "k2", "k3"}


def test_a_takeover_that_is_killed_goes_on(store: Store, chain: Chain, tmp_path: Path) -> None:
    digests = [_own(store, chain["train"], tmp_path, bytes([number]) * 9) for number in range(12)]
    rows = [{"name": f"{number}", "digest": digest, "bytes": 9} for number, digest in enumerate(digests)]
    store.add_blobs(chain["train"].key, rows)
    with store.replies() as cache:
        cache.put_many({f"k{number}": {"text": "x" * 40_000} for number in range(12)})
    _as_before(store)
    with Store(store.path).replies() as cache:  # own replies are there already: the old ones are copied
        cache.put_many({"new": {"text": "n"}})
    program = """
import os, random, sys
from pathlib import Path
from sdc.cache import upkeep
from sdc.cache.store import Store
left, real = int(sys.argv[2]), Path.unlink
def unlink(self, **options):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
    real(self, **options)
Path.unlink = unlink
upkeep.gc(Store(Path(sys.argv[1])), grace_s=0)
"""
    for number in (3, 9, 4, 7):
        subprocess.run([sys.executable, "-c", program, str(store.path), str(number)], check=False, timeout=120)
    upkeep.gc(Store(store.path), grace_s=10**6)  # takes nothing that is young
    upkeep.gc(Store(store.path), grace_s=10)
    here = Store(store.path)
    assert [here.blobs.fault(digest, 9) for digest in digests] == [None] * 12
    with here.replies() as cache:
        assert set(cache.get_many(["new", *(f"k{number}" for number in range(12))])) == {
            "new", *(f"k{number}" for number in range(12)),
        }  # fmt: skip


def test_merge_takes_what_an_older_version_kept(store: Store, chain: Chain, tmp_path: Path) -> None:
    digest = _own(store, chain["train"], tmp_path)
    with store.replies() as cache:
        cache.put_many({"k1": {"text": "one"}})
    folder = _as_before(store)
    before = sorted(path for path in folder.rglob("*") if path.is_file())
    target = Store(tmp_path / "target" / "store.duckdb")
    found = upkeep.merge(target, store.path)
    assert (found.blobs, found.replies, found.missing_blobs) == (1, 1, 0)
    assert target.blobs.fault(digest, 7) is None
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == before


# -- what is a store's name, and who may read it --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [":memory:", ":memory:x", "s3://bucket/store.duckdb", "http://x/store.duckdb", "md:/x"]
)
def test_what_keeps_nothing_or_is_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--store"):
        Store(Path(name))


@pytest.mark.parametrize("sign", ["?", "\\"])
def test_a_path_that_duckdb_cannot_have_says_so(tmp_path: Path, sign: str) -> None:
    for name in (f"a{sign}b/store.duckdb", f"store{sign}x.duckdb"):
        with pytest.raises(UsageError, match="DuckDB cannot have a file under a path with"):
            Store(tmp_path / name)


@pytest.mark.usefixtures("from_nothing")
@pytest.mark.parametrize("name", ["s3:x", "s3:", "a*b", "a[b]", "it's", "a%20b", "md:x", "~x", "a\nb", "file:x"])
def test_other_odd_folders_hold_a_store(tmp_path: Path, make: Make, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    store = Store((tmp_path if name == "~x" else Path()) / name / "store.duckdb")
    store.put(make("gen"), {})
    with store.replies() as cache:
        cache.put_many({"k": {"text": "x"}})
    assert verify(Store(tmp_path / name / "store.duckdb")).num_replies == 1
    upkeep.gc(store)
    assert upkeep.merge(Store(tmp_path / "other.duckdb"), store.path).artifacts == 1


@pytest.mark.usefixtures("from_nothing")
def test_a_store_has_any_name(tmp_path: Path, make: Make) -> None:
    """DuckDB calls a database by the name of its file, and some names are its own."""
    first = Store(tmp_path / "first.duckdb")
    first.put(make("gen"), {})
    for stem in ("temp", "main", "system", "memory", "store", "merged_from", "0 'a\" select"):
        other = Store(tmp_path / f"{stem}.duckdb")
        assert upkeep.merge(other, first.path).artifacts == 1
        assert verify(other).faults == ()


def test_the_home_folder_is_expanded(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Store(Path("~/store.duckdb")).put(make("gen"), {})
    assert (tmp_path / "store.duckdb").is_file()
    with pytest.raises(UsageError, match="home folder"):
        Store(Path("~nobody-of-this-name/store.duckdb"))


@pytest.mark.usefixtures("from_nothing")
def test_what_sdc_makes_is_for_its_owner_alone(tmp_path: Path, make: Make) -> None:
    tmp_path.chmod(0o755)
    store = Store(tmp_path / "made" / "by" / "store.duckdb")
    store.put(make("gen"), {})
    source = tmp_path / "source"
    source.write_bytes(b"x")
    blob = store.blobs.path(store.blobs.put(source))
    with store.replies():
        pass

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    for folder in (tmp_path / "made", tmp_path / "made" / "by", store.place.home, store.replies_folder, blob.parent):
        assert mode(folder) == 0o700, folder
    assert mode(store.path) == 0o600
    assert mode(tmp_path) == 0o755
    store.place.home.chmod(0o750)  # the owner's decision stays
    with store.replies():
        pass
    assert mode(store.place.home) == 0o750


@pytest.mark.parametrize("size", [9, 11, 12, 100, 4095, 5000, 8192, 12289, 0.25, 0.5, 0.99])
def test_a_store_that_was_cut_off_says_so(store: Store, chain: Chain, size: float) -> None:
    assert chain
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[: size if isinstance(size, int) else int(len(whole) * size)])
    for act in (
        lambda: Store(store.path).query("select * from examples"),
        lambda: Store(store.path).put(chain["gen"], {}),
    ):
        try:
            act()
        except StoreError as error:
            assert "cut off" in str(error) or size in (9, 11), str(error)
        else:
            assert size == 0.99  # a block that nobody looked at


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(StoreError, match="the file is empty"):
        Store(tmp_path / "x").get("0" * 64)


@pytest.mark.usefixtures("from_nothing")
def test_a_killed_command_with_the_same_process_number_is_not_in_the_way(tmp_path: Path, make: Make) -> None:
    """In a container every command may be process 7: what was left under that number must not be taken up."""
    (tmp_path / f".store.duckdb.{os.getpid()}.tmp").write_bytes(b"half")
    Store(tmp_path / "store.duckdb").put(make("gen"), {})
    source = tmp_path / "source"
    source.write_bytes(b"x")
    assert Blobs(tmp_path / "blobs").put(source)
    with replies(tmp_path / "replies"):
        pass


@pytest.mark.parametrize("part", ["", "blobs", "replies"])
def test_a_file_in_the_place_of_a_folder_is_one_line(store: Store, chain: Chain, tmp_path: Path, part: str) -> None:
    assert chain
    place = store.place.home / part
    if place.is_dir():
        place.rmdir()
    place.touch()
    (fault,) = verify(store).faults
    assert f"{place} is no folder" in fault
    upkeep.gc(store, grace_s=0)
    source = tmp_path / "source"
    source.write_bytes(b"x")
    if part != "replies":
        with pytest.raises(StoreError, match="cannot keep a blob"):
            store.blobs.put(source)
    if part != "blobs":
        with pytest.raises(StoreError, match="cannot open the reply cache"), store.replies():
            pass


def test_a_folder_among_the_blobs_is_left_alone(store: Store, chain: Chain) -> None:
    assert chain
    odd = [store.place.home / "blobs" / "ab" / ("c" * 62), store.place.home / "blobs" / "ab" / ".x.tmp"]
    for folder in odd:
        folder.mkdir(parents=True)
    assert verify(store).notes == ()
    assert upkeep.gc(store, grace_s=0).blobs == 0
    assert all(folder.is_dir() for folder in odd)


@pytest.mark.usefixtures("from_nothing")
def test_ctrl_c_while_a_store_is_made_is_one_and_leaves_none_half_made(tmp_path: Path) -> None:
    program = """
import sys, threading, _thread
from pathlib import Path
import duckdb
from sdc.cache.store import Store
path, delay = Path(sys.argv[1]), float(sys.argv[2])
timer = threading.Timer(delay, _thread.interrupt_main)
try:
    timer.start()
    with Store(path).open(write=True):
        pass
    timer.join()  # a store may be made sooner
except KeyboardInterrupt:
    sys.exit(130)
"""
    for number in range(10):
        path = tmp_path / str(number) / "store.duckdb"
        command = [sys.executable, "-c", program, str(path), str(0.004 * number)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (130, "")
        with Store(path).open(write=True) as con:
            assert con.execute("select count(*) from artifacts").fetchall() == [(0,)]
        assert not [path for path in path.parent.iterdir() if path.name.endswith(".tmp")]


def test_replies_where_older_versions_kept_them_are_looked_at(store: Store, chain: Chain) -> None:
    assert chain
    with store.replies() as cache:
        cache.put_many({"k1": {"text": "one"}, "k2": {"text": "two"}})
    folder = _as_before(store)
    assert verify(Store(store.path)).num_replies == 2
    (folder / "replies" / "cache.db").write_bytes(b"x" * 5000)
    (fault,) = verify(Store(store.path)).faults
    assert str(folder / "replies") in fault
