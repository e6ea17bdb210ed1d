"""Whole experiments on the processes of this machine: what is there, what dies, what goes on."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from experiment_files import loaded, small

from sdc.cache.store import Store
from sdc.cache.verify import verify
from sdc.errors import EngineError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.progress import Progress, Step, silent
from sdc.pipelines.run import ExperimentEnded
from sdc.pipelines.run.batches import Job, RunBatch, work
from sdc.pipelines.run.driver import Driver
from sdc.pipelines.run.executors.local import LocalExecutor, compact
from sdc.pipelines.run.executors.protocol import Event, JobEnded, JobFailed, JobLost, JobProgress, RunsEnded
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

SMALL = small()
ONE = Site(workers=1)


def _run(tmp_path: Path, text: str = SMALL, site: Site = ONE, **how: Any) -> ExperimentEnded:
    context = Context(store=Store(tmp_path / "store.duckdb"))
    return experiments.run(context, loaded(tmp_path, text), site, **how)


def _accuracies(store: Store) -> list[tuple[str, float]]:
    return store.query("select run, value from metrics where metric = 'accuracy' order by run")


def test_an_experiment_ends_in_evaluated_runs_those_of_the_stage_commands_and_a_second_time_does_nothing(
    tmp_path: Path,
) -> None:
    from sdc.pipelines import train
    from sdc.pipelines.records import lineage
    from sdc.pipelines.records.draws import draws_of

    ended = _run(tmp_path)
    assert (ended.doing.runs, ended.doing.there, ended.doing.num_made, ended.num_missing) == (16, 0, 16, 0)
    store = Store(tmp_path / "store.duckdb")
    assert {key for key, _ in _accuracies(store)} == {run.key for run in ended.plan.runs}
    assert verify(store).faults == ()
    again = _run(tmp_path)
    assert (again.doing.there, again.doing.num_made) == (16, 0)
    (note,) = {str(note["how"]) for note in PlanFolder(store, ended.plan.digest).attempts()}
    assert note == "ended"
    context = Context(store=store)
    for cell in (inputs.cell for inputs in ended.plan.cells):
        config = train.configured(context, "sdc", method="linear", settings={}, seed=1337)
        draws = draws_of(context, lineage.newest_sample(context, cell, source="human"))
        test = lineage.newest_data(context, cell, split="test")
        assert all(outcome.hit for outcome in train.run(context, config, cell, draws=draws, test=test))


@pytest.mark.usefixtures("in_process")
def test_more_repeats_are_another_plan_that_has_what_overlaps(tmp_path: Path) -> None:
    first = _run(tmp_path)
    second = _run(tmp_path, SMALL.replace("repeats = 4", "repeats = 5"))
    assert second.plan.digest != first.plan.digest
    assert (second.doing.there, second.doing.num_made) == (16, 4)


class _Scripted:
    """An executor in this process, whose workers die as a test says: before which run, of which job."""

    num_workers = 1

    def __init__(self, context: Context, dies: Callable[[Job, int], bool], error: EngineError | None = None) -> None:
        self._context, self._dies, self._error = context, dies, error
        self.computed: list[str] = []

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        while (job := take()) is not None:
            if self._error is not None:
                yield JobFailed(job=job, worker="w", error=self._error)
                continue
            for number, together in enumerate(work(self._context, job)):
                if self._dies(job, number):
                    yield JobLost(job=job, worker="w", how="signal 9")
                    break
                self.computed += [made.artifact.key for made in together]
                yield RunsEnded(job=job, made=[compact(made) for made in together])
            else:
                yield JobEnded(job=job, worker="w")

    def close(self) -> None:
        pass


class _Machine(_Scripted):
    """An executor that loses the workers of its first three jobs at once, with their machine or without it."""

    is_place = True

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        for job in [take(), take(), take()]:
            assert job is not None
            yield JobLost(job=job, worker="w", how="gone", is_place=self.is_place)
        yield from super().run(take)


class _Processes(_Machine):
    is_place = False


class _Telling(_Scripted):
    """An executor whose workers are half through with each job before anything comes of it."""

    def run(self, take: Callable[[], Job | None]) -> Iterator[Event]:
        for event in super().run(take):
            if isinstance(event, RunsEnded) and event.job.batch.id not in self.computed:
                self.computed.append(event.job.batch.id)
                yield JobProgress(job=event.job, step=Step(what="fit", done=5, total=10))
            yield event


def test_runs_under_way_count_for_the_part_that_is_done(tmp_path: Path) -> None:
    seen: list[Step] = []
    _driven(tmp_path, lambda job, number: False, scripted=_Telling, progress=seen.append)
    done = [step.done for step in seen if step.what == "run small"]
    # Four jobs of four runs: half of each is told of, then they come back, two of which are no news.
    assert done == [before + of_job for before in (0, 4, 8, 12) for of_job in (2, 2, 2, 3, 4)]


def _driven(
    tmp_path: Path,
    dies: Callable[[Job, int], bool],
    *,
    error: EngineError | None = None,
    text: str = SMALL,
    scripted: type[_Scripted] = _Scripted,
    progress: Progress = silent,
) -> tuple[Driver, _Scripted, Store]:
    context = Context(store=Store(tmp_path / "store.duckdb"), progress=progress)
    experiment = loaded(tmp_path, text)
    plan = experiments.planned(context, experiment)
    batches = experiments.batches_of(context, plan, set())
    driver = Driver(context, plan, batches, PlanFolder(context.store, plan.digest), set(), site=ONE)
    executor = scripted(context, dies, error)
    driver.run(executor)
    return driver, executor, context.store


def test_only_what_is_missing_of_a_lost_batch_is_done_again(tmp_path: Path) -> None:
    died: list[str] = []

    def dies(job: Job, number: int) -> bool:
        if number == 3 and not died:
            died.append(job.batch.id)
            return True
        return False

    driver, executor, store = _driven(tmp_path, dies)
    assert (driver.doing.num_made, driver.doing.failed) == (16, 0)
    assert len(executor.computed) == len(set(executor.computed)) == 16
    assert len(_accuracies(store)) == 16


@pytest.mark.usefixtures("in_process")
def test_a_run_that_kills_its_worker_three_times_is_a_failed_run_with_the_reason(tmp_path: Path) -> None:
    killer: list[str] = []

    def dies(job: Job, number: int) -> bool:
        key = job.batch.keys[job.batch.missing[number]]
        killer.extend([key] if not killer else [])
        return key == killer[0]

    driver, executor, store = _driven(tmp_path, dies)
    assert (driver.doing.num_made, driver.doing.failed, driver.doing.stopped) == (16, 1, "")
    ((status, reason),) = store.query("select status, reason from runs where key = ?", killer)
    assert (status, reason) == ("failed", "its worker died 3 times (signal 9)")
    assert len(executor.computed) == 15
    again = _run(tmp_path)
    assert again.num_missing == 0
    assert _run(tmp_path, retry_failed=True).doing.num_made == 1
    assert store.query("select count(*) from runs where status = 'ok'")[0][0] == 16


def test_batches_that_die_one_after_another_end_the_experiment(tmp_path: Path) -> None:
    text = SMALL.replace('"topic"', '["topic", "intent"]').replace("[[stud", "[stop]\nfail_streak = 3\n[[stud")
    driver, _, _ = _driven(tmp_path, lambda job, number: False, error=EngineError("no such GPU"), text=text)
    assert driver.doing.stopped == "3 batches died one after another"
    assert [str(error) for _, error in driver.doing.errors] == ["no such GPU"] * 3
    assert driver.doing.num_made == 0


@pytest.mark.parametrize("scripted, stopped", [(_Processes, "3 batches died one after another"), (_Machine, "")])
def test_a_machine_that_goes_says_nothing_of_the_batches_that_it_had(
    tmp_path: Path, scripted: type[_Scripted], stopped: str
) -> None:
    text = SMALL.replace("[[stud", "[stop]\nfail_streak = 3\n[[stud")
    driver, _, _ = _driven(tmp_path, lambda job, number: False, text=text, scripted=scripted)
    assert driver.doing.stopped == stopped


@pytest.mark.usefixtures("in_process")
def test_hours_of_work_are_a_limit(tmp_path: Path) -> None:
    text = SMALL.replace("[[stud", "[stop]\nhours = 0.0\n[[stud")
    ended = _run(tmp_path, text)
    assert ended.num_missing == 16
    assert "limit of 0 hours" in ended.doing.stopped


@pytest.mark.usefixtures("in_process")
def test_repeats_of_a_point_end_when_its_interval_is_narrow(tmp_path: Path) -> None:
    text = SMALL.replace("repeats = 4", "repeats = 9").replace("[[stud", "[stop]\nhalf_width = 50.0\n[[stud")
    ended = _run(tmp_path, text)
    assert (ended.doing.num_made, ended.doing.num_spared, ended.num_missing) == (20, 16, 0)
    assert {run.wave for run in ended.plan.runs if run.draw and run.draw.repeat >= 5} == {3}
    wide = _run(tmp_path, text.replace("50.0", "0.001"))
    assert (wide.doing.there, wide.doing.num_made, wide.doing.num_spared) == (20, 16, 0)


@pytest.mark.usefixtures("in_process")
def test_a_limit_on_cost_needs_a_price_and_ends_the_experiment(tmp_path: Path) -> None:
    text = SMALL.replace("[[stud", "[stop]\ncost = 0.0\n[[stud")
    with pytest.raises(UsageError, match="no price of a worker; add price_per_hour"):
        _run(tmp_path, text)
    ended = _run(tmp_path, text, Site(workers=1, price_per_hour=2.0))
    assert (ended.doing.stopped, ended.num_missing) == ("the limit of 0 on cost is reached", 16)


def test_a_killed_worker_is_noticed_and_its_runs_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    heard = LocalExecutor._heard

    def kill_once(self: LocalExecutor, worker: Any) -> Iterator[Event]:
        for event in heard(self, worker):
            if isinstance(event, RunsEnded) and not killed:
                killed.append(worker.process.pid)
                os.kill(worker.process.pid, signal.SIGKILL)
            yield event

    monkeypatch.setattr(LocalExecutor, "_heard", kill_once)
    ended = _run(tmp_path, site=Site(workers=2))
    assert killed
    assert (ended.num_missing, ended.doing.failed) == (0, 0)
    assert verify(Store(tmp_path / "store.duckdb")).faults == ()


def test_halves_and_what_is_left_of_a_batch() -> None:
    batch = RunBatch(id="a", line=0, cell=0, wave=0, keys=("k", "l", "m"), missing=(0, 2), seconds=None)
    assert RunBatch.of_json(batch.as_json()) == batch
    assert batch.left({"k"}) is not None and batch.left({"k"}).missing == (2,)  # type: ignore[union-attr]
    assert batch.left({"k", "m"}) is None
    assert [half.missing for half in batch.halves()] == [(0,), (2,)]
