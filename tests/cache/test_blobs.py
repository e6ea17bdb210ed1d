import os
import stat
import time
from pathlib import Path

import pytest

from sdc.cache.blobs import Blobs
from sdc.cache.key import file_digest
from sdc.errors import StoreError


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(range(256)) * 100)
    return path


def test_a_blob_is_named_by_its_digest(blobs: Blobs, weights: Path) -> None:
    digest = blobs.put(weights)
    assert digest == file_digest(weights)
    assert blobs.path(digest).read_bytes() == weights.read_bytes()
    assert blobs.path(digest).parent.name == digest[:2]
    assert blobs.all() == {digest: 25600}
    assert blobs.fault(digest, 25600) is None
    assert blobs.temporary() == []


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o750, 0o640)])
def test_whoever_may_enter_the_folder_may_read_a_blob_and_nobody_else(
    blobs: Blobs, weights: Path, folder: int, file: int
) -> None:
    digest = file_digest(weights)
    blobs.path(digest).parent.mkdir(parents=True)
    blobs.path(digest).parent.chmod(folder)
    blobs.put(weights)
    assert stat.S_IMODE(blobs.path(digest).stat().st_mode) == file


@pytest.mark.parametrize(("damage", "fault"), [(b"", "truncated"), (b"\0" * 25600, "changed"), (None, "missing")])
def test_damage_is_found_and_putting_again_repairs_it(
    blobs: Blobs, weights: Path, damage: bytes | None, fault: str
) -> None:
    digest = blobs.put(weights)
    if damage is None:
        blobs.remove(digest)
    else:
        blobs.path(digest).write_bytes(damage)
    assert blobs.fault(digest, 25600) == fault
    blobs.put(weights)
    assert blobs.fault(digest, 25600) is None


def test_a_blob_that_is_wanted_again_is_young_again(blobs: Blobs, weights: Path) -> None:
    path = blobs.path(blobs.put(weights))
    os.utime(path, (1, 1))
    blobs.put(weights)
    assert path.stat().st_mtime > time.time() - 60


def test_half_a_blob_has_no_name(blobs: Blobs, weights: Path) -> None:
    digest = file_digest(weights)
    half = blobs.path(digest).with_name(f".{digest[2:]}.1.tmp")
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    assert blobs.all() == {}
    assert blobs.temporary() == [half]
    assert blobs.fault(digest, 25600) == "missing"


def test_a_source_that_is_not_there_is_one_clear_line(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nothing\.bin"):
        blobs.put(tmp_path / "nothing.bin")


def test_a_folder_that_cannot_be_written_is_one_clear_line(weights: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that not even root can write (/proc)")
    with pytest.raises(StoreError, match="cannot keep a blob"):
        Blobs(Path("/proc/self/blobs")).put(weights)
