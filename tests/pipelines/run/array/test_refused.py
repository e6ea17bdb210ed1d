"""What a job array refuses, and what it keeps of what went wrong: each is one line with the right exit code."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from array_place import SMALL, Submitting

import sdc
from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, StoreError, UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.models import POCKET
from sdc.pipelines.run import file
from sdc.pipelines.run.array import collecting, element, parts, slurm, submitting
from sdc.pipelines.run.array.element import Shard
from sdc.pipelines.run.folder import Submitted
from sdc.pipelines.stage import Context


def _without_slurm(place: Submitting) -> None:
    for name in ("sbatch", "scontrol", "squeue", "scancel"):
        (place.slurm.folder / name).unlink()
    _search_only(place)


def _search_only(place: Submitting) -> None:
    """No SLURM of this machine is found instead."""
    os.environ["PATH"] = f"{place.slurm.folder}:/nowhere"  # monkeypatch puts the old one back


def _refused(place: Submitting) -> None:
    place.slurm.write(
        "refuses.txt", "sbatch: error: invalid partition specified: gpu\nsbatch: error: Batch job failed\n"
    )


def _no_id(place: Submitting) -> None:
    (place.slurm.folder / "sbatch").write_text("#!/bin/sh\necho Welcome to the cluster\n")


def _no_program(place: Submitting) -> None:
    (place.slurm.folder / "sbatch").write_text("#!/no/such/interpreter\n")
    _search_only(place)


def _no_contact(place: Submitting) -> None:
    silent = 'echo "scontrol: error: Unable to contact slurm controller (connect failure)" >&2; exit 1\n'
    (place.slurm.folder / "scontrol").write_text(f"#!/bin/sh\n{silent}")


def _no_folder(place: Submitting) -> None:
    path = place.folder.path
    shutil.rmtree(path)
    path.write_text("a file where the folder of the plan should be")


def _model_is_gone(place: Submitting) -> None:
    model = place.path / "model"
    shutil.copytree(POCKET / "student", model)
    place.text += f'[[students]]\nmethod = "finetune"\nmodel = "{model}"\n'
    assert submitting.render(place.array()) is not None
    shutil.rmtree(model)


def _work_as_before(place: Submitting) -> object:
    """An element of the one plan that is there, whose models need not be."""
    (folder,) = (path for path in place.folder.path.parent.iterdir() if "finetune" in (path / "mine.toml").read_text())
    context = Context(store=Store(folder / "parts" / "1.duckdb"))
    return element.run(context, file.load(str(folder / "mine.toml")), Shard(element=1, elements=2))


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
    return collecting.collect(place.context, place.array().experiment)


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
        (_no_id, _submit, EngineError, r"sbatch gave no id \(Welcome to the cluster\); see `squeue`"),
        (_no_program, _submit, EngineError, r"sbatch cannot be run \(No such file or directory\); check the"),
        (_no_contact, _submit, EngineError, r"scontrol refuses it \(Unable to contact slurm controller"),
        (_no_folder, _submit, StoreError, r"cannot write it \(.*\); free some space"),
        (_model_is_gone, _work_as_before, UsageError, "there is no folder .*; elements need the models, too"),
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
    kind: type[SdcError] | tuple[type[SdcError], ...],
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
    ended = collecting.collect(place.context, place.array().experiment)
    assert ended.num_missing == 8
    assert place.said[-1].startswith("1 element with runs missing: OUT_OF_MEMORY; see ")


def test_turns_that_go_by_without_a_run_do_not_go_on_for_ever(
    place: Submitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        hours = 0.0

        def monotonic(self) -> float:
            self.hours += self.turn
            return 3600 * self.hours

        turn = 0.1

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    clock = Clock()
    with monkeypatch.context() as patched:
        patched.setattr(element, "_worked", stopped)
        patched.setattr(element, "time", clock)
        for turn, fruitless in ((0.1, 0), (3.0, 1), (3.0, 2), (0.1, 2), (3.0, 3)):  # hours of four
            clock.turn = turn
            with pytest.raises(KeyboardInterrupt):
                place.element(1)
            (part,) = parts.all_of(place.folder)
            assert (part.ended, part.fruitless) == ("stopped", fruitless)
    with pytest.raises(EngineError, match=r"in 3 turns of 04:00:00 no run came to its end; give the site more time"):
        place.element(1)
    assert place.element(1).num_missing == 0  # whoever submits it again is believed
    assert parts.all_of(place.folder)[0].fruitless == 0
