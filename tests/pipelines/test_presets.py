"""Presets: every setting of a preset is a field of its stage."""

from dataclasses import fields
from typing import Any

import pytest

from sdc.errors import UsageError
from sdc.pipelines import presets
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.sample.config import SampleConfig


def test_there_are_three() -> None:
    assert presets.names() == ["code", "paper", "sdc"]
    assert presets.DEFAULT in presets.names()


@pytest.mark.parametrize("name", ["", "Paper", "../presets/paper", "none", "x" * 5000])
def test_an_unknown_preset_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="unknown preset"):
        presets.load(name, "gen")


@pytest.mark.parametrize("name", ["code", "paper", "sdc"])
def test_their_settings_are_valid_configs(name: str) -> None:
    stages: tuple[tuple[str, type[Any]], ...] = (
        ("gen", GenConfig),
        ("judge", JudgeConfig),
        ("sample", SampleConfig),
        ("icl", IclConfig),
    )
    for section, config in stages:
        settings = presets.load(name, section)
        of_sources = settings.pop("sources", {}) if section == "sample" else {}
        for own in ({}, *({"source": source, **more} for source, more in of_sources.items())):
            both = {**settings, **own}
            assert set(both) <= {field.name for field in fields(config)}
            config(**{key: tuple(value) if isinstance(value, list) else value for key, value in both.items()})


def test_given_flags_win_and_false_and_zero_are_given() -> None:
    assert presets.merged({"a": 1, "b": 2}, a=0, b=None, c=False) == {"a": 0, "b": 2, "c": False}


def test_a_section_that_a_preset_lacks_is_empty() -> None:
    assert presets.load("paper", "no", "such") == {}


def test_the_sizes_of_the_code_are_those_of_its_script() -> None:
    paper, code = (presets.load(name, "sample", task="intent")["sizes"] for name in ("paper", "code"))
    assert paper == code
    assert presets.load("paper", "sample", task="topic")["sizes"] == paper
    topic = presets.load("code", "sample", task="topic")
    assert topic["sizes"] == [*paper[: paper.index("1000") + 1], "1200", "1400"]
    assert topic["repeats"] == 20
