"""Flags that contradict each other or would say nothing are refused, with one line that names them."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from sdc.cli.flags import RULES
from sdc.cli.main import application

_CELL = "--lang te --task topic"
_MODEL = ("--model x", "--threshold 0.5", "--label-threshold 0.5", "--votes 3", "--temperature 0.5", "--judge-all",
          "--engine vllm", "--server http://x/v1", "--engine-arg concurrency=3", "--batch-size 3", "--max-calls 3",
          "--max-tokens 3", "--max-cost 3", "--prices p.toml")  # fmt: skip
_REFUSED = [
    *((f"judge {_CELL} --gates-only {flag}", flag, "--gates-only") for flag in _MODEL),
    *((f"judge {_CELL} --review-sheet x.html {flag}", flag, "--review-sheet") for flag in _MODEL),
    *((f"judge --review-import x.json {flag}", flag, "--review-import")
      for flag in (*_MODEL, "--gates", "--preset sdc")),
    (f"judge {_CELL} --gates-only --no-gates", "--gates-only", "--no-gates"),
    (f"judge {_CELL} --judge-all --no-gates", "--judge-all", "--no-gates"),
    (f"judge {_CELL} --temperature 0.5", "--temperature", "--votes"),
    (f"judge {_CELL} --temperature 0.5 --votes 1", "--temperature", "--votes"),
    ("judge --review-import x.json --seed 3", "--seed", "--review-import"),
    (f"judge {_CELL} --review-sheet x.html --review-import x.json", "--review-sheet", "--review-import"),
    (f"judge {_CELL} --reviewer Ana", "--reviewer", "--review-sheet or --review-import"),
    (f"judge {_CELL} --sample-size 3", "--sample-size", "--review-sheet"),
    *((f"{stage} {_CELL} --force --dry-run", "--force", "--dry-run")
      for stage in ("gen", "judge", "sample", "train", "icl", "eval")),
    (f"gen {_CELL} --rounds 3", "--rounds", "--until-accepted"),
    (f"gen {_CELL} --judge-model x", "--judge-model", "--until-accepted"),
    (f"gen {_CELL} --temperature 0 --top-p 0.5", "--top-p", "--temperature 0"),
    (f"train {_CELL} --hpo-scope all", "--hpo-scope", "--hpo"),
    (f"train {_CELL} --init-seed 3", "--init-seed", "linear"),
    (f"train {_CELL} --method linear --order-seed 3", "--order-seed", "linear"),
    (f"train {_CELL} --method finetune --no-early-stopping --patience 3", "--patience", "--no-early-stopping"),
    (f"train {_CELL} --method lora --no-early-stopping --eval-steps 3", "--eval-steps", "--no-early-stopping"),
    (f"icl {_CELL} --shots 2 --select 0,2", "--select", "--shots"),
    (f"icl {_CELL} --dev-rows 5", "--dev-rows", "--select"),
    (f"icl {_CELL} --shots 0 --shot-strategy nearest", "--shot-strategy", "--shots 0"),
    (f"icl {_CELL} --shots 0 --source human", "--source", "--shots 0"),
    (f"icl {_CELL} --shots 0 --sizes 10", "--sizes", "--shots 0"),
    (f"icl {_CELL} --reply-tokens 5", "--reply-tokens", "--decoding generate"),
    (f"icl {_CELL} --preset paper --decoding scores --reply-tokens 5", "--reply-tokens", "--decoding generate"),
    *((f"{stage} {_CELL} --server http://x/v1 --engine {engine}", "--server", "this engine runs models itself")
      for stage in ("gen", "judge", "icl --shots 0") for engine in ("transformers", "vllm")),
    ("eval abcdef --all", "--all", "KEY"),
    ("report abcdef --all", "--all", "KEY"),
    *((f"report --audit {flag}", flag, "--audit")
      for flag in ("--by lang", "--metric accuracy", "--reference x", "--generator x", "--reader strict")),
    ("report --csv-safe", "--csv-safe", "--format csv"),
    ("report --csv-safe --format json", "--csv-safe", "--format csv"),
    ("predict --run abcdef --csv-safe", "--csv-safe", "--format csv"),
    ("predict --run abcdef --onnx fp32", "--onnx", "--model"),
    *((f"predict --model x {flag}", flag, "--run")
      for flag in ("--keep-weights", "--engine vllm", "--server http://x/v1", "--engine-arg concurrency=3")),
    ("store sql select --csv-safe", "--csv-safe", "--format csv"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "flag", "other"), _REFUSED, ids=[line for line, _, _ in _REFUSED])
def test_refused(invoke: Callable[..., Any], line: str, flag: str, other: str) -> None:
    result = invoke(*line.split())
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert re.fullmatch(r"sdc: sdc [^\n]*; drop [^\n]*\n|sdc: sdc [^\n]*; add that, [^\n]*\n", result.stderr)
    assert f" {flag.split()[0]} " in result.stderr
    assert other in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        f"judge {_CELL} --temperature 0.5 --votes 3",
        f"judge {_CELL} --gates-only --gates",
        f"gen {_CELL} --top-p 0.5",
        f"icl {_CELL} --preset paper --reply-tokens 5",
        f"icl {_CELL} --select 0,2 --dev-rows 5 --sizes 10",
        f"icl {_CELL} --shots 0 --dry-run",
        f"train {_CELL} --method finetune --hpo 2 --hpo-scope all",
        f"train {_CELL} --method finetune --init-seed 3",
        f"gen {_CELL} --server http://127.0.0.1:9/v1 --engine openai --dry-run",
        "report --all",
        f"eval {_CELL} --all",
        "report --audit --format csv --csv-safe",
        f"judge {_CELL} --force",
        f"sample {_CELL} --dry-run --json",
    ],
)
def test_not_refused(invoke: Callable[..., Any], line: str) -> None:
    result = invoke(*line.split())
    assert "says nothing" not in result.stderr
    assert "exclude each other" not in result.stderr


def test_rules_name_flags_that_exist() -> None:
    from typer.main import get_command

    root: Any = get_command(application())
    for path, rules in RULES.items():
        command = root
        for word in path.split():
            command = command.commands[word]
        known = {parameter.name for parameter in command.params}
        for rule in rules:
            assert {*rule.flags, *rule.without, *rule.beside} <= known, path
            assert rule.without or rule.beside or (rule.when is not None and rule.why)
