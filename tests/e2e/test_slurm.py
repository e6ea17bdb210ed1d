"""An experiment on a real SLURM: preempted, killed and cancelled elements, and arrays beyond MaxArraySize."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import counted_runs
import pytest
from slurm_cluster import cluster, lacking
from waiting import until

from sdc.cache.store import Store
from sdc.cache.verify import verify

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(lacking()), reason=lacking()), pytest.mark.timeout(900)]
#: Six elements, of which an array may have four and two run at once; each has four runs, and is held after two.
_ELEMENTS, _MAX_ARRAY_SIZE, _AT_ONCE, _HELD_AFTER = 6, 4, 2, 2
_STOPPED = "stopped; what was finished is kept"
_EXPERIMENT = """
name = "small"
[cells]
task = "intent"
lang = ["te", "sw", "en"]
[data]
from = "bundled"
[sample]
source = "human"
sizes = {sizes}
repeats = {repeats}
[[students]]
method = "linear"
"""
#: The second size is of a later wave: two batches for each of the three cells.
_LINEAR = _EXPERIMENT.format(sizes=["10", "40"], repeats=4)
#: The same for two students of one wave; half of the elements load torch.
_FINETUNED = (
    _EXPERIMENT.format(sizes=["10", "50"], repeats=2)
    + """
[[students]]
method = "finetune"
model = "pocket-student"
epochs = 1
"""
)
_SITE = f"""
[here]
executor = "slurm"
partition = "all"
time = "00:30:00"
max_tasks = {_AT_ONCE}
elements = {_ELEMENTS}
workers = 1
env = ["OMP_NUM_THREADS", "PYTHONPATH", "SDC_TEST_COUNTS", "SDC_TEST_HOLD_AFTER"]
"""


class Place:
    """A folder with an experiment, a site and the commands that are run there."""

    def __init__(self, path: Path, experiment: str, environment: Mapping[str, str]) -> None:
        self.path = path
        (path / "small.toml").write_text(experiment, "utf-8")
        (path / "sites.toml").write_text(_SITE, "utf-8")
        counting = counted_runs.environment(path / "counting", hold_after=_HELD_AFTER)
        own = {"SDC_SITES": str(path / "sites.toml"), "OMP_NUM_THREADS": "1"}
        self._environment = {**environment, **counting, **own}

    def start(self, *words: str, store: str = "store") -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "sdc", "run", "small.toml", *words, "--store", f"{store}.duckdb"]
        return subprocess.Popen(
            command, cwd=self.path, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: str, store: str = "store") -> tuple[int, str]:
        process = self.start(*words, store=store)
        _, said = process.communicate(timeout=600)
        return process.returncode, said

    def slurm(self, *words: str) -> str:
        return subprocess.run(words, env=self._environment, capture_output=True, text=True, check=True).stdout

    def store(self, name: str = "store") -> Store:
        return Store(self.path / f"{name}.duckdb")

    @property
    def folder(self) -> Path:
        """The folder of the plan, as soon as there is one."""
        return next(iter((self.path / "store.duckdb.d").glob("runs/*")), self.path)

    def log(self, element: int) -> str:
        files = sorted(self.folder.glob(f"logs/*_{(element - 1) % _MAX_ARRAY_SIZE}.out"))
        return files[(element - 1) // _MAX_ARRAY_SIZE].read_text("utf-8")

    def job(self, element: int) -> str:
        """The id that SLURM gives an element of a fresh cluster."""
        return f"{1 + (element - 1) // _MAX_ARRAY_SIZE}_{(element - 1) % _MAX_ARRAY_SIZE}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """No element comes to its end meanwhile."""
        with counted_runs.held(self.path / "counting"):
            yield

    def at_work(self, process: "subprocess.Popen[str] | None") -> list[int]:
        """Returns the elements that are held at once, as soon as each has some of its runs in its store."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [n for n in range(1, _ELEMENTS + 1) if self._num_runs(n) == _HELD_AFTER]
            return len(found) == _AT_ONCE

        until(look, process, within_s=300, every_s=0.2)
        return found

    def process_of(self, element: int) -> int:
        """Returns the process of an element that its script started."""
        part = str(self.folder / "parts" / f"{element}.duckdb").encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # one that has just ended
                if part in path.read_bytes().split(b"\0"):
                    return int(path.parent.name)
        raise AssertionError(f"element {element} is not running")

    def preempt(self, element: int) -> None:
        """Sends an element the signal that SLURM sends before another job takes its place; returns when it has ended.

        For elements of arrays `scancel` believes that the signal was not sent, and would send it again and again.
        """
        words = ["scancel", "--quiet", "--signal=USR1", "--batch", self.job(element)]
        with subprocess.Popen(words, env=self._environment) as scancel:
            until(lambda: _STOPPED in self.log(element))
            scancel.kill()

    def _num_runs(self, element: int) -> int:
        part = self.folder / "parts" / f"{element}.duckdb"
        return len(Store(part).query("select key from runs")) if part.exists() else 0


