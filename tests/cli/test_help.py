"""Help: flags in groups, the preset's values as defaults, the settings that a method has; flags of the environment."""

from collections.abc import Callable
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store

Invoke = Callable[..., Any]


def section(shown: str, heading: str) -> str:
    """Returns what stands below a heading of help."""
    below = shown.partition(f"\n{heading}:\n")[2].splitlines()
    return "\n".join(below[: next((n for n, line in enumerate(below) if not line.startswith(" ")), len(below))])


def test_flags_stand_in_groups(invoke: Invoke) -> None:
    """They stood in one list, 30 of them, those of the command among those of all commands."""
    shown = invoke("gen", "--help").stdout
    headings = [line for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        "Input:", "Texts:", "Model:", "Sampling:", "Settings:", "Limits:", "Store and output:", "Examples:",
    ]  # fmt: skip
    assert "[KEY]..." in section(shown, "Input") and "--lang" in section(shown, "Input")
    assert "--engine" in section(shown, "Model") and "--quota" not in section(shown, "Model")
    assert "--help" in section(shown, "Store and output")
    assert "Usage: sdc gen [OPTIONS] [KEY]...\n" in shown
    assert "Options:" in invoke("data", "--help").stdout


def test_the_presets_value_is_the_default(invoke: Invoke) -> None:
    def shown(*words: str) -> str:
        return " ".join(invoke(*words, "--help").stdout.split())

    usual = shown("gen")
    assert "--temperature X 0 is greedy. [0.7, preset sdc]" in usual
    assert "[both, preset sdc]" in usual and "[explanation, preset paper]" in shown("gen", "--preset", "paper")
    assert "so many tokens; all is kept. --max-cost" in usual  # a limit: the tokens of a reply are another flag
    assert "that accepts. [0.5]" in shown("judge")  # no preset has it: the stage's own default
    assert "[balanced, seeds+synthetic coverage, preset sdc]" in shown("sample")
    assert "unknown preset 'papr'" in invoke("gen", "--preset", "papr", "--help").stderr


def test_a_method_shows_its_own_settings(invoke: Invoke) -> None:
    every, lora = invoke("train", "--help").stdout, invoke("train", "--method", "lora", "--help").stdout
    assert "finetune has" in every and "--rank N" not in every
    assert "--rank N" in lora and "--epochs" not in lora and "finetune has" not in lora
    assert "[3e-05, preset sdc]" in lora
    assert "--model" not in invoke("train", "--method", "linear", "--help").stdout.partition("Examples:")[0]


def test_the_environment_stands_for_flags_that_are_not_given(
    invoke: Invoke, chain: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDC_LANG", "id,sw")
    monkeypatch.setenv("SDC_TASK", "topic")
    monkeypatch.setenv("SDC_MODEL", "no-such-model")
    said = invoke("gen", "--dry-run").stderr
    assert said.startswith("sdc gen: --lang from $SDC_LANG, --task from $SDC_TASK, --model from $SDC_MODEL\n")
    assert "id/topic, sw/topic" in said
    explicit = invoke("gen", "--lang", "en", "--dry-run").stderr
    assert "--lang from" not in explicit and "en/topic" in explicit


def test_the_environment_narrows_no_keys(
    invoke: Invoke, chain: dict[str, Artifact], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDC_LANG", "sw")
    shown = invoke("data", "show", chain["data"].key)
    assert shown.exit_code == 0, shown.stderr
    assert "SDC_LANG" not in shown.stderr


def test_the_version_has_a_short_flag(invoke: Invoke) -> None:
    assert invoke("-V").stdout == invoke("--version").stdout != ""


def test_no_line_ends_within_a_flag(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in range(60, 101, 8):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = invoke("train", "--help").stdout.splitlines()
        assert not [line for line in lines if line.endswith("-")]
        assert "--warmup-steps" in "".join(lines) and "\u2011" not in "".join(lines)
