"""`sdc run` on a site with SLURM, as a person types it: exit codes, lines, flags that exclude each other."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from experiment_files import small
from slurm_commands import SlurmCommands
from waiting import until

SMALL = small(lang='"te"', sizes='"10"', repeats=2)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmCommands:
    (tmp_path / "sites.toml").write_text('[there]\nexecutor = "slurm"\npartition = "gpu"\nmax_tasks = 3\n')
    (tmp_path / "mine.toml").write_text(SMALL)
    monkeypatch.setenv("SDC_SITES", str(tmp_path / "sites.toml"))
    monkeypatch.chdir(tmp_path)
    found = SlurmCommands(tmp_path / "bin")
    monkeypatch.setenv("PATH", found.path)
    return found


def test_from_submission_to_the_collected_store(commands: SlurmCommands, invoke: Callable[..., Any]) -> None:
    shown = invoke("run", "mine.toml", "--on", "there", "--dry-run")
    assert (shown.exit_code, "there: a job array of 1 element of 04:00:00, at most 3 at once" in shown.stderr) == (
        0,
        True,
    )
    shown = invoke("run", "mine.toml", "--on", "there", "--render")
    assert shown.exit_code == 0
    script = Path(shown.stdout.strip())
    assert script.name == "array.sh" and "#SBATCH --partition=gpu" in script.read_text()
    assert f"submit it with: sbatch --parsable --array=0-0%3 {script} 0" in shown.stderr
    assert commands.called("sbatch") == []
    shown = invoke("run", "mine.toml", "--on", "there", "--detach")
    assert (shown.exit_code, "submitted array 1: 1 element on there" in shown.stderr) == (6, True)
    commands.write("queue.txt", "RUNNING None\n")
    shown = invoke("run", "mine.toml", "--status")
    assert (shown.exit_code, "elements: 1 running; --collect takes over" in shown.stderr) == (6, True)
    part = script.parent / "parts" / "1.duckdb"
    shown = invoke("run", str(script.parent / "mine.toml"), "--shard", "1/1", "--store", str(part))
    assert (shown.exit_code, "element 1/1: 2 runs, 0 were there, 2 made, 0 missing" in shown.stderr) == (0, True)
    shown = invoke("run", "mine.toml", "--collect")
    assert (shown.exit_code, len(shown.stdout.split())) == (0, 2)
    shown = invoke("run", "mine.toml", "--cancel")
    assert (shown.exit_code, "array 1 on there is cancelled" in shown.stderr) == (0, True)
    shown = invoke("run", "mine.toml", "--on", "there", "--render")
    assert (shown.exit_code, "a job array is at work on this plan" in shown.stderr) == (2, True)
    (commands.folder / "queue.txt").unlink()
    shown = invoke("run", "mine.toml", "--on", "there", "--render")
    assert (shown.exit_code, shown.stdout, "nothing is missing" in shown.stderr) == (0, "", True)


def test_of_two_who_submit_at_the_same_moment_one_does_and_the_other_waits_for_that(commands: SlurmCommands) -> None:
    sbatch = (commands.folder / "sbatch").read_text()
    slow = f'touch "$here/begun"; timeout 60 cat "$here/go_on"; {_RUNNING}\n'
    commands.write("sbatch", sbatch.replace("grep -c", f"{slow}grep -c"))
    os.mkfifo(commands.folder / "go_on")
    with _submission("first") as first:
        until((commands.folder / "begun").exists, first)
        with _submission("second") as second:
            until(lambda: "another sdc plans or submits this just now" in Path("second.txt").read_text(), second)
            (commands.folder / "go_on").write_text("")
            assert (first.wait(60), second.wait(60)) == (6, 6)
    assert len(commands.called("sbatch")) == 1
    assert "submitted array" in Path("first.txt").read_text()
    assert "submitted array" not in Path("second.txt").read_text()


#: What squeue says from now on.
_RUNNING = 'echo "RUNNING None" >"$here/queue.txt"'


def _submission(name: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "sdc", "run", "mine.toml", "--on", "there", "--detach", "--store", "store.duckdb"]
    with Path(f"{name}.txt").open("wb") as said:
        return subprocess.Popen(words, stderr=said, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "flags, said",
    [
        ("--shard 1/1", "--shard says nothing without --store"),
        ("--shard 1/1 --store a.duckdb --on there", "exclude each other"),
        ("--shard 1/1 --store a.duckdb --collect", "exclude each other"),
        ("--collect --cancel", "exclude each other"),
        ("--collect --retry-failed", "exclude each other"),
        ("--on there --render --detach", "exclude each other"),
        ("--on there --render --dry-run", "exclude each other"),
        ("--detach", "local is no site with SLURM"),
        ("--render", "local is no site with SLURM"),
        ("--shard one --store a.duckdb", "'one' is no K/N"),
    ],
)
def test_flags_that_say_nothing_together(
    commands: SlurmCommands, invoke: Callable[..., Any], flags: str, said: str
) -> None:
    shown = invoke("run", "mine.toml", *flags.split())
    assert (shown.exit_code, said in shown.stderr, shown.stderr.count("\n")) == (2, True, 1), shown.stderr
    assert not Path("a.duckdb").exists()
