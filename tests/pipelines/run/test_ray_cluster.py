"""Experiments on Ray: one with a budget, and one that loses workers, a node and its driver, and meets strangers."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import counted_runs
import pytest
import waiting
from experiment_files import small, write_for_ray

from sdc.cache.store import Store
from sdc.cache.verify import verify
from sdc.pipelines import cells, data
from sdc.pipelines.data import DataConfig
from sdc.pipelines.engines import models
from sdc.pipelines.stage import Context

_MIXED = """
name = "mixed"
[cells]
task = "intent"
lang = ["te", "sw"]
[sample]
source = "human"
sizes = {sizes}
repeats = {repeats}
[order]
by = "student"
[[students]]
method = "linear"
[[students]]
method = "finetune"
model = "pocket-student"
epochs = 1
"""
_MORE_STUDENTS = """
[[students]]
method = "lora"
model = "pocket-teacher"
steps = 2
[[students]]
method = "icl"
model = "pocket-teacher"
shots = 1
"""
_NUM_TEST = 20
#: Two runs, one of which asks a model.
_PROMPTED = (
    small(lang='"te"', sizes='"10"', repeats=1)
    + """
[[students]]
method = "icl"
model = "pocket-student"
shots = 1
"""
)


@dataclass(frozen=True, kw_only=True)
class _Losses:
    """An experiment on two cells, and after how many runs what is lost.

    Args:
        text: The experiment.
        num_runs: How many runs it has.
        workers: A worker is killed after each of these.
        node: A node is lost after so many.
        driver: The driver is killed after so many.
    """

    text: str
    num_runs: int
    workers: tuple[int, ...]
    node: int
    driver: int


_FEW = _Losses(text=_MIXED.format(sizes='["10", "50"]', repeats=3), num_runs=24, workers=(13,), node=15, driver=17)
_MANY = _Losses(
    text=_MIXED.format(sizes='["10", "30", "40", "50", "60"]', repeats=5) + _MORE_STUDENTS,
    num_runs=200, workers=(20, 70), node=100, driver=140,
)  # fmt: skip


@pytest.fixture
def _ray_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray's files have a short path, as its sockets need; its processes are ours by their token."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 by default: beside other tests, workers would hardly get on
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        monkeypatch.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.mark.ray
@pytest.mark.usefixtures("_ray_environment")
def test_a_budget_holds_on_a_ray_of_this_machine(tmp_path: Path, run_sdc: Callable[..., Any]) -> None:
    pytest.importorskip("ray")
    write_for_ray(tmp_path, _PROMPTED, None)
    where = {"SDC_STORE": str(tmp_path / "store.duckdb"), "SDC_SITES": str(tmp_path / "sites.toml")}
    ended = run_sdc("run", "mine.toml", "--on", "far", "--max-calls", "5", env=where, timeout_s=600)
    assert ended.returncode == 4
    assert "--max-calls: the budget is spent (5 of 5 calls)" in ended.stderr
    assert len(ended.stdout.split()) == 1  # the linear run


def _another_sdc_gets_no_worker(folder: Path, address: str) -> None:
    folder.mkdir()
    write_for_ray(folder, _PROMPTED, address)
    code = (
        "import sys; from sdc.pipelines.run.executors import ray; ray.__version__ = '0.0.1'\n"
        "from sdc.__main__ import main; sys.argv[0] = 'sdc'; main()"
    )
    where = {"SDC_STORE": str(folder / "store.duckdb"), "SDC_SITES": str(folder / "sites.toml")}
    ended = subprocess.run(
        [sys.executable, "-c", code, "run", "mine.toml", "--on", "far"], capture_output=True, text=True, check=False,
        cwd=folder, env={**os.environ, **where},
    )  # fmt: skip
    assert ended.returncode == 4
    assert f"has sdc {_version()}, and this is sdc 0.0.1; use one sdc on every machine" in ended.stderr.splitlines()[-1]


def _version() -> str:
    from sdc import __version__

    return __version__


@pytest.mark.ray
@pytest.mark.usefixtures("_ray_environment")
@pytest.mark.parametrize("lost", [_FEW, pytest.param(_MANY, marks=pytest.mark.campaign)], ids=["few", "many"])
def test_runs_survive_workers_a_node_and_the_driver(
    lost: _Losses, tmp_path: Path, run_sdc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    local, store = (Store(tmp_path / name / "store.duckdb", lock_timeout_s=60) for name in ("local", "ray"))
    _add_data(local)
    shutil.copytree(local.path.parent, store.path.parent)
    counting = counted_runs.environment(tmp_path / "counting", at_once=True)
    for name, value in counting.items():
        monkeypatch.setenv(name, value)

    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        write_for_ray(tmp_path, lost.text, cluster.address)
        monkeypatch.setenv("SDC_SITES", str(tmp_path / "sites.toml"))
        other_token = {"RAY_AUTH_TOKEN": secrets.token_hex(32), "SDC_STORE": str(store.path)}
        stranger = run_sdc("run", "mine.toml", "--on", "far", env=other_token, timeout_s=600)
        assert (stranger.returncode, stranger.stdout) == (4, "")
        assert "it asks for a token, and this one is not it" in stranger.stderr.splitlines()[-1]
        _another_sdc_gets_no_worker(tmp_path / "other", cluster.address)
        with _driver(tmp_path) as driver:
            losses: list[tuple[int, Callable[[], None]]] = [
                *((number, _kill_a_worker) for number in lost.workers),
                (lost.node, partial(_lose_a_node, cluster, nodes)),
                (lost.driver, driver.kill),
            ]
            for num_runs, lose in losses:
                waiting.until(partial(_has_runs, store, num_runs), driver, within_s=600, every_s=0.1)
                lose()
        there = _num_runs(store)
        with _driver(tmp_path) as again:
            _, said = again.communicate(timeout=600)
        assert again.returncode == 0, said
    finally:
        cluster.shutdown()

    (plan,) = (store.place.home / "runs").iterdir()
    ends = Counter(note["how"] for note in map(json.loads, (plan / "attempts.jsonl").read_text("utf-8").splitlines()))
    # A driver that is killed at once may not have heard of the machine.
    assert {"ended", "its process is gone"} <= ends.keys() <= {"ended", "its process is gone", "its machine is gone"}
    assert lost is _FEW or ends["its machine is gone"]
    computed = counted_runs.counts(tmp_path / "counting")
    assert lost.driver <= there < lost.num_runs == len(computed)
    assert max(computed.values()) <= 2
    assert verify(store).faults == ()
    alone = run_sdc("run", "mine.toml", env={"SDC_STORE": str(local.path)}, timeout_s=600)
    assert alone.returncode == 0, alone.stderr
    assert _metrics(store) == _metrics(local)


def _add_data(store: Store) -> None:
    """Adds bundled rows, few of them to test on."""
    store.path.parent.mkdir()
    for cell in cells.expand(store, ["te", "sw"], ["intent"]):
        for split, most in (("train", None), ("test", _NUM_TEST)):
            path = models.POCKET / "examples" / f"intent-{cell.lang}-{split}.jsonl"
            few = store.path.with_name(path.name)
            few.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:most]), "utf-8")
            data.add(Context(store=store), cell, few, DataConfig(split=split))


def _driver(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sdc", "run", "mine.toml", "--on", "far"], cwd=folder, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, "SDC_SITES": str(folder / "sites.toml"), "SDC_STORE": str(folder / "ray" / "store.duckdb")},
    )  # fmt: skip


def _num_runs(store: Store) -> int:
    return int(store.query("select count(*) from runs")[0][0])


def _has_runs(store: Store, number: int) -> bool:
    return _num_runs(store) >= number


def _kill_a_worker() -> None:
    def is_killed() -> bool:
        with suppress(IndexError, ProcessLookupError):  # none works at this moment
            os.kill(_working()[0], signal.SIGKILL)
            return True
        return False

    waiting.until(is_killed)


def _lose_a_node(cluster: Any, nodes: list[Any]) -> None:
    """Kills all processes of a node on which a worker works."""
    of_raylet = {node.all_processes["raylet"][0].process.pid: node for node in nodes}
    found: list[Any] = []

    def is_found() -> list[Any]:
        with suppress(OSError):  # one that has just ended
            parents = [int((Path("/proc") / str(pid) / "stat").read_text().split()[3]) for pid in _working()]
            found.extend(of_raylet[parent] for parent in parents if parent in of_raylet)
        return found

    waiting.until(is_found)
    cluster.remove_node(found[0], allow_graceful=False)


def _working() -> list[int]:
    """Returns the processes of this test's cluster that work on a job."""
    token = f"RAY_AUTH_TOKEN={os.environ['RAY_AUTH_TOKEN']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            works = (process / "cmdline").read_bytes().startswith(b"ray::RayWorker.work")
            found += [int(process.name)] if works and token in (process / "environ").read_bytes() else []
    return found


def _metrics(store: Store) -> list[tuple[Any, ...]]:
    return store.query("select run, reader, metric, value, low, high from metrics order by all")
