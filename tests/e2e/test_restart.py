"""A demo that is killed at random moments and started again ends as one that nobody disturbed."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines.engines import models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not (models.POCKET / "teacher").is_dir(), reason="the pocket models are not bundled"),
]
#: Three labels of a task that the pocket teacher knows: all that the demo does, in a third of its time.
_TASK = """
name = "errands"
text_type = "intent recognition"
instruction = "Determine topic of the sentence using the following options: {options}. Use only these options."

[[labels]]
name = "alarm query"

[[labels]]
name = "cooking recipe"

[[labels]]
name = "weather query"
"""
_CELL = ["--lang", "te", "--task", "errands"]
_REAL = [sys.executable, "-m", "sdc"]


def _started(program: list[str], folder: Path) -> subprocess.Popen[str]:
    command = [*program, "demo", *_CELL, "--quota", "8", "--format", "csv", "--store", str(folder / "store.duckdb")]
    environment = {**os.environ, "SDC_CALL_JOURNAL": str(folder / "journal.txt")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def _finish(program: list[str], folder: Path) -> str:
    process = _started(program, folder)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


@pytest.fixture
def data(tmp_path: Path, warm: Path) -> Path:
    """The folder of a store with the examples of that task."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "errands.toml").write_text(_TASK, "utf-8")
    labels = re.findall('^name = "(.* .*)"$', _TASK, re.M)
    for split, most in (("train", 100), ("test", 60)):
        lines = (models.POCKET / "examples" / f"intent-te-{split}.jsonl").read_text("utf-8").splitlines()
        few = [line for line in lines[:most] if json.loads(line)["label"] in labels]
        (folder / f"{split}.jsonl").write_text("\n".join(few), "utf-8")
        words = ["data", "add", f"{split}.jsonl", "--lang", "te", "--task", "./errands.toml", "--split", split]
        subprocess.run([warm / "sdc", *words, "--store", "store.duckdb"], cwd=folder, capture_output=True, check=True)
    return folder


def _keys(folder: Path) -> set[str]:
    return {row[0] for row in Store(folder / "store.duckdb").query("select key from artifacts")}


def _content(folder: Path) -> list[tuple[object, ...]]:
    """What the demo made, without times: texts, verdicts, outputs and metrics."""
    store = Store(folder / "store.duckdb")
    return [
        *store.query("select key, idx, text, status, reason from examples order by key, idx"),
        *store.query("select key, idx, accepted, reason from verdicts order by key, idx"),
        *store.query("select key, idx, scores::varchar, reply from outputs order by key, idx"),
        *store.query("select key, metric, value, low, high from metrics order by key, metric"),
    ]


@pytest.mark.parametrize("num_kills", [1, pytest.param(10, marks=pytest.mark.campaign)])
def test_kills_change_nothing(tmp_path: Path, data: Path, warm: Path, num_kills: int) -> None:
    unbroken = Path(shutil.copytree(data, tmp_path / "unbroken"))
    begun = time.monotonic()
    report = _finish([str(warm / "sdc")], unbroken)
    seconds = time.monotonic() - begun

    rng = random.Random(20)
    kills, attempt = 0, 0
    while kills < num_kills:  # a demo that came through is compared, and the next one begins
        broken = Path(shutil.copytree(data, tmp_path / f"broken-{attempt}"))
        attempt += 1
        while kills < num_kills and _killed([str(warm / "sdc")], broken, after_s=rng.uniform(0.05, 0.95) * seconds):
            kills += 1
        assert _finish(_REAL, broken) == report  # in another order of sets, and with imports of its own
        assert _keys(broken) == _keys(unbroken)
        assert _content(broken) == _content(unbroken)
        asked = _asked(broken)
        assert len(asked) == len(set(asked)), "an answered call was asked again"
        assert set(asked) <= set(_asked(unbroken)), "a restarted run asked something else"
        verify = [str(warm / "sdc"), "store", "verify", "--store", str(broken / "store.duckdb")]
        verified = subprocess.run(verify, capture_output=True, text=True, check=False)
        assert verified.returncode == 0, verified.stderr


def _killed(program: list[str], folder: Path, *, after_s: float) -> bool:
    """Starts the demo and kills it after a while; returns whether it was still running."""
    process = _started(program, folder)
    try:
        process.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    return process.wait() == -signal.SIGKILL


def _asked(folder: Path) -> list[str]:
    return [json.loads(line) for line in (folder / "journal.txt").read_text().splitlines()]
