"""A job array from plan to collected store: elements that work, break off and are of other plans; what is refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slurm_commands import SlurmCommands

import sdc
from sdc.cache.store import Store
from sdc.cache.verify import verify
from sdc.errors import EngineError, SdcError, StoreError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.run import file
from sdc.pipelines.run.array import element, parts, slurm, submitting
from sdc.pipelines.run.array.element import ElementEnded, Shard
from sdc.pipelines.run.array.submitting import ArrayExperiment
from sdc.pipelines.run.folder import PlanFolder, Submitted
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

SMALL = """
name = "small"
[cells]
task = "topic"
lang = ["te", "sw"]
[data]
from = "bundled"
[sample]
source = "human"
sizes = ["10", "20", "30"]
repeats = 4
[[students]]
method = "linear"
"""
SITE = Site(name="there", executor="slurm", partition="gpu", elements=2, workers=1)


class Submitting:
    """A folder with an experiment, where it is submitted from."""

    def __init__(self, path: Path, slurm: SlurmCommands) -> None:
        self.path, self.slurm, self.said = path, slurm, list[str]()
        self.text = SMALL
        self.context = Context(store=Store(path / "store.duckdb"), say=self.said.append)

    def array(self, context: Context | None = None, site: Site = SITE, **how: Any) -> ArrayExperiment:
        (self.path / "mine.toml").write_text(self.text, "utf-8")
        experiment = file.load(str(self.path / "mine.toml"))
        return ArrayExperiment(context=context or self.context, experiment=experiment, site=site, **how)

    @property
    def folder(self) -> PlanFolder:
        return PlanFolder(self.context.store, experiments.look(self.context, self.array().experiment).digest)

    def element(self, number: int, of: int = 2, **how: Any) -> ElementEnded:
        """An element as its script starts it: with the file in the folder, and a store of its own."""
        context = Context(store=Store(self.folder.parts / f"{number}.duckdb"))
        experiment = file.load(str(self.folder.path / "mine.toml"))
        return element.run(context, experiment, Shard(element=number, elements=of), **how)

    def num_runs(self) -> int:
        return len(self.context.store.query("select key from runs"))


@pytest.fixture(scope="module")
def _rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan that is written: it takes longer to make than most tests."""
    path = tmp_path_factory.mktemp("rendered") / "there"
    path.mkdir()
    assert submitting.render(Submitting(path, SlurmCommands(path / "bin")).array()) is not None
    return path


@pytest.fixture
def place(tmp_path: Path, _rendered: Path, monkeypatch: pytest.MonkeyPatch) -> Submitting:
    shutil.copytree(_rendered, tmp_path, dirs_exist_ok=True)
    commands = SlurmCommands(tmp_path / "bin")
    monkeypatch.setenv("PATH", commands.path)
    monkeypatch.setattr(submitting, "_ASK_FIRST_S", 0.01)
    return Submitting(tmp_path, commands)


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
    collected = submitting.collect(place.context, place.array().experiment)
    assert (collected.doing.runs, collected.doing.num_made, collected.num_missing) == (16, 16, 0)
    twice = submitting.collect(place.context, place.array().experiment)
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
    assert "--export=HOME,PATH,SDC_SERVER,SDC_API_KEY,OPENAI_API_KEY" in text
    assert "me:secret@" in (place.slurm.folder / "server.txt").read_text()


def test_an_element_has_its_part_of_the_hours(place: Submitting) -> None:
    place.text = SMALL.replace("[[stud", "[stop]\nhours = 0.0\n[[stud")
    submitting.render(place.array())
    ended = place.element(1)
    assert (ended.num_missing, ended.doing.stopped) == (8, "the limit of 0 hours of work is reached")
    assert parts.all_of(place.folder)[0].ended == ended.doing.stopped


# -- what is refused -----------------------------------------------------------------------------------------------


def _without_slurm(place: Submitting) -> None:
    for name in ("sbatch", "scontrol", "squeue", "scancel"):
        (place.slurm.folder / name).unlink()
    os.environ["PATH"] = f"{place.slurm.folder}:/nowhere"  # monkeypatch puts the old one back


