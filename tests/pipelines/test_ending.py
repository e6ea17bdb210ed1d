"""A program ends with its exit code, when all that is registered for the end is done and nothing is taken apart."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
from sdc.pipelines import ending
import atexit, sys

class Module:
    def __del__(self):
        print("taken apart")

def program():
    global module
    module = Module()
    atexit.register(print, "registered later", end=" ")
    print("done", end=" ")
    {end}

ending.AtOnce().run(program)
"""


def _ended(end: str, stdout: int = subprocess.PIPE) -> "subprocess.CompletedProcess[str]":
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-c", _PROGRAM.format(end=end)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=buffered, text=True, check=False)


@pytest.mark.parametrize(
    ("end", "code", "says"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('a reason')", 1, "a reason"),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_the_exit_code_is_that_of_the_program(end: str, code: int, says: str) -> None:
    ended = _ended(end)
    assert (ended.returncode, ended.stdout) == (code, "done registered later ")
    assert says in ended.stderr
    assert bool(ended.stderr) == bool(says)


def test_what_could_not_be_written_is_a_failure() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        assert _ended("pass", stdout=full.fileno()).returncode == 120
