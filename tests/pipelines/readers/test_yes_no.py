"""The yes/no reader: only a plain answer counts, and it never raises."""

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.readers import yes_no


@pytest.mark.parametrize(
    "reply",
    [
        "yes", "Yes.", " YES!\n", "**Yes**", "__yes__", '"yes"', "`yes`", "«yes»", "> yes", "- Yes",
        "<answer>yes</answer>", "<yes>", "ｙｅｓ", "yes<|im_end|>", "Yes, it is.", "Yes: one natural text in Swahili.",
        "Yes\n\nThe text is natural and its label is right.", "yes yes",
    ],
)  # fmt: skip
def test_a_plain_yes_counts(reply: str) -> None:
    assert yes_no.read(reply) is True


@pytest.mark.parametrize(
    "reply",
    [
        "no", "No.", "NO", "**No**", "(no)", "<answer>no</answer>", "No, it is in English.", "no ... yes",
        "No. I cannot say yes to this.", "No\nThe right label would be politics: yes, politics.", "no, not yes",
    ],
)  # fmt: skip
def test_a_no_counts_whatever_follows(reply: str) -> None:
    assert yes_no.read(reply) is False


@pytest.mark.parametrize(
    "reply",
    [
        "", " \n", "...", "<answer></answer>", "maybe", "ndiyo", "y", "n", "nope", "yesterday", "noon", "yeses", "no1",
        "yes or no", "Yes/No", "no/yes", "no or yes", "yes and no", "no and yes", "yes, no",
        "Yes, but the label is wrong", "Yes. It is not natural, however.", "Yes, it isn't bad", "yes, it isn’t",
        "Yes, unless you mind the comment", "The answer is yes", "I would say no", "It says yes", "Label: yes",
        "<think>yes</think> no",
    ],
)  # fmt: skip
def test_anything_else_is_unparsed(reply: str) -> None:
    assert yes_no.read(reply) is None


@given(
    st.sampled_from(["yes", "no"]),
    st.sampled_from(["", " ", "\n", "**", '"', "“", "(", "<b>", "- "]),
    st.sampled_from(["", ".", "!", "\n", "**", '"', "”", ")", "</b>", "。"]),
    st.sampled_from([str, str.upper, str.title]),
)
def test_what_stands_around_an_answer_does_not_matter(
    answer: str, before: str, after: str, case: Callable[[str], str]
) -> None:
    assert yes_no.read(before + case(answer) + after) is (answer == "yes")


@given(st.text())
def test_it_never_raises_and_needs_the_word(reply: str) -> None:
    found = yes_no.read(reply)
    if found is not None:
        assert ("yes" if found else "no") in unicodedata.normalize("NFKC", reply).casefold()


def test_long_replies_are_read_in_no_time() -> None:
    for text in ("<" * 50_000, "*" * 50_000 + "yes", "yes " * 20_000, "<a" * 30_000):
        yes_no.read(text)
