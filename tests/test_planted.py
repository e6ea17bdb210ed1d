"""The benchmark of the judge: what it plants is an error, and its texts are its own."""

import importlib
import random
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.pocket.training import texts
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.similarity import jaccard, shingles

ROOT = Path(__file__).parent.parent


def _modules() -> tuple[ModuleType, ModuleType]:
    """Imports the benchmark as a script does: from its own folder."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("planted"), importlib.import_module("planted_rows")
    finally:
        sys.path.pop(0)


PLANTED: Any
ROWS: Any
PLANTED, ROWS = _modules()
TOPIC = tasks.load("topic")


def source(lang: str, words: str) -> Any:
    rows = [(f"{word} {words} number {i} of the day", i % 7) for i, word in enumerate(words.split() * 3)]
    return ROWS.Source(
        name="dev",
        cell=Cell(language=languages.load(lang), task=TOPIC),
        human=[(f"{words} {i} known to all the gates", i % 7) for i in range(10)],
        test=[],
        good=rows,
        clear=[(row, [(row[1] + 1) % 7]) for row in rows],
    )


@pytest.fixture
def kinds() -> dict[str, list[tuple[str, int]]]:
    own, other = source("sw", "moja mbili tatu nne tano sita saba"), source("en", "one two three four five six seven")
    planted: dict[str, list[tuple[str, int]]] = ROWS.plant(own, [other], random.Random(0), num=12)
    return planted


def test_every_kind_is_planted_and_no_row_is_as_it_was(kinds: dict[str, list[tuple[str, int]]]) -> None:
    good = set(source("sw", "moja mbili tatu nne tano sita saba").good)
    assert set(kinds.pop("good")) <= good
    assert set(kinds) == {
        "label", "language: sister", "language: other", "chatter: English", "chatter: own", "copy: exact", "copy: near",
        "leftover", "glued", "loop",
    }  # fmt: skip
    for kind, rows in kinds.items():
        assert len(rows) >= 5, kind
        assert not set(rows) & good, kind


def test_labels_are_swapped_for_one_that_is_plainly_wrong(kinds: dict[str, list[tuple[str, int]]]) -> None:
    right = dict(source("sw", "moja mbili tatu nne tano sita saba").good)
    assert all(label == (right[text] + 1) % 7 for text, label in kinds["label"])


def test_copies_are_of_human_rows(kinds: dict[str, list[tuple[str, int]]]) -> None:
    human = [text for text, _ in source("sw", "moja mbili tatu nne tano sita saba").human]
    assert all(text in human for text, _ in kinds["copy: exact"])
    for text, _ in kinds["copy: near"]:
        assert text not in human
        assert max(jaccard(shingles(text), shingles(other)) for other in human) > 0.6


def test_the_texts_in_other_languages_have_every_label() -> None:
    for name, by_language in ROWS.PLANTED["languages"].items():
        for tag, rows in by_language.items():
            assert tag not in texts.LANGUAGES
            assert tuple(rows) == tasks.load(name).label_names


def test_neither_gates_nor_training_know_what_is_planted() -> None:
    """Else the benchmark would measure what was learnt by heart."""
    folders = [ROOT / "pipelines" / name for name in ("pocket", "gates")]
    code = "".join(
        path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.*")) if path.is_file()
    )
    patterns = [pattern for patterns in ROWS.PLANTED["chatter"].values() for pattern in patterns]
    parts = [part.strip(" :.()") for pattern in patterns for part in re.split(r"\{\w+\}", pattern)]
    long = [part for part in parts if len(part) >= 20]
    assert len(long) > 40
    assert not [part for part in long if part in code]


def test_the_figures_count_rows_by_who_rejects_them() -> None:
    config, row = JudgeConfig(label_threshold=0.3), {"text": "a text", "label": 0}
    rows = [
        PLANTED.Judged(**row, gate="copy", p_label=0.9, p_yes=0.9, accepted=False),
        PLANTED.Judged(**row, gate=None, p_label=0.1, p_yes=0.9, accepted=False),
        PLANTED.Judged(**row, gate=None, p_label=0.9, p_yes=None, accepted=False),
        PLANTED.Judged(**row, gate=None, p_label=0.3, p_yes=0.5, accepted=True),
    ]
    assert PLANTED.shares(rows, config) == {"gates": 0.25, "label": 0.25, "yes/no": 0.25, "model": 0.5, "all": 0.75}
    assert PLANTED.shares(rows, JudgeConfig())["label"] == 0.0
