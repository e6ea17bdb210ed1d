"""An element of a job array on a disk that is full: one line, exit code 3, and what it has is kept."""

import subprocess
import sys

from array_place import Submitting

from sdc.cache.store import Store
from sdc.cache.verify import verify
from sdc.pipelines.run.array import collecting, parts


def test_a_full_disk_ends_an_element_and_keeps_what_it_has(place: Submitting) -> None:
    size = (place.folder.path / "seed.duckdb").stat().st_size // 1024
    code, said = _limited(place, size // 2)
    assert (code, "cannot copy the store to begin with (file too large)" in said) == (3, True), said
    assert parts.all_of(place.folder) == []
    assert place.element(2).num_missing == 0
    parts.begin(Store(place.folder.parts / "1.duckdb"), place.folder, place.folder._plan, 1)
    code, said = _limited(place, 16)
    assert (code, said.count("\n"), "check disk space" in said) == (3, 1, True), said
    assert parts.all_of(place.folder)[0].ended.startswith(str(place.folder.parts / "1.duckdb"))
    assert place.element(1).num_missing == 0  # there is room again
    collected = collecting.collect(place.context, place.array().experiment)
    assert collected.num_missing == 0
    assert verify(place.context.store).faults == ()


def _limited(place: Submitting, kib: int) -> tuple[int, str]:
    """Runs element 1 where no file may have more kibibytes."""
    words = f"{sys.executable} -m sdc run mine.toml --shard 1/2 --store {place.folder.parts}/1.duckdb"
    ended = subprocess.run(
        ["bash", "-c", f"ulimit -f {kib}; exec {words}"], cwd=place.path, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stderr
