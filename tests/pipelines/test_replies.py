"""From a generator's reply to texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines import replies


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ("", []),
        ("---", []),
        ("one", ["one"]),
        ("one\n---\ntwo", ["one", "two"]),
        ("one --- two ------ three", ["one", "two", "three"]),
        ("---\none\n---\n\n---\ntwo\n---", ["one", "two"]),
        ("one\n—\ntwo\n ––– \nthree", ["one", "two", "three"]),
        ("one — with a dash\n---\ntwo", ["one — with a dash", "two"]),
        ("one\ntwo\n\nthree", ["one", "two", "three"]),
        ("one\nmore of one\n---\ntwo", ["one\nmore of one", "two"]),
        ("1. one\n2) two\n(3) three\n4: four", ["one", "two", "three", "four"]),
        ('"one"\n---\n“two”\n---\n„three“\n---\n«four»', ["one", "two", "three", "four"]),
        ('"one" and "two"', ['"one" and "two"']),
        ("2024 was a year", ["2024 was a year"]),
        ("7 o'clock", ["7 o'clock"]),
    ],
)
def test_a_reply_is_split_at_its_separators(reply: str, texts: list[str]) -> None:
    assert replies.split(reply) == texts


@given(st.text())
def test_no_text_is_empty_or_has_space_around_it(reply: str) -> None:
    for text in replies.split(reply):
        assert text and text == text.strip()
        assert "---" not in text


@given(st.lists(st.text(alphabet="abc def", min_size=1).map(str.strip).filter(bool), min_size=2))
def test_joined_texts_come_back(texts: list[str]) -> None:
    assert replies.split("\n---\n".join(texts)) == texts