def _refused(place: Submitting) -> None:
    place.slurm.write(
        "refuses.txt", "sbatch: error: invalid partition specified: gpu\nsbatch: error: Batch job failed\n"
    )


def _asked(place: Submitting) -> None:
    place.text += '[[baselines]]\nmethod = "icl"\nmodel = "pocket-student"\nshots = 0\n'


def _nothing(place: Submitting) -> None:
    pass


def _no_plan(place: Submitting) -> None:
    (place.folder.path / "plan.json").unlink()


def _half_a_plan(place: Submitting) -> None:
    (place.folder.path / "plan.json").write_text('{"sdc"')


def _of_another_sdc(place: Submitting) -> None:
    plan = place.folder.path / "plan.json"
    plan.write_text(plan.read_text().replace(f'"sdc": "{sdc.__version__}"', '"sdc": "0.0.7"'))


def _another_file(place: Submitting) -> None:
    (place.folder.path / "mine.toml").write_text(SMALL + "c = 3.0\n")


def _no_seed(place: Submitting) -> None:
    (place.folder.path / "seed.duckdb").unlink()


def _part_of_another_plan(place: Submitting) -> None:
    place.folder.write("parts/1.json", '{"plan": "0123456789abcdef"}')
    shutil.copy(place.folder.path / "seed.duckdb", place.folder.parts / "1.duckdb")


def _part_of_no_plan(place: Submitting) -> None:
    place.folder.parts.mkdir()
    shutil.copy(place.folder.path / "seed.duckdb", place.folder.parts / "1.duckdb")


def _part_that_is_damaged(place: Submitting) -> None:
    digest = json.loads((place.folder.path / "plan.json").read_text())["plan"]
    place.folder.write("parts/1.json", json.dumps({"plan": digest}))
    (place.folder.parts / "1.duckdb").write_bytes(b"nothing like a store")


def _submit(place: Submitting) -> object:
    return submitting.run(place.array(), detach=True)


def _with_a_limit(place: Submitting) -> object:
    return submitting.run(
        place.array(context=Context(store=place.context.store, budget=Budget(max_calls=3))), detach=True
    )


def _collect(place: Submitting) -> object:
    return submitting.collect(place.context, place.array().experiment)


def _cancel(place: Submitting) -> object:
    return submitting.cancel(place.context, place.array().experiment)


def _work(place: Submitting) -> object:
    return place.element(1)


@pytest.mark.parametrize(
    "before, act, kind, said",
    [
        (_without_slurm, _submit, EngineError, "sbatch is not installed here; .*--render"),
        (_without_slurm, _cancel, EngineError, "sbatch is not installed here"),
        (_refused, _submit, EngineError, r"sbatch refuses it \(invalid partition specified: gpu\); check the site"),
        (_asked, _with_a_limit, UsageError, "--max-calls: the elements of a job array cannot share a limit"),
        (_nothing, _collect, UsageError, "there is nothing to collect"),
        (_nothing, _cancel, UsageError, "nothing was submitted for this plan"),
        (_nothing, lambda place: place.element(1, of=3), UsageError, "the plan has 2 elements, not 3"),
        (_no_plan, _work, UsageError, "this plan was never written; run `sdc run FILE` without --shard"),
        (_half_a_plan, _work, UsageError, "the plan is damaged"),
        (_of_another_sdc, _work, UsageError, r"planned by sdc 0\.0\.7, and this is .*; use one sdc everywhere"),
        (_another_file, _work, UsageError, "this machine plans other runs"),
        (_no_seed, _work, UsageError, "there is no store to begin with"),
        (_part_of_another_plan, _work, StoreError, "it is of another plan, 0123456789ab"),
        (_part_of_another_plan, _collect, StoreError, "it is of another plan, 0123456789ab"),
        (_part_of_no_plan, _collect, StoreError, "nothing beside it says of which plan it is"),
        (_part_that_is_damaged, _collect, StoreError, "not an sdc store"),
    ],
)
def test_what_cannot_be_is_one_line(
    place: Submitting,
    before: Callable[[Submitting], None],
    act: Callable[[Submitting], object],
    kind: type[SdcError],
    said: str,
) -> None:
    before(place)
    with pytest.raises(kind, match=said) as raised:
        act(place)
    assert "\n" not in str(raised.value)
    assert place.folder.submitted() == []


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "a/b", "1/2/3", "-1/2", "1/", "１/２", ""])
def test_no_shard(text: str) -> None:
    with pytest.raises(UsageError, match="is no K/N; write 3/8 for the third of eight"):
        Shard.parse(text)


