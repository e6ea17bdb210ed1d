"""docs/guide.md, followed to the letter: its files are saved, its commands run, in order, in an empty folder."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
_BLOCK = re.compile(r"^```(\w+) (guide|file=\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _blocks() -> list[tuple[str, str]]:
    """Returns (`guide` or `file=NAME`, text) of the marked blocks, in order."""
    return [(mark, text) for _, mark, text in _BLOCK.findall((ROOT / "docs" / "guide.md").read_text("utf-8"))]


def test_the_guide_can_be_followed(tmp_path: Path, warm: Path) -> None:
    # `sdc` is what the guide types, so it must be on the PATH whatever environment runs the tests.
    environment = {**os.environ, "PATH": f"{warm}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("SDC_STORE", None)
    for mark, text in _blocks():
        if mark != "guide":
            (tmp_path / mark.removeprefix("file=")).write_text(text, "utf-8")
            continue
        script = f"set -euo pipefail\n{text}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    report = (tmp_path / "results.csv").read_text("utf-8")
    for method in ("linear", "finetune", "icl"):
        assert method in report


def test_the_guide_has_files_and_commands() -> None:
    marks = [mark for mark, _ in _blocks()]
    assert marks[:3] == ["file=bus-desk.toml", "file=train.csv", "file=test.csv"]
    assert marks.count("guide") > 8
