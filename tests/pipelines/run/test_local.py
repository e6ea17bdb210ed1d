"""Workers of this machine: how many there are."""

import os
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines.run.executors.local import LocalExecutor
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


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