@pytest.fixture(params=[_LINEAR, pytest.param(_FINETUNED, marks=pytest.mark.campaign)], ids=["linear", "finetuned"])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with cluster(cpus=2, max_array_size=_MAX_ARRAY_SIZE) as environment:
        yield Place(tmp_path, request.param, environment)


def test_a_preempted_and_a_killed_element_end_as_on_one_machine(place: Place) -> None:
    with place.held():
        process = place.start("--on", "here")
        preempted, killed = place.at_work(process)
        place.preempt(preempted)
        os.kill(place.process_of(killed), signal.SIGKILL)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    for element in (preempted, killed):  # each was queued again, and went on where it was
        went_on = rf"element {element}/6: 4 runs, 2 were there, 2 made, 0 missing"
        assert re.search(went_on, place.log(element))
    assert "Killed" in place.log(killed)
    submitted = [json.loads(line) for line in (place.folder / "submitted.jsonl").read_text().splitlines()]
    assert [(array["first"], array["elements"]) for array in submitted] == [(0, 4), (4, 2)]

    assert place.run(store="alone")[0] == 0
    assert _content(place.store()) == _content(place.store("alone"))
    assert verify(place.store()).faults == ()
    code, said = place.run("--collect")
    assert (code, "0 new artifacts" in said) == (0, True)
    code, said = place.run("--on", "here")
    assert (code, "submitted" in said) == (0, False)


def test_a_cancelled_array_is_not_queued_again_and_what_is_missing_can_be_submitted(place: Place) -> None:
    with place.held():
        code, said = place.run("--on", "here", "--detach")
        assert (code, "submitted array" in said) == (6, True)
        stopped, _ = place.at_work(None)
        code, said = place.run()
        assert (code, "a job array is at work on this plan" in said) == (2, True)
        assert "elements:" in place.run("--status")[1]
        code, said = place.run("--cancel")
        assert (code, said.count("is cancelled")) == (0, 2)
        until(lambda: not place.slurm("squeue", "--noheader"), within_s=120)
    assert _STOPPED in place.log(stopped)
    code, said = place.run("--collect")
    assert code == 6, said
    made = {key for (key,) in place.store().query("select key from runs")}
    assert made
    code, said = place.run("--on", "here", "--render")
    assert code == 0, said
    batches = json.loads((place.folder / "plan.json").read_text("utf-8"))["batches"]
    missing = {batch["keys"][position] for batch in batches for position in batch["missing"]}
    assert missing and not missing & made


def _content(store: Store) -> Any:
    return [
        store.query("select key, status from runs order by key"),
        store.query("select key, idx, scores::varchar from outputs order by key, idx"),
        store.query("select key, run, reader, metric, value, low, high from metrics order by all"),
    ]
