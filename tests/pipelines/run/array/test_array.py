"""A job array from plan to collected store: elements that work, break off and are of other plans; what is refused."""

import json
import time
from pathlib import Path

import pytest
from array_place import SMALL, Submitting

from sdc.cache.store import Store
from sdc.cache.verify import verify
from sdc.errors import UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.run.array import collecting, parts, slurm, submitting
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


def test_what_is_rendered_is_the_plan_its_shares_and_the_seed_and_nothing_is_submitted(place: Submitting) -> None:
    names = {path.name for path in place.folder.path.iterdir()}
    assert {"plan.json", "mine.toml", "seed.duckdb", "array.sh", "logs"} <= names
    plan = json.loads((place.folder.path / "plan.json").read_text())
    assert sorted(len(shard) for shard in plan["shards"]) == [2, 2]
    assert place.slurm.called("sbatch") == []
    seed = Store(place.folder.path / "seed.duckdb")
    assert verify(seed).faults == ()
    assert {stage for (stage,) in seed.query("select stage from artifacts")} == {"data", "sample"}
    assert seed.query("select count(*) from runs") == [(0,)]
    files = {row[0] for row in place.context.store.query("select digest from file_digests")}
    assert {row[0] for row in seed.query("select digest from file_digests")} == files


def test_elements_make_all_runs_and_the_store_is_as_from_one_machine(place: Submitting, tmp_path: Path) -> None:
    for number in (1, 2):
        ended = place.element(number)
        assert (ended.runs, ended.there, ended.num_missing) == (8, 0, 0)
    again = place.element(1)
    assert (again.runs, again.there, again.doing.num_made) == (8, 8, 0)
    collected = collecting.collect(place.context, place.array().experiment)
    assert (collected.doing.runs, collected.doing.num_made, collected.num_missing) == (16, 16, 0)
    twice = collecting.collect(place.context, place.array().experiment)
    assert (twice.doing.there, twice.doing.num_made) == (16, 0)
    assert place.said[-1] == "collected 2 parts: 0 new artifacts"
    assert verify(place.context.store).faults == ()

    alone = Context(store=Store(tmp_path / "alone.duckdb"))
    experiments.run(alone, place.array().experiment, Site(workers=1))
    for sql in ("select run, metric, value from metrics order by all", "select key from artifacts order by key"):
        assert place.context.store.query(sql) == alone.store.query(sql)


def test_what_was_made_is_collected_and_what_is_missing_is_submitted(place: Submitting) -> None:
    place.element(1)
    ended = submitting.run(place.array(), detach=True)
    assert (ended.doing.num_made, ended.num_missing) == (8, 8)
    assert [job.elements for job in place.folder.submitted()] == [2]
    plan = json.loads((place.folder.path / "plan.json").read_text())
    there = {row[0] for row in place.context.store.query("select key from runs")}
    missing = {batch["keys"][position] for batch in plan["batches"] for position in batch["missing"]}
    assert len(missing) == 8 and not missing & there
    assert place.element(2).num_missing == place.element(1).num_missing == 0
    ended = submitting.run(place.array(), detach=False)
    assert ended.num_missing == 0
    assert len(place.slurm.called("sbatch")) == 1


def test_a_run_on_this_machine_takes_over_what_a_cancelled_array_has_made(place: Submitting) -> None:
    submitting.run(place.array(), detach=True)
    place.element(1)
    ended = experiments.run(place.context, place.array().experiment, Site(workers=1))
    assert (ended.doing.there, ended.doing.num_made, ended.num_missing) == (8, 8, 0)
    assert "collected 1 part: 16 new artifacts" in place.said  # runs and their evaluations
    assert len(place.context.store.query("select distinct run from metrics")) == 16
    assert verify(place.context.store).faults == ()


def test_an_array_that_is_at_work_is_waited_for_and_not_submitted_twice(place: Submitting) -> None:
    submitting.run(place.array(), detach=True)
    place.slurm.write("queue.txt", "RUNNING None\nPENDING Resources\nPENDING Resources\n")
    ended = submitting.run(place.array(), detach=True)
    assert ended.num_missing == 16
    assert len(place.slurm.called("sbatch")) == 1
    assert slurm.in_words(slurm.live(place.folder)) == "elements: 2 pending (Resources), 1 running"
    for act in (
        lambda: experiments.run(place.context, place.array().experiment, Site(workers=1)),
        lambda: submitting.render(place.array()),
    ):
        with pytest.raises(UsageError, match="a job array is at work on this plan"):
            act()


def test_who_stops_waiting_hears_that_the_array_goes_on(place: Submitting, monkeypatch: pytest.MonkeyPatch) -> None:
    place.slurm.write("queue.txt", "RUNNING None\n")

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stop)
    with pytest.raises(KeyboardInterrupt):
        submitting.run(place.array(), detach=False)
    assert place.said[-1] == "run small: the array goes on; --cancel ends it"


def test_more_elements_than_an_array_may_have_are_several_arrays_one_after_another(place: Submitting) -> None:
    place.slurm.write("max_array_size.txt", "2")
    site = Site(name="there", executor="slurm", partition="gpu", elements=3, max_tasks=2)
    submitting.run(place.array(site=site), detach=True)
    script = place.folder.path / "array.sh"
    assert place.slurm.called("sbatch") == [
        f"--parsable --array=0-1%2 {script} 0",
        f"--parsable --array=0-0%2 --dependency=afterany:1 {script} 2",
    ]
    assert [(each.job, each.first, each.elements) for each in place.folder.submitted()] == [("1", 0, 2), ("2", 2, 1)]


def test_the_server_of_a_command_goes_through_the_environment(place: Submitting) -> None:
    engine = EngineOptions(engine="openai", server="http://me:secret@127.0.0.1:8000/v1", concurrency=4)
    submitting.run(place.array(context=Context(store=place.context.store, engine=engine)), detach=True)
    text = (place.folder.path / "array.sh").read_text()
    assert "secret" not in text and "--engine openai --engine-arg concurrency=4" in text
    assert "--export=HOME,PATH,SDC_PRICES,SDC_SERVER,SDC_API_KEY,OPENAI_API_KEY" in text
    assert "me:secret@" in (place.slurm.folder / "server.txt").read_text()


def test_elements_spare_repeats_of_points_that_are_known_and_so_does_the_plan_of_what_is_missing(
    place: Submitting,
) -> None:
    place.text = SMALL.replace("repeats = 4", "repeats = 6").replace("[[stud", "[stop]\nhalf_width = 50.0\n[[stud")
    submitting.run(place.array(), detach=True)
    for number in (1, 2):
        ended = place.element(number)
        assert (ended.doing.num_made, ended.doing.num_spared, ended.num_missing) == (10, 2, 0)
        assert parts.all_of(place.folder)[number - 1].ended == parts.WHOLE
    collected = submitting.run(place.array(), detach=False)
    assert (collected.doing.num_made, collected.doing.num_spared, collected.num_missing) == (20, 4, 0)
    assert len(place.slurm.called("sbatch")) == 1


def test_an_element_has_its_part_of_the_hours(place: Submitting) -> None:
    place.text = SMALL.replace("[[stud", "[stop]\nhours = 0.0\n[[stud")
    submitting.render(place.array())
    ended = place.element(1)
    assert (ended.num_missing, ended.doing.stopped) == (8, "the limit of 0 hours of work is reached")
    assert parts.all_of(place.folder)[0].ended == ended.doing.stopped
