"""Shared memory and caches, on real folders; /dev/shm of a container stands in for a folder of that size."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from sdc.errors import EngineError
from sdc.pipelines.doctor import places

Shared = Callable[[int], None]


@pytest.fixture(autouse=True)
def no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the tests run in one."""
    monkeypatch.setattr(places, "_MARKS", ())


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Shared:
    def make(num_bytes: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=num_bytes, used=0, free=num_bytes))

    return make


def test_what_docker_gives_by_default_is_too_little_and_the_fix_is_a_flag(shared: Shared) -> None:
    shared(64 * 2**20)
    found = places.shared_memory({"SDC_IMAGE": "gpu"})
    assert found.value == "64.0 MiB"
    assert "--shm-size 8g" in found.fix
    assert "--shm-size" not in places.shared_memory({}).fix


def test_enough_shared_memory(shared: Shared) -> None:
    shared(8 * 2**30)
    assert places.shared_memory({"SDC_IMAGE": "gpu"}).fix == ""


def test_no_cache_is_named() -> None:
    assert places.caches({}) == []


def test_caches_that_can_be_written_or_made(tmp_path: Path) -> None:
    (found,) = places.caches({"HF_HOME": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path / "not" / "yet")})
    assert found.value.startswith("writable, ")
    assert found.error is None
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("place", ["/proc/self/cache", "/dev/null"])
def test_a_cache_that_cannot_be_written_breaks_the_engines(tmp_path: Path, place: str) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that not even root can write (/proc)")
    (found,) = places.caches({"HF_HOME": str(tmp_path), "TRITON_CACHE_DIR": place})
    assert isinstance(found.error, EngineError)
    assert place in found.value
    assert "export TRITON_CACHE_DIR=" in found.fix
    (found,) = places.caches({"SDC_IMAGE": "gpu", "TRITON_CACHE_DIR": place})
    assert '--user "$(id -u):0"' in found.fix


def test_models_that_can_only_be_read_are_no_fault() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs a file system that not even root can write (/proc)")
    (found,) = places.caches({"HF_HOME": "/proc/self/cache"})
    assert found.error is None
    assert "can be used" in found.value


@pytest.mark.parametrize("name", ["SDC_IMAGE", "APPTAINER_CONTAINER", "container"])
def test_containers_are_known_by_their_environment(name: str) -> None:
    assert places.in_container({name: "x"})
    assert not places.in_container({})
