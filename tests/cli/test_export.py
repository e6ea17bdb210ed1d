"""`sdc export`: the folder on stdout, and what cannot be exported; `sdc predict --model` reads it without a store."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import program
import pytest
import trained
from trained import Trained

from sdc.pipelines.students import LinearConfig


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained.make(tmp_path_factory.mktemp("linear"), LinearConfig(), keep_weights=True)


@pytest.fixture
def sdc(run: Trained, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("SDC_STORE", str(run.world.store.path))
    return lambda *arguments, stdin=None: program.sdc(arguments, stdin=stdin)


def test_the_folder_answers_as_the_run_and_needs_no_store(
    run: Trained, sdc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "place" / "out"
    made = sdc("export", "--run", run.evaluation.short, "--out", str(out))
    assert (made.exit_code, made.stdout) == (0, f"{out}\n"), made.stderr
    assert f"export {run.run.short}: linear, " in made.stderr
    texts = "good film\n\nvery bad\n"
    expected = sdc("predict", "--run", run.run.short, stdin=texts).stdout
    monkeypatch.setenv("SDC_STORE", str(tmp_path / "none.duckdb"))
    found = sdc("predict", "--model", str(out), stdin=texts)
    assert (found.exit_code, found.stdout) == (0, expected), found.stderr
    assert not (tmp_path / "none.duckdb").exists()
    assert sdc("predict", "--model", str(out), "--base", "x", stdin=texts).exit_code == 2


def test_json_says_what_was_made(run: Trained, sdc: Callable[..., Any], tmp_path: Path) -> None:
    made = sdc("export", "--run", run.run.short, "--out", str(tmp_path / "out"), "--json")
    found = json.loads(made.stdout)
    assert (found["key"], found["method"], found["out"]) == (run.run.artifact.key, "linear", str(tmp_path / "out"))
    assert found["bytes"] == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ("--out x", 2, "missing option '--run'"),
        ("--run {run}", 2, "missing option '--out'"),
        ("--run {sample} --out x", 2, "is of stage sample, wanted train or icl or eval"),
        ("--run 0123456789ab --out x", 2, "no artifact 0123456789ab"),
        ("--run {run} --out x --onnx", 2, "method linear has no ONNX form"),
        ("--run {run} --out . --force", 2, "the folder is no earlier export"),
        ("--run {run} --out /proc/sdc", 3, "cannot write the folder"),
    ],
)
def test_what_cannot_be_exported_is_an_exit_code_and_a_line(
    run: Trained, sdc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: str, exit_code: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("keep me")
    result = sdc("export", *arguments.format(run=run.run.short, sample=run.sample.short).split())
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
