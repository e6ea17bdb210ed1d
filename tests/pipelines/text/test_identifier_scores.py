"""Scores of many texts at once: to the last bit those of the library."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.pipelines.text import identifier_scores
from sdc.pipelines.text.identifier_scores import model, scores

TEXTS = st.lists(
    st.text(max_size=40) | st.sampled_from(["Das ist ein Satz", "ఇది ఒక వాక్యం", "una frase", ""]), max_size=20
)


@settings(deadline=None)  # the first one loads the model
@given(TEXTS)
def test_scores_are_those_of_the_library(texts: list[str]) -> None:
    found = scores(texts)
    assert found.shape == (len(texts), len(model().nb_classes))
    same = {second for _, second in model()._alias_pairs}  # which the library sets to the lowest number there is
    for text, row in zip(texts, found.tolist(), strict=True):
        expected = model()._decide(text).tolist()
        assert [s for k, s in enumerate(row) if k not in same] == [s for k, s in enumerate(expected) if k not in same]


def test_long_texts_and_several_rounds_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"Satz Nummer {i} von {i * 7}, und noch {'mehr ' * (i % 13)}" for i in range(40)]
    whole = scores(texts)
    monkeypatch.setattr(identifier_scores, "_AT_ONCE", 7)
    monkeypatch.setattr(identifier_scores, "_LONG_BYTES", 60)
    assert (scores(texts) == whole).all()
    monkeypatch.setattr(identifier_scores, "_FEW", 1000)
    assert (scores(texts) == whole).all()
