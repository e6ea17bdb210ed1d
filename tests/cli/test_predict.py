"""`sdc predict`: flags, formats, streams; exit codes and one line for what cannot work."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import program
import pytest
import trained
from trained import Trained

from sdc.cli import progress
from sdc.pipelines.students import LinearConfig


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained.make(tmp_path_factory.mktemp("linear"), LinearConfig())


@pytest.fixture
def run(first: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    made = trained.copy(first, tmp_path / "world")
    monkeypatch.setenv("SDC_STORE", str(made.world.store.path))
    return made


@pytest.fixture
def sdc(run: Trained) -> Callable[..., Any]:
    """Runs a command in this process, in the store of the run."""
    return lambda *arguments, stdin=None: program.sdc(arguments, stdin=stdin)


def test_json_lines_have_label_and_probabilities_for_every_row(run: Trained, sdc: Callable[..., Any]) -> None:
    result = sdc("predict", "--run", run.run.short, stdin="good film\n\nbad film\n")
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["idx"] for row in rows] == [0, 1, 2]
    assert [(row["text"], row["label"], row["reason"]) for row in rows] == [
        ("good film", "first", None), ("", None, "the text is empty"), ("bad film", "second", None),
    ]  # fmt: skip
    assert list(rows[0]["probabilities"]) == ["first", "second"]
    assert rows[0]["probability"] == max(rows[0]["probabilities"].values())
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (rows[1]["probability"], rows[1]["probabilities"]) == (None, None)
    assert result.stderr.splitlines()[-1] == (
        f"predict run {run.run.short}: 3 rows, 1 without a label (the text is empty 1)"
    )


def test_an_evaluation_names_its_run_and_files_go_by_their_suffix(
    run: Trained, sdc: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "texts.csv"
    file.write_text('id,text\n1,"bad, poor"\n2\n3,=good\n', "utf-8")
    result = sdc("predict", str(file), "--run", run.evaluation.short, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    header, *rows = list(csv.reader(io.StringIO(result.stdout)))
    assert header == ["idx", "text", "label", "probability", "reason", "p_first", "p_second"]
    assert [row[:3] for row in rows] == [["0", "bad, poor", "second"], ["1", "2", ""], ["2", "=good", "first"]]
    assert rows[1][3:] == ["", "line 3: 1 cell where the header has 2", "", ""]
    assert "1 without a label (1 cell where the header has 2 1)" in result.stderr


def test_it_says_how_far_it_is(
    run: Trained, sdc: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bytes of a file that are read; of a pipe nobody knows the end."""
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.0)
    file = tmp_path / "new.txt"
    file.write_text("good film\n" * 4)
    of_file = sdc("predict", str(file), "--run", run.run.short, "--batch-rows", "2").stderr
    assert re.findall(r"predict run \w+: (\d of \d rows)", of_file) == ["2 of 4 rows", "4 of 4 rows"]
    of_pipe = sdc("predict", "--run", run.run.short, stdin="good film\nbad film\n").stderr
    assert re.findall(r"predict run \w+: (2 rows)$", of_pipe, re.MULTILINE)


def test_labels_alone_are_one_line_per_row(run: Trained, sdc: Callable[..., Any]) -> None:
    result = sdc("predict", "-", "--run", run.run.short, "--format", "lines", stdin="good\n\nbad\n")
    assert result.stdout == "first\n\nsecond\n"


def test_no_rows_are_no_rows(run: Trained, sdc: Callable[..., Any]) -> None:
    result = sdc("predict", "--run", run.run.short, stdin="")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith(": 0 rows\n")


