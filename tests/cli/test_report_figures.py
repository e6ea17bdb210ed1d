"""`sdc report figures` as it is typed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from paper_claims import XLM_R
from paper_store import PaperGrid, fill

Invoke = Callable[..., Any]


@pytest.fixture
def filled(store: Any) -> None:
    fill(store.path, PaperGrid(repeats=2, sizes=(50, 400), cells=(("te", "topic"), ("sw", "topic")), models=(XLM_R,)))


@pytest.mark.usefixtures("filled")
def test_it_prints_the_files_and_says_what_is_missing(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "drawn"
    done = invoke("report", "figures", "--out", str(out), "--format", "svg", "--only", "2,7,table-2")
    assert done.exit_code == 0, done.output
    names = ["figure-2.svg", "figure-2.csv", "table-2.md", "table-2.csv", "table-2.tex"]
    assert done.stdout.splitlines() == [str(out / name) for name in names]
    assert "figure-7 is not drawn: no differences to a generator of a Qwen model" in done.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted(names)


@pytest.mark.usefixtures("filled")
def test_languages_can_be_chosen(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("report", "figures", "--lang", "sw", "--out", str(tmp_path), "--format", "svg", "--only", "figure-2")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "figure-2.csv").read_text("utf-8")
    assert "medium-resource: sw" in text and "low-resource" not in text


def test_a_wrong_band_is_refused_before_anything_is_read(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("report", "figures", "--band", "sd", "--out", str(tmp_path / "out"))
    assert done.exit_code == 2 and "unknown band 'sd'" in done.stderr
    assert not (tmp_path / "out").exists()