def test_parts_of_other_plans_keep_no_part_of_this_one_back(place: Submitting) -> None:
    place.element(2)
    _part_of_another_plan(place)
    with pytest.raises(StoreError, match="another plan"):
        _collect(place)
    assert place.num_runs() == 8
    assert any(line.startswith("element 1: ") and "another plan" in line for line in place.said)


def test_the_second_of_two_arrays_is_refused_and_the_first_is_known(place: Submitting) -> None:
    place.slurm.write("max_array_size.txt", "1")
    sbatch = (place.slurm.folder / "sbatch").read_text()
    once = 'if [ "$(grep -c ^sbatch "$here/called.txt")" -gt 1 ]; then echo "sbatch: error: too many" >&2; exit 1; fi\n'
    (place.slurm.folder / "sbatch").write_text(re.sub(r"^if ", f"{once}if ", sbatch, count=1, flags=re.MULTILINE))
    with pytest.raises(EngineError, match=r"sbatch refuses it \(too many\)"):
        _submit(place)
    assert [each.job for each in place.folder.submitted()] == ["1"]


def test_only_what_is_at_work_is_cancelled(place: Submitting) -> None:
    _submit(place)
    assert submitting.cancel(place.context, place.array().experiment) == []
    place.slurm.write("queue.txt", "RUNNING None\n")
    (ended,) = submitting.cancel(place.context, place.array().experiment)
    assert isinstance(ended, Submitted) and ended.site == "there"
    assert place.slurm.called("scancel") == ["--quiet 1"]


def test_a_cluster_that_does_not_answer_for_a_moment_is_asked_again(
    place: Submitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    _submit(place)
    answers: list[Any] = [EngineError("no contact"), Counter({"running": 1}), EngineError("no contact"), Counter()]
    monkeypatch.setattr(slurm, "live", lambda folder: _raised(answers.pop(0)))
    submitting._wait(place.context, place.folder, experiments.look(place.context, place.array().experiment))
    assert answers == []
    monkeypatch.setattr(submitting, "_MISSED", 2)
    answers = [EngineError("no contact")] * 2
    with pytest.raises(EngineError, match="no contact"):
        submitting._wait(place.context, place.folder, experiments.look(place.context, place.array().experiment))


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_elements_that_left_runs_undone_are_named_with_what_the_accounting_says(place: Submitting) -> None:
    _submit(place)
    place.element(1)
    place.folder.write("parts/2.json", json.dumps({"plan": place.folder._plan, "ended": ""}))
    shutil.copy(place.folder.path / "seed.duckdb", place.folder.parts / "2.duckdb")
    place.slurm.write("accounting.txt", "1_0|COMPLETED\n1_1|OUT_OF_MEMORY\n1_[2-3%1]|PENDING\n")
    ended = submitting.collect(place.context, place.array().experiment)
    assert ended.num_missing == 8
    assert place.said[-1].startswith("1 element with runs missing: OUT_OF_MEMORY; see ")


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
    collected = submitting.collect(place.context, place.array().experiment)
    assert collected.num_missing == 0
    assert verify(place.context.store).faults == ()


def _limited(place: Submitting, kib: int) -> tuple[int, str]:
    """Runs element 1 where no file may have more kibibytes."""
    words = f"{sys.executable} -m sdc run mine.toml --shard 1/2 --store {place.folder.parts}/1.duckdb"
    ended = subprocess.run(
        ["bash", "-c", f"ulimit -f {kib}; exec {words}"], cwd=place.path, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stderr
