"""Numbers of servers that are none, and spellings of an answer: neither becomes a verdict that nobody gave."""

import json
import math
from typing import Any

import pytest
from fault_client import ask, engine_at
from fault_server import FaultServer

from sdc.pipelines.engines.openai.safe_json import NotJson, parse
from sdc.pipelines.engines.openai.scores import first_token
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.judge.llm import SPELLINGS

NO_NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 401, "-" + "1" * 401, "1" * 5000),
    *('"-0.1"', "null", "true", "[-0.1]", "{}", "0.5", "[" * 50 + "]" * 50),
)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_log_probability_is_none(text: str) -> None:
    top = [{"token": "yes", "logprob": 0}, {"token": "no", "logprob": -1.0}]
    raw = json.dumps({"content": [{"token": "yes", "top_logprobs": top}]}).replace('"logprob": 0', f'"logprob": {text}')
    assert first_token(parse(raw.encode()), ("yes", "no")) == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0, "x", None])
def test_a_judge_without_probabilities_is_read_by_its_words(value: Any) -> None:
    with FaultServer(top_logprobs={"Yes": value, "No": -3.0}) as server:
        server.text = "Yes."
        (reply,) = ask(engine_at(server), [Call(prompt="x", choices=SPELLINGS)])
    assert (reply.finish, reply.scores, reply.text) == ("stop", (), "Yes.")


def shares(top: dict[str, float], choices: tuple[str, ...] = SPELLINGS) -> dict[str, float]:
    """The probability of each meaning among the choices."""
    said = max(top, key=top.__getitem__)
    likely = [{"token": token, "logprob": value} for token, value in top.items()]
    scores = first_token({"content": [{"token": said, "top_logprobs": likely}]}, choices)
    found: dict[str, float] = {}
    for choice, score in zip(choices, scores, strict=False):
        meaning = choice.strip(" .").casefold()
        found[meaning] = found.get(meaning, 0.0) + math.exp(score)
    return found


@pytest.mark.parametrize(
    ("top", "yes", "no"),
    [
        ({"Yes": -0.05, "No": -3.2, "no": -6.5, "yes": -8.0}, (-0.05, -8), (-3.2, -6.5)),
        ({" yes": -0.1, "YES": -3.0, "NO": -4.0}, (-0.1, -3), (-4,)),
        ({"ĠYes": -0.2, "▁No": -2.0}, (-0.2,), (-2,)),
        ({'"Yes': -0.2, "**No**": -2.0, "Y": -4.0}, (-0.2, -4), (-2,)),
        ({"No.": -0.1, "Yes,": -2.5, "Not": -9.0, "None": -9.0}, (-2.5,), (-0.1,)),
    ],
)
def test_an_answer_is_as_likely_as_all_its_spellings(
    top: dict[str, float], yes: tuple[float, ...], no: tuple[float, ...]
) -> None:
    assert shares(top) == pytest.approx({"yes": sum(map(math.exp, yes)), "no": sum(map(math.exp, no))})


def test_labels_are_summed_alike() -> None:
    top = {"Politics": -0.3, " politics": -2.0, "Sports": -2.5, "sport": -4.0, "The": -5.0}
    found = shares(top, ("politics", "sports"))
    assert found == pytest.approx({"politics": math.exp(-0.3) + math.exp(-2), "sports": math.exp(-2.5) + math.exp(-4)})


def test_labels_that_differ_in_a_sign_only_are_not_told_apart() -> None:
    assert shares({"C": -0.1, "C#": -3.0}, ("C", "C#")) == {}


def test_an_answer_behind_a_quote_is_found() -> None:
    first = {"token": '"', "top_logprobs": [{"token": '"', "logprob": -0.01}, {"token": "No", "logprob": -6.0}]}
    second = {"token": "Yes", "top_logprobs": [{"token": "Yes", "logprob": -0.1}, {"token": "No", "logprob": -2.5}]}
    assert first_token({"content": [first, second]}, ("yes", "no")) == pytest.approx((-0.1, -2.5))


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b"[" * 3_000 + b"]" * 3_000, b'{"a": ' * 2000, b"1" * 5_000_00, b"\xff"]
)
def test_bombs_are_no_tracebacks(raw: bytes) -> None:
    try:
        found = parse(raw)
    except NotJson:
        return
    json.dumps(found)


def test_a_name_that_stands_twice_says_nothing_unless_it_says_the_same() -> None:
    assert parse(b'{"a": 1, "a": 2, "b": 3, "b": 3}') == {"a": None, "b": 3}
