"""Workers of this machine: how many there are, what they refuse, and what is said of a bug in one."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from experiment_files import loaded, small

from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.run import file
from sdc.pipelines.run.batches import Job, job
from sdc.pipelines.run.executors import of_site
from sdc.pipelines.run.executors.local import LocalExecutor
from sdc.pipelines.run.executors.protocol import Event, JobEnded, JobFailed, JobProgress, RunsEnded
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.train.computing import TrainInputs

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


def _planned_elsewhere(right: Job) -> Job:
    """A job whose runs were planned for another student than a worker here has."""
    assert isinstance(right.inputs, TrainInputs)
    other = [
        replace(run, planned=replace(run.planned, config={**run.planned.config, "method": "other"}))
        for run in right.inputs.runs
    ]
    return replace(right, inputs=replace(right.inputs, runs=other))


def _with_a_bug(right: Job) -> Job:
    return replace(right, inputs=None)  # type: ignore[arg-type]


def test_a_worker_that_refuses_a_job_or_breaks_goes_on_with_the_next(context: Context, tmp_path: Path) -> None:
    plan = experiments.planned(context, loaded(tmp_path, small(lang='"te"', sizes='"10"', repeats=1)))
    (batch,) = experiments.batches_of(context, plan, set())
    right = job(context, plan, batch, attempt=1)
    jobs = [right, _with_a_bug(right), _planned_elsewhere(right)]
    executor = LocalExecutor(context, Site(workers=1))
    try:
        events = list(executor.run(lambda: jobs.pop() if jobs else None))
    finally:
        executor.close()
    refused, broke, *rest = [event for event in events if not isinstance(event, JobProgress)]
    expected: list[tuple[Event, type[SdcError], int, str]] = [
        (refused, UsageError, 2, "method of te/topic linear is not what the runs were planned for; use the same"),
        (broke, EngineError, 4, "te/topic linear: a worker broke (AssertionError: "),
    ]
    for failed, kind, code, said in expected:
        assert isinstance(failed, JobFailed) and isinstance(failed.error, kind)
        assert (failed.error.exit_code, "\n" in str(failed.error), said in str(failed.error)) == (code, False, True)
    assert [type(event) for event in rest] == [RunsEnded, JobEnded]


def test_a_site_that_is_submitted_to_hands_out_no_batches(context: Context) -> None:
    with pytest.raises(UsageError, match="site far cannot run batches one by one"):
        of_site(context, Site(name="far", executor="slurm", partition="gpu"))
