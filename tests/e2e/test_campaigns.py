"""The first tries of the campaigns in `benchmarks/`: kills, files that are nearly right, servers that misbehave."""

import importlib
import random
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sdc.pipelines.engines import models

ROOT = Path(__file__).parents[2]


def _module(name: str) -> ModuleType:
    """Imports a benchmark as a script does: from its own folder."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not (models.POCKET / "teacher").is_dir(), reason="the pocket models are not bundled")
@pytest.mark.parametrize(
    "campaign",
    [
        "kills.py --count 3 --signal KILL,INT --cold 0.3 --stages 'data add,gen' --folder {}",
        "fuzz.py --count 10 --folder {}",
        "faults.py --count 1",
    ],
)
def test_the_first_tries(tmp_path: Path, warm: Path, campaign: str) -> None:
    name, *options = shlex.split(campaign.format(shlex.quote(str(tmp_path / "work"))))
    command = [str(warm / "python"), str(ROOT / "benchmarks" / name), "--seed", "8", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\n|---") == 1  # it comes to its table


@pytest.mark.parametrize("change", ["damaged", "json_changed", "json_lines_changed", "toml_changed"])
def test_a_seed_gives_the_same_changes(change: str) -> None:
    function = getattr(_module("fuzz_bytes"), change)
    content = b'{"a": [1, {"b": "c"}], "d": 2}\ne = 3\n'
    made = [function(content, random.Random(seed)) for seed in range(50)]
    assert made == [function(content, random.Random(seed)) for seed in range(50)]
    assert len(set(made)) > 15
    assert content not in made[:3]


@pytest.mark.parametrize(
    ("code", "stderr", "fault"),
    [
        (0, "3 rows\n", None),
        (5, "a note\nsdc: x.csv: no rows; add some\n", None),
        (None, "", "it hangs"),
        (1, "Traceback (most recent call last):\nValueError\n", "exit code 1"),
        (-11, "", "exit code -11"),
        (5, "sdc: x.csv: no rows\n", "an error is one line"),
        (5, "sdc: a: b; c\nsdc: a: b; c\n", "an error is one line"),
        (0, "sdc: a: b; c\n", "the exit code is 0"),
        (5, "sdc: \x1b[31mx: no rows; add some\n", "acts on a terminal"),
        (5, "sdc: \u202ex: no rows; add some\n", "acts on a terminal"),
    ],
)
def test_what_the_fuzzer_calls_a_fault(code: int | None, stderr: str, fault: str | None) -> None:
    ended = _module("forked").Ended(code=code, stdout="", stderr=stderr, seconds=0.1)
    found = _module("fuzz").judged(ended, as_data=True)
    assert (fault is None and found == []) or (fault is not None and any(fault in line for line in found)), found
