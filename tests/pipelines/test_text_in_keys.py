"""One text in two Unicode forms is two inputs: students read other n-grams in it, and models other tokens."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedEngine, World, add_data, obliging, world

from sdc.cache.key import digest
from sdc.pipelines import icl, sample, train
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.records.examples import draw_hash, mark
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.train import TrainConfig

_WORDS = (
    "caf\u00e9",
    "fa\u00e7ade",
    "na\u00efve",
    "\u00e9t\u00e9",
    "\u00fcber",
    "m\u00e4dchen",
    "\u00f1and\u00fa",
    "pi\u00f1a",
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path)


def _draws(small: World, form: str) -> list[Draw]:
    rows = [(unicodedata.normalize(form, f"{word} {i}"), i % 2) for i, word in enumerate(_WORDS)]  # type: ignore[arg-type]
    data = add_data(small.store, small.cell, rows)
    config = SampleConfig(source="human", sizes=("all",), repeats=1)
    return draws_of(small.context, small.get(sample.run(small.context, config, small.cell, examples=data)))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 300), st.lists(st.text("0123456789abcdef")))
def test_marks_and_hashes_of_draws_are_digests(text: str, label: int, marks: list[str]) -> None:
    """They are written without `digest`, which takes several times as long; other values would make all runs anew."""
    assert mark(text, label) == digest([text, label])
    assert draw_hash(marks) == digest(marks)


def test_two_forms_are_two_draws_two_runs_and_two_questions(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, answers = {}, {}
    for form in ("NFC", "NFD"):
        (draw,) = _draws(small, form)
        config = TrainConfig(student=LinearConfig())
        (runs[form],) = train.run(small.context, config, small.cell, draws=[draw], test=small.test)
        engine = ScriptedEngine(obliging).install(monkeypatch)
        shots = IclConfig(model=small.model, shots=1)
        (answers[form],) = icl.run(small.context, shots, small.cell, draws=[draw], test=small.test)
        assert len(engine.calls) == 6  # nothing comes from the replies to the other form
    assert not any(outcome.hit for outcome in (*runs.values(), *answers.values()))
    assert len({outcome.key for outcome in (*runs.values(), *answers.values())}) == 4


def test_composed_text_has_the_keys_it_had(small: World) -> None:
    (draw,) = _draws(small, "NFC")
    assert draw.draw == "09f6da8beb50cd6cea26b47426d2e59c9cc5be13d9bd9d4bccb43034bc747268"
    call = Call(prompt="caf\u00e9", choices=("\u00e9t\u00e9",), seed=3)
    assert (
        call.key({"model": "m", "revision": "r"}) == "5361a65fe7b142fcb058b8d826c0175f3a55c2e6ee0337fb52cda4fd35597f8c"
    )
    assert call.key({"model": "m"}) != Call(prompt="cafe\u0301", choices=("\u00e9t\u00e9",), seed=3).key({"model": "m"})