def test_weights_are_kept_if_asked(run: Trained, sdc: Callable[..., Any]) -> None:
    first = sdc("predict", "--run", run.run.short, "--keep-weights", stdin="good\n")
    assert "so it is fitted again" in first.stderr
    assert "--keep-weights" not in first.stderr
    second = sdc("predict", "--run", run.run.short, stdin="good\n")
    assert "fitted" not in second.stderr
    assert second.stdout == first.stdout
    assert sdc("store", "verify").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "exit_code", "message"),
    [
        ("", "a", 2, "say what classifies; give --run KEY, or --model FOLDER"),
        ("--run {run} --model x", "a", 2, "say what classifies"),
        ("--run {run} --onnx fp32", "a", 2, "--onnx says nothing without --model"),
        ("--run xyz", "a", 2, "'xyz' is not a key"),
        ("--run 0123456789ab", "a", 2, "no artifact 0123456789ab"),
        ("--run {sample}", "a", 2, "is of stage sample, wanted train or icl or eval"),
        ("--run {run} --format xml", "a", 2, "unknown format 'xml'"),
        ("--run {run} --input-format xml", "a", 2, "unknown format 'xml'"),
        ("--run {run} --text-column x", "a", 2, "plain lines have no columns"),
        ("--run {run} --batch-rows 0", "a", 2, "--batch-rows"),
        ("--run {run} --input-format csv", "a,b\n1,2\n", 2, "stdin: no text column among the columns 'a', 'b'"),
        ("--run {run} no.csv", None, 5, "no.csv: cannot read the file (no such file or directory)"),
        ("--run {run} no.xlsx", None, 2, "no.xlsx: the suffix '.xlsx' does not tell the format"),
        ("--run {run} .", None, 5, "this is a folder"),
        ("--run {run}", "text".encode("utf-16"), 5, "stdin: the input is UTF-16"),
        ("--run {run}", b"\x7fELF\0\0", 5, "stdin: the input is binary or UTF-16"),
        ("--run {run} --base pocket-student", "a", 2, "a linear run started from no model"),
        ("--model nowhere", "a", 2, "nowhere: the folder is no export (sdc.json is missing)"),
        ("--model nowhere --keep-weights", "a", 2, "--keep-weights says nothing without --run"),
    ],
)
def test_what_cannot_work_is_an_exit_code_and_a_line(
    run: Trained, sdc: Callable[..., Any], arguments: str, stdin: Any, exit_code: int, message: str
) -> None:
    words = arguments.format(run=run.run.short, sample=run.sample.short).split()
    result = sdc("predict", *words, stdin=stdin)
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    (line,) = result.stderr.splitlines()
    assert message in line


# -- a program of its own: streams -------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    """Returns the environment with buffers, as a user's shell has it: what is not flushed is not written."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@contextmanager
def _program(*arguments: str, **more: Any) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "sdc", "predict", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(), **more
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _resident_bytes(process: "subprocess.Popen[bytes]") -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.slow
def test_a_pipe_streams_in_bounded_memory(run: Trained) -> None:
    """Labels of the first rows are there before the rest is written, and 10,000 rows take no memory."""
    with _program("--run", run.run.short, "--format", "lines") as process:
        assert process.stdin is not None and process.stdout is not None

        def send(start: int, num: int) -> list[bytes]:
            """Writes rows and reads their labels, with the pipe still open."""
            assert process.stdin is not None and process.stdout is not None
            found = []
            for first in range(start, start + num, 32):
                process.stdin.write(b"".join(b"good film number %d\n" % i for i in range(first, first + 32)))
                process.stdin.flush()
                found += [process.stdout.readline() for _ in range(32)]
            return found

        assert send(0, 1024) == [b"first\n"] * 1024
        before = _resident_bytes(process)
        assert send(1024, 9984) == [b"first\n"] * 9984
        assert _resident_bytes(process) - before < 8 * 2**20
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_a_closed_pipe_is_quiet(run: Trained) -> None:
    command = f"yes good | {sys.executable} -m sdc predict --run {run.run.short} | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[1]}}"], capture_output=True, text=True, timeout=120
    )
    row, code = done.stdout.splitlines()
    assert (json.loads(row)["label"], code) == ("first", "141")
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_one_line(run: Trained) -> None:
    with _program("--run", run.run.short, "--format", "lines", "--batch-rows", "1") as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(b"bad\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"second\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.stderr.read().splitlines()[-1].startswith(b"sdc: stopped")
