"""The forks that tests run in place of the program end as it does: code, streams, signals, pipes, killed callers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import waiting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_WAITS = "import pathlib, signal\npathlib.Path('begun').touch()\nsignal.pause()\n"


def _waiting(folder: Path, warm: Path) -> "subprocess.Popen[str]":
    (folder / "waits.py").write_text(_WAITS)
    process = subprocess.Popen([warm / "python", "waits.py"], cwd=folder, stderr=subprocess.PIPE, text=True)
    waiting.until((folder / "begun").exists, process)
    return process


@pytest.mark.parametrize("command", ["sdc --version", "sdc store ls", "sdc nothing", "sdc eval --lang xx | cat >&2"])
def test_a_command_is_as_the_real_one(tmp_path: Path, warm: Path, command: str) -> None:
    shared = {**os.environ, "SDC_STORE": "a folder/x.duckdb", "COLUMNS": "80"}
    ended = []
    for programs in (warm, Path(sys.executable).parent):
        env = {**shared, "PATH": f"{programs}:{os.environ['PATH']}"}
        words = ["bash", "-o", "pipefail", "-c", command]
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, check=False)
        ended.append((done.returncode, done.stdout, done.stderr))
    assert ended[0] == ended[1]


def test_folder_streams_and_environment_are_the_callers(tmp_path: Path, warm: Path) -> None:
    code = "import os, sys\nprint(os.getcwd(), sys.argv[1:], os.environ.get('A'), sys.stdin.read())\nsys.exit('é')\n"
    (tmp_path / "says.py").write_text(code, "utf-8")
    words = [str(warm / "python"), "says.py", "b c"]
    done = subprocess.run(words, cwd=tmp_path, env={"A": "x"}, input="ఒ", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{tmp_path} ['b c'] x ఒ\n", "é\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(tmp_path: Path, warm: Path, number: signal.Signals) -> None:
    process = _waiting(tmp_path, warm)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in stderr) == (number == signal.SIGINT)


def test_a_fork_is_killed_with_its_caller(tmp_path: Path, warm: Path) -> None:
    process = _waiting(tmp_path, warm)
    process.kill()
    process.communicate(timeout=30)  # stderr ends with who last had it: the fork


def test_a_caller_ends_as_a_fork_that_is_killed(tmp_path: Path, warm: Path) -> None:
    (tmp_path / "dies.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    done = subprocess.run([warm / "python", "dies.py"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, b"")


def test_a_reader_that_leaves_ends_the_writer(tmp_path: Path, warm: Path) -> None:
    (tmp_path / "writes.py").write_text("while True:\n    print('y' * 1000)\n")
    command = f"'{warm}/python' writes.py | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "y" * 1000 + "\n"
    assert "BrokenPipeError" in done.stderr
