"""What might never end (pipes that nobody writes into, devices, numbers beyond use) is refused in a line, at once."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_CELL = ("--lang", "te", "--task", "topic")
_HUGE = str(10**23)
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes with names of every sort of file."""
    monkeypatch.chdir(tmp_path)
    for suffix in ("csv", "tsv", "jsonl", "json", "parquet", "toml", "txt", "duckdb", "html"):
        os.mkfifo(f"pipe.{suffix}")


@pytest.mark.usefixtures("pipe", "chain")
@pytest.mark.parametrize(
    "words",
    [
        *(
            ("data", "add", f"pipe.{suffix}", *_CELL, "--split", "train")
            for suffix in ("csv", "tsv", "jsonl", "parquet")
        ),
        ("data", "add", "--paper", "pipe.txt"),
        ("data", "fetch", "--from", "pipe.txt", *_CELL),
        ("gen", "--lang", "te", "--task", "pipe.toml"),
        ("gen", "--lang", "te", "--task", "/dev/zero"),
        ("gen", *_CELL, "--prices", "pipe.toml", "--dry-run"),
        ("gen", *_CELL, "--prices", "/dev/zero", "--dry-run"),
        ("judge", "--review-import", "pipe.json"),
        ("judge", "--review-import", "/dev/zero"),
        ("judge", *_CELL, "--review-sheet", "pipe.html"),
        ("icl", *_CELL, "--model", "./pipe.txt", "--shots", "0"),
        ("predict", "pipe.txt", "--run", "{train}"),
        ("predict", "pipe.csv", "--model", "pipe.txt"),
        ("predict", "/dev/zero", "--run", "{train}"),
        ("export", "--run", "{train}", "--out", "pipe.txt"),
        ("report", "data", *_CELL, "--out", "pipe.html"),
        ("store", "ls", "--store", "pipe.duckdb"),
        ("store", "verify", "--store", "/dev/zero"),
        ("store", "merge", "pipe.duckdb"),
        ("store", "merge", "/dev/zero"),
    ],
    ids=" ".join,
)
def test_pipes_and_devices(chain: Any, invoke: Callable[..., Any], words: tuple[str, ...]) -> None:
    result = invoke(*(chain["train"].key if word == "{train}" else word for word in words))
    _is_refused(result)


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(
    "words",
    [
        ("sample", *_CELL, "--source", "human", "--repeats", _HUGE),
        ("sample", *_CELL, "--source", "human", "--sizes", _HUGE),
        ("sample", *_CELL, "--seed", _HUGE),
        ("train", *_CELL, "--repeats", _HUGE),
        ("train", *_CELL, "--sizes", _HUGE),
        ("train", *_CELL, "--seed", _HUGE),
        *(
            ("train", *_CELL, "--method", "finetune", flag, _HUGE)
            for flag in (
                "--epochs",
                "--batch-size",
                "--max-length",
                "--patience",
                "--hpo",
                "--dropout",
                "--learning-rate",
                "--warmup",
            )
        ),
        *(
            ("train", *_CELL, "--method", "lora", flag, _HUGE)
            for flag in ("--steps", "--rank", "--alpha", "--pack", "--eval-steps", "--warmup-steps")
        ),
        *(
            ("gen", *_CELL, flag, _HUGE)
            for flag in (
                "--quota",
                "--num-texts",
                "--num-seeds",
                "--temperature",
                "--top-p",
                "--repetition-penalty",
                "--reply-tokens",
                "--batch-size",
                "--seed",
            )
        ),
        ("gen", *_CELL, "--rounds", _HUGE, "--until-accepted"),
        *(("judge", *_CELL, flag, _HUGE) for flag in ("--votes", "--threshold", "--label-threshold", "--batch-size")),
        ("judge", *_CELL, "--review-sheet", "x.html", "--sample-size", _HUGE),
        ("icl", *_CELL, "--shots", _HUGE),
        ("icl", *_CELL, "--select", _HUGE),
        ("icl", *_CELL, "--select", "0,2", "--dev-rows", _HUGE),
        ("icl", *_CELL, "--decoding", "generate", "--reply-tokens", _HUGE),
        ("predict", "--run", "abcd", "--batch-rows", _HUGE),
        ("store", "ls", "--limit", _HUGE),
        ("gen", *_CELL, "--engine-arg", f"concurrency={_HUGE}"),
        ("gen", *_CELL, "--engine-arg", f"timeout_s={_HUGE}"),
        ("gen", *_CELL, "--engine-arg", "timeout_s=nan"),
    ],
    ids=" ".join,
)
def test_huge_numbers_end(invoke: Callable[..., Any], words: tuple[str, ...]) -> None:
    result = invoke(*words, *(["--dry-run"] if words[0] not in ("predict", "store") else []))
    assert result.exit_code in (0, 2, 4, 5), (result.exit_code, result.stderr, result.exception)
    assert result.exit_code == 0 or re.fullmatch(r"sdc: \S[^\n]*; \S[^\n]*", result.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:99999/v1",
        "http://localhost:-1/v1",
        "http://[::1/v1",
        "http://localhost:80a/v1",
        "http://",
        "http://:80",
        "http://localhost:0",
        "ftp://localhost/v1",
        "localhost:80",
    ],
)
def test_servers_that_there_cannot_be(invoke: Callable[..., Any], url: str) -> None:
    result = invoke("gen", *_CELL, "--model", "x/y", "--engine", "openai", "--server", url)
    _is_refused(result)
    assert result.exit_code == 2
    assert "--server" in result.stderr


def _is_refused(result: Any) -> None:
    assert result.exit_code in (2, 3, 5), (result.exit_code, result.stderr, result.exception)
    assert re.fullmatch(r"sdc: \S[^\n]*; \S[^\n]*", result.stderr.splitlines()[-1])
