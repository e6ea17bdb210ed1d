"""Label scores from a server: exact ones, those of the first token, and none."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from fault_answers import token_logprob
from fault_client import TINY, ask, engine_at
from fault_server import OK, FaultServer

from sdc.cache.store import Store
from sdc.pipelines.engines.models import STUDENT, Model, resolve
from sdc.pipelines.engines.openai.scores import first_token
from sdc.pipelines.engines.protocol import Call

CHOICES = ("yes", "no")
X = Call(prompt="Is it? ఔనా?", choices=CHOICES)
TOP = {"yes": -0.4, " no": -1.5, "y": -3.0, "Maybe": -4.0}
EXPECTED = (math.log(math.exp(-0.4) + math.exp(-3.0)), -1.5)


@pytest.fixture
def student(tmp_path: Path) -> Model:
    return resolve(Store(tmp_path / "store.duckdb"), STUDENT)


def expected_scores(model: Model, call: Call) -> tuple[float, ...]:
    """What the server computes for each choice as the whole answer, from the tokenizer alone."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model.source)
    message = [{"role": "user", "content": call.prompt}]
    prompt = tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=True, return_dict=True)
    ids = list(prompt["input_ids"])
    assert ids.count(tokenizer.bos_token_id) == 1
    scores = []
    for choice in call.choices:
        whole = [*ids, *tokenizer(choice, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        scores.append(sum(token_logprob(whole, position) for position in range(len(ids), len(whole))))
    return tuple(scores)


MANY = tuple(f"{a}{b} label" for a in "abcdefghijklmnopqrst" for b in "0123456789xyz")


@pytest.mark.parametrize(
    ("maker", "forks", "fields"),
    [
        ("vllm", True, [{"logprob_token_ids"}]),
        ("vllm", False, [{"logprob_token_ids"}, {"echo"}]),  # a version that does not know that field
        ("test", True, [{"echo"}]),
    ],
)
def test_choices_are_scored_as_whole_answers(student: Model, maker: str, forks: bool, fields: list[set[str]]) -> None:
    topics = ("science/technology", "travel", "politics", "travel agency", "politic")
    calls = [X, Call(prompt="Which?", choices=topics), Call(prompt="Of many?", choices=MANY)]
    with FaultServer(models=[STUDENT], maker=maker, scores=True, forks=forks) as server:
        found = ask(engine_at(server, student, concurrency=1), calls)
    for call, reply in zip(calls, found, strict=True):
        assert (reply.finish, reply.reason) == ("scored", "")
        assert reply.scores == pytest.approx(expected_scores(student, call))
        assert 0 < (reply.prompt_tokens or 0) < (reply.completion_tokens or 0) + 100
    assert {entry.path for entry in server.journal} == {"/v1/completions"}
    met = [{"logprob_token_ids", "echo"} & set(entry.body) for entry in server.journal]
    assert [way for way, _ in itertools.groupby(met)] == fields
    assert max(len(entry.body.get("logprob_token_ids", ())) for entry in server.journal) <= 128  # vLLM's limit


def test_a_try_that_failed_is_scored_by_the_next(student: Model) -> None:
    with FaultServer(models=[STUDENT], scores=True, script=lambda prompt, nth: "500" if nth == 0 else OK) as server:
        (reply,) = ask(engine_at(server, student), [X])
    assert reply.scores == pytest.approx(expected_scores(student, X))


@pytest.mark.parametrize("maker", ["vllm", "test"])
def test_without_completions_the_first_token_is_taken(student: Model, maker: str) -> None:
    with FaultServer(models=[STUDENT], maker=maker, top_logprobs=TOP) as server:
        found = ask(engine_at(server, student, concurrency=1), [X, Call(prompt="y", choices=CHOICES)])
    for reply in found:
        assert reply.scores == pytest.approx(EXPECTED)
        assert (reply.finish, reply.reason, reply.text) == ("scored", "from the first token alone", "")
    assert [entry.path for entry in server.journal].count("/v1/completions") == 1, "it was asked in vain again"
    structured = server.journal[-1].body.get("structured_outputs")
    assert structured == ({"choice": list(CHOICES)} if maker == "vllm" else None)


def test_a_server_that_says_no_to_completions_is_soon_asked_no_more(student: Model) -> None:
    calls = [Call(prompt=f"{number}", choices=CHOICES) for number in range(8)]
    script = lambda prompt, nth: "400" if prompt.startswith("[[") else OK  # noqa: E731
    with FaultServer(models=[STUDENT], script=script, top_logprobs=TOP) as server:
        found = ask(engine_at(server, student, concurrency=1), calls)
    assert {reply.finish for reply in found} == {"scored"}
    assert [entry.path for entry in server.journal].count("/v1/completions") == 3


def test_a_prompt_that_a_scoring_server_refuses_is_one_failed_call(student: Model) -> None:
    script = lambda prompt, nth: "400" if prompt.count(",") > 60 else OK  # noqa: E731
    calls = [X, Call(prompt="long " * 60, choices=CHOICES), Call(prompt="z", choices=CHOICES)]
    with FaultServer(models=[STUDENT], scores=True, script=script) as server:
        found = ask(engine_at(server, student, concurrency=1), calls)
    assert [reply.finish for reply in found] == ["scored", "failed", "scored"]
    assert {entry.path for entry in server.journal} == {"/v1/completions"}


def test_a_model_that_only_the_server_knows_needs_no_tokenizer() -> None:
    with FaultServer(scores=True, top_logprobs=TOP) as server:
        (reply,) = ask(engine_at(server, TINY), [X])
    assert reply.scores == pytest.approx(EXPECTED)
    assert [entry.path for entry in server.journal] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    "top",
    [
        {"yes": -0.1, "Yes": -2.0},  # no is not among the likely
        {"Maybe": -0.3, "yes": -2.0, "no": -3.0},  # the likeliest is neither
        {"yes": -0.1, "no": -0.2, "Yes": -0.1},  # probabilities that sum to 2.6
        {"yes": 2.0, "no": -0.5},
    ],
)
def test_where_a_choice_is_missing_the_reply_is_a_text(top: dict[str, float]) -> None:
    with FaultServer(top_logprobs=top) as server:
        (reply,) = ask(engine_at(server), [X])
    assert (reply.finish, reply.scores, reply.text) == ("stop", (), max(top, key=top.__getitem__))
    assert len(server.journal) == 1


def test_choices_that_begin_alike_are_not_told_apart_by_a_token() -> None:
    with FaultServer(top_logprobs={"sports": -0.1, "science": -1.0}) as server:
        (reply,) = ask(engine_at(server), [Call(prompt="x", choices=("sports", "science"))])
    assert (reply.finish, reply.scores) == ("stop", ())
    assert "logprobs" not in server.journal[0].body


@pytest.mark.parametrize("fields", [("logprobs",), ("top_logprobs",), ("logprobs", "structured_outputs")])
def test_a_server_that_takes_no_such_fields_is_asked_without(fields: tuple[str, ...]) -> None:
    refused = {field: f"Unrecognized request argument supplied: {field}" for field in fields}
    with FaultServer(maker="vllm", unknown=refused) as server:
        (reply,) = ask(engine_at(server), [X])
    assert (reply.finish, reply.scores) == ("stop", ())
    assert len(server.journal) == 1 + len(fields)


def test_refusals_and_lengths_stay_what_they_are() -> None:
    script = lambda prompt, nth: "refusal" if prompt == "r" else "length"  # noqa: E731
    with FaultServer(script=script) as server:
        found = ask(engine_at(server), [Call(prompt=name, choices=CHOICES) for name in "rl"])
    assert [reply.finish for reply in found] == ["refused", "length"]


@pytest.mark.parametrize(
    "logprobs",
    [None, 3, {}, {"content": None}, {"content": []}, {"content": [None]}, {"content": [{"top_logprobs": None}]},
     {"content": [{"top_logprobs": [None, {"token": None, "logprob": -1}, {"token": "yes", "logprob": "x"}]}]},
     {"content": [{"top_logprobs": [{"token": "", "logprob": -1}, {"token": " ", "logprob": -1}]}]}],
)  # fmt: skip
def test_other_log_probabilities_are_none(logprobs: Any) -> None:
    assert first_token(logprobs, CHOICES) == ()
