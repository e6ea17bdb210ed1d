"""`--track`: what a tracker hears of runs. The libraries are small modules with the documented calls."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sdc.pipelines.engines import models

Invoke = Callable[..., Any]
CELL = ("--lang", "te", "--task", "topic")
TRAIN = ("train", *CELL, "--sizes", "20")
_NOTE = """
import json
def note(*words):
    with open(FILE, "a") as file:
        file.write(json.dumps(words) + "\\n")
"""
_LIBRARIES = {
    "wandb": '''
class Settings:
    def __init__(self, *, silent, console, disable_git, disable_code, x_disable_meta, x_disable_stats,
                 x_disable_machine_info, x_save_requirements): pass
class Run:
    def __init__(self): self.summary = {}
    def log(self, data, step=None): note("point", step, data)
    def finish(self, exit_code=None): note("end", exit_code == 0, self.summary)
def init(*, project, name, group, config, reinit, settings):
    assert reinit == "create_new" and isinstance(settings, Settings)
    print("wandb: hello")
    note("begin", project, name, config)
    return Run()
''',
    "mlflow": '''
import entities, sys, types
sys.modules["mlflow.entities"] = entities
class _Info: run_id = "1"
class _Run: info = _Info()
class MlflowClient:
    def create_run(self, experiment_id, start_time=None, tags=None, run_name=None):
        assert experiment_id == "7"
        self.name = run_name
        return _Run()
    def log_batch(self, run_id, metrics=(), params=(), tags=(), synchronous=None):
        assert run_id == "1"
        if params:
            note("begin", "sdc", self.name, dict(params))
        steps = {}
        for key, value, timestamp, step in metrics:
            assert timestamp > 1e12
            steps.setdefault(step, {})[key] = value
        self.final = {}
        for step, values in steps.items():
            self.final = {k: v for k, v in values.items() if k.startswith("final/")}
            if not self.final:
                note("point", step, values)
    def set_terminated(self, run_id, status=None, end_time=None): note("end", status == "FINISHED", self.final)
class _Experiment: experiment_id = "7"
def set_experiment(experiment_name=None, experiment_id=None): print("hello"); return _Experiment()
''',
    "trackio": '''
from contextvars import ContextVar
current = ContextVar("current", default=None)
class Run:
    def log(self, metrics, step=None):
        self.final = {k: v for k, v in metrics.items() if k.startswith("final/")}
        if not self.final:
            note("point", step, metrics)
    def finish(self): note("end", self.final.pop("final/failed") == 0, self.final)
def init(project, name=None, group=None, config=None, embed=True, auto_log_gpu=None, auto_log_cpu=None):
    assert not embed and auto_log_gpu is False and auto_log_cpu is False
    assert current.get() is None, "the run before is ended when another begins"
    current.set(Run())
    print("* hello")
    note("begin", project, name, config)
    return current.get()
''',
}  # fmt: skip
_ENTITIES = """
from collections import namedtuple
Metric = namedtuple("Metric", "key value timestamp step")
Param = namedtuple("Param", "key value")
"""


@pytest.fixture
def sampled(invoke: Invoke) -> None:
    for split in ("train", "test"):
        file = models.POCKET / "examples" / f"topic-te-{split}.jsonl"
        assert invoke("data", "add", str(file), *CELL, "--split", split).exit_code == 0
    assert invoke("sample", *CELL, "--source", "human", "--sizes", "20", "--repeats", "2").exit_code == 0


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[[], list[Any]]]]:
    """Returns what installs a library, which returns what reads its notes."""
    folder, notes = tmp_path / "libraries", tmp_path / "notes"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def of(name: str, more: str = "") -> Callable[[], list[Any]]:
        for module in (name, "entities", "mlflow.entities"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        (folder / "entities.py").write_text(_ENTITIES)
        (folder / f"{name}.py").write_text(f"FILE = {str(notes)!r}\n{_NOTE}{_LIBRARIES[name]}{more}")
        return lambda: [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []

    yield of
    for module in (*_LIBRARIES, "entities", "mlflow.entities"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", list(_LIBRARIES))
def test_a_run_without_steps_is_told_with_its_settings_and_its_end(
    invoke: Invoke, sampled: None, install: Callable[..., Any], name: str
) -> None:
    notes = install(name)
    done = invoke(*TRAIN, "--track", name)
    assert done.exit_code == 0, done.stderr
    keys = done.stdout.split()
    assert len(keys) == 2  # and nothing that the library printed
    begun = [note for note in notes() if note[0] == "begin"]
    assert [(project, run) for _, project, run, _ in begun] == [
        ("sdc", f"te/topic linear human 20 {repeat} {key}") for repeat, key in enumerate(keys)
    ]
    about = begun[1][3]
    told = {"key": keys[1], "lang": "te", "method": "linear", "source": "human", "size": "20", "rows": 14, "repeat": 1}
    assert {known: str(about[known]) for known in told} == {known: str(value) for known, value in told.items()}
    assert "definition" not in about  # the task's texts
    ends = [note for note in notes() if note[0] == "end"]
    assert [ok for _, ok, _ in ends] == [True, True]
    assert all(final["final/seconds"] > 0 for _, _, final in ends)

    again = invoke(*TRAIN, "--track", name)
    assert again.stdout == done.stdout and len([note for note in notes() if note[0] == "begin"]) == 2
    assert "2 runs already there, so not tracked" in again.stderr


def test_steps_are_told_with_loss_rate_and_held_out_rows(
    invoke: Invoke, sampled: None, install: Callable[..., Any]
) -> None:
    notes = install("wandb")
    quick = ("--method", "finetune", "--epochs", "1", "--batch-size", "7", "--repeats", "1")
    assert invoke(*TRAIN, *quick, "--track", "wandb").exit_code == 0
    points = [(step, values) for what, step, values in (note[:3] for note in notes()) if what == "point"]
    steps = [(step, values) for step, values in points if "loss" in values]
    assert [step for step, _ in steps] == [1, 2]
    assert all(values["loss"] > 0 and values["learning_rate"] > 0 for _, values in steps)


def test_a_tracker_that_is_not_there_is_said_before_any_work(invoke: Invoke, sampled: None, store: Any) -> None:
    refused = invoke("train", "--track", "wandb", *CELL)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--track: wandb is not installed; `pip install wandb`" in refused.stderr
    unknown = invoke("run", "laptop", "--track", "mlflo")
    assert unknown.exit_code == 2 and "did you mean 'mlflow'?" in unknown.stderr
    assert store.query("select count(*) from runs") == [(0,)]


def test_a_tracker_that_takes_no_run_stops_and_one_that_breaks_off_does_not(
    invoke: Invoke, sampled: None, install: Callable[..., Any]
) -> None:
    notes = install("trackio", "def init(**_): raise OSError('no way to http://me:secret@host/')\n")
    refused = invoke(*TRAIN, "--track", "trackio")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "begins no run (no way to http://host/)" in refused.stderr and notes() == []

    notes = install("wandb", "def broken(*_, **__): raise OSError('gone')\nRun.finish = broken\n")
    done = invoke(*TRAIN, "--track", "wandb")
    assert len(done.stdout.split()) == 2 and len(notes()) == 1
    assert done.stderr.count("wandb takes no more (gone); the fits go on without it") == 1
