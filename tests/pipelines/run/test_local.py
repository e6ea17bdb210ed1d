"""Workers of this machine: how many there are."""

import os
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.run import file
from sdc.pipelines.run.executors.local import LocalExecutor
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

_ASKING = """
name = "asking"
[cells]
task = "intent"
lang = "te"
[data]
from = "bundled"
[sample]
source = "human"
sizes = "10"
repeats = 2
[[students]]
method = "icl"
model = "pocket-student"
shots = 1
"""


def test_a_limit_on_what_is_asked_holds_for_all_workers_together(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(_ASKING)
    budget = Budget(max_calls=5)
    context = Context(store=Store(tmp_path / "store.duckdb"), budget=budget)
    ended = experiments.run(context, file.load(str(tmp_path / "mine.toml")), Site(workers=2))
    assert ended.num_missing == 2
    assert budget.calls == 5
    assert {str(error) for _, error in ended.doing.errors} == {
        "--max-calls: the budget is spent (5 of 5 calls); all replies are kept; the same command goes on from there"
    }


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    return Context(store=Store(tmp_path / "store.duckdb"))


def test_a_worker_per_core_where_there_is_no_gpu(context: Context) -> None:
    assert LocalExecutor(context, Site()).num_workers == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("given, expected", [("1", 1), ("0", 1), ("100000", None), ("2(x2)", None)])
def test_a_job_of_slurm_has_the_cores_that_it_was_given(
    context: Context, monkeypatch: pytest.MonkeyPatch, given: str, expected: int | None
) -> None:
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", given)
    assert LocalExecutor(context, Site()).num_workers == (expected or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("share, expected", [(1.0, 4), (0.5, 8), (2.0, 2)])
def test_a_worker_per_gpu_or_share_of_one(
    context: Context, monkeypatch: pytest.MonkeyPatch, share: float, expected: int
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert LocalExecutor(context, Site(gpus_per_worker=share)).num_workers == expected
