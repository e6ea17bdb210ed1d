"""A demo that is killed at random moments and started again ends as one that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines.engines import models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not (models.POCKET / "teacher").is_dir(), reason="the pocket models are not bundled"),
]
_DEMO = [sys.executable, "-m", "sdc", "demo", "--quota", "8", "--format", "csv"]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "SDC_CALL_JOURNAL": str(folder / "journal.txt")}


def _demo(folder: Path) -> subprocess.Popen[str]:
    command = [*_DEMO, "--store", str(folder / "store.duckdb")]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment(folder)
    )


def _finish(folder: Path) -> str:
    process = _demo(folder)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


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
def test_kills_change_nothing(tmp_path: Path, num_kills: int) -> None:
    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    report = _finish(unbroken)

    rng = random.Random(20)
    kills, attempt = 0, 0
    while kills < num_kills:  # a demo that came through is compared, and the next one begins
        broken = tmp_path / f"broken-{attempt}"
        broken.mkdir()
        attempt += 1
        while kills < num_kills and _killed(broken, after_s=rng.uniform(0.5, 9.0)):
            kills += 1
        assert _finish(broken) == report
        assert _keys(broken) == _keys(unbroken)
        assert _content(broken) == _content(unbroken)
        asked = _asked(broken)
        assert len(asked) == len(set(asked)), "an answered call was asked again"
        assert set(asked) <= set(_asked(unbroken)), "a restarted run asked something else"
        _verify(broken)


def _killed(folder: Path, *, after_s: float) -> bool:
    """Starts the demo and kills it after a while; returns whether it was still running."""
    process = _demo(folder)
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


def _verify(folder: Path) -> None:
    command = [sys.executable, "-m", "sdc", "store", "verify", "--store", str(folder / "store.duckdb")]
    verified = subprocess.run(command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
