"""The script of a job array: what stands in it, and what it does with signals, in a real shell."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from slurm_commands import SlurmCommands
from waiting import until

from sdc.errors import UsageError
from sdc.pipelines.run.array.script import ArrayScript
from sdc.pipelines.run.sites import Site

SITE = Site(
    name="lumi", executor="slurm", partition="gpu", account="project 1", time="02:00:00", max_tasks=2,
    setup=("module load apptainer", "export A=1"), env=("HF_TOKEN",), options=("--gres=gpu:1",),
)  # fmt: skip


def _script(tmp_path: Path, site: Site = SITE) -> ArrayScript:
    return ArrayScript(
        name="my paper", file=tmp_path / "plan" / "mine.toml", folder=tmp_path / "plan", place=tmp_path, elements=5,
        site=site, flags=["--set", "sample.source=human synthetic"], env=["SDC_PAPER_DATA"],
    )  # fmt: skip


def test_the_script_says_all_that_sbatch_needs_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    monkeypatch.setenv("SDC_PAPER_DATA", "/data/of/the/paper")
    text = _script(tmp_path).text()
    for line in (
        "#SBATCH --job-name=sdc-my-paper",
        "#SBATCH --partition=gpu",
        '#SBATCH --account="project 1"',
        "#SBATCH --time=02:00:00",
        f"#SBATCH --chdir={tmp_path}",
        "#SBATCH --export=HOME,PATH,SDC_PRICES,HF_TOKEN,SDC_PAPER_DATA",
        "#SBATCH --signal=B:USR1@180",
        "#SBATCH --open-mode=append",
        "#SBATCH --requeue",
        "#SBATCH --gres=gpu:1",
        "module load apptainer",
        "set -u",
    ):
        assert line in text.splitlines()
    assert "hf_very_secret" not in text and "/data/of/the/paper" not in text
    assert f"{sys.executable} -m sdc" in text
    assert "--set 'sample.source=human synthetic'" in text
    assert '--shard "$element/5" --store "$parts/$element.duckdb"' in text
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0


def test_an_image_takes_the_place_of_this_python(tmp_path: Path) -> None:
    text = _script(tmp_path, replace(SITE, image="/images/my sdc.sif")).text()
    assert f"apptainer exec --nv --bind {tmp_path / 'plan'} '/images/my sdc.sif' sdc" in text
    assert sys.executable not in text


def test_a_line_break_in_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line break"):
        replace(_script(tmp_path), folder=tmp_path / "a\nb").text()


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"env": ("HF_TOKEN=hf_very_secret",)}, "something else than names"),
        ({"options": ("--array=0-9",)}, "sdc writes that itself"),
        ({"options": ("--export ALL",)}, "sdc writes that itself"),
        ({"options": ("gpu",)}, "no further option of sbatch"),
        ({"setup": ("a\nb",)}, "line break"),
        ({"time": "soon"}, "'soon' is no time"),
        ({"time": "00:09:59"}, "'00:09:59' is too short"),
        ({"max_tasks": 0}, "max_tasks = 0"),
        ({"elements": -1}, "elements = -1"),
    ],
)
def test_what_is_wrong_with_a_site_is_said_before_anything_is_written(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        replace(SITE, **wrong)  # type: ignore[arg-type]
    assert "hf_very_secret" not in str(raised.value)


# -- in a shell ----------------------------------------------------------------------------------------------------


@pytest.fixture
def element(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Element":
    return Element(tmp_path, monkeypatch)


class Element:
    """The script in a shell, with a program in the place of sdc that notes how it was called."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.slurm = path, SlurmCommands(path / "bin")
        (path / "plan").mkdir()
        self._monkeypatch = monkeypatch

    def start(self, code: str, *, first: str = "", **environment: str) -> "subprocess.Popen[bytes]":
        program = self.path / "program"
        program.write_text(f'#!/bin/bash\n{first}\necho "$@" >>{self.path}/words.txt\n{code}\n')
        program.chmod(0o755)
        self._monkeypatch.setattr(sys, "executable", str(program))
        (self.path / "array.sh").write_text(_script(self.path, replace(SITE, setup=())).text())
        known = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "PATH": self.slurm.path}
        return subprocess.Popen(
            ["bash", str(self.path / "array.sh"), "2"], env={**os.environ, **known, **environment}, cwd=self.path
        )

    def begun(self, process: "subprocess.Popen[bytes]") -> None:
        until((self.path / "words.txt").exists, process)

    @property
    def words(self) -> str:
        return (self.path / "words.txt").read_text()

    @property
    def requeued(self) -> list[str]:
        return self.slurm.called("scontrol")


_STOPS = "trap 'echo stopped >>words.txt; kill $!; exit 130' TERM"
_SLEEPS = "sleep 60 & wait $!"


def test_an_element_is_the_index_after_those_of_earlier_arrays(element: Element) -> None:
    assert element.start("exit 0").wait() == 0
    assert f"--shard 4/5 --store {element.path}/plan/parts/4.duckdb" in element.words
    assert element.requeued == []


@pytest.mark.parametrize("code", [3, 6, 130])
def test_an_exit_code_is_that_of_the_element(element: Element, code: int) -> None:
    assert element.start(f"exit {code}").wait() == code
    assert element.requeued == []


def test_before_its_time_is_up_an_element_is_stopped_and_waits_for_its_turn_again(element: Element) -> None:
    process = element.start(_SLEEPS, first=_STOPS)
    element.begun(process)
    process.send_signal(signal.SIGUSR1)
    assert process.wait() == 0
    assert element.words.splitlines()[-1] == "stopped"
    assert element.requeued == ["requeue 7_1"]


def test_a_cancelled_element_is_stopped_and_does_not_come_again(element: Element) -> None:
    process = element.start(_SLEEPS, first=_STOPS)
    element.begun(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    assert element.words.splitlines()[-1] == "stopped"
    assert element.requeued == []


def test_a_killed_element_comes_again_and_not_for_ever(element: Element) -> None:
    element.start("kill -9 $$").wait()
    assert element.requeued == ["requeue 7_1"]
    assert element.start("kill -9 $$", SLURM_RESTART_COUNT="3").wait() == 137
    assert element.requeued == ["requeue 7_1"]
    assert element.start("kill -TERM $$").wait() == 143  # cancelled while it began
    assert element.requeued == ["requeue 7_1"]
