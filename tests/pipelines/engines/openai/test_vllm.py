"""The openai engine against a real vLLM server, beside the transformers engine on the same model.

It runs in the environment that has vLLM: `.venv-vllm/bin/python -m pytest -m vllm`.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from fault_client import ask, engine_at
from pocket_calls import NEEDS_VLLM, pocket
from scripted import answers

from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai import OpenaiEngine
from sdc.pipelines.engines.protocol import Call, Reply

pytestmark = [*NEEDS_VLLM, pytest.mark.timeout(900)]
TEACHER = pocket("teacher")
LABELS = ("science/technology", "travel", "politics", "sports")


def by_transformers(calls: list[Call]) -> list[Reply]:
    return answers(TransformersEngine(TEACHER), calls)


def _scores_are_those_of_the_transformers_engine(engine: OpenaiEngine) -> None:
    calls = [Call(prompt=f"Which topic? {'ఇది ' * number}", choices=LABELS) for number in range(6)]
    for one, other in zip(ask(engine, calls), by_transformers(calls), strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3)
        assert (one.finish, one.prompt_tokens, one.completion_tokens) == (
            *("scored", other.prompt_tokens, other.completion_tokens),
        )


def test_scores_are_those_of_the_transformers_engine(vllm_server: str) -> None:
    _scores_are_those_of_the_transformers_engine(engine_at(vllm_server, TEACHER, timeout_s=120))


@pytest.mark.campaign
def test_scores_by_echo_as_other_servers_have_it_are_too() -> None:
    """On a CPU, vLLM ends where it is asked for an echo and loads adapters: so a server without them.

    In short this is a case of `test_choices_are_scored_as_whole_answers`.
    """
    start = runpy.run_path(str(Path(__file__).parents[4] / "benchmarks" / "engines.py"))["server"]
    with start("pocket-teacher") as url:
        engine = engine_at(url, TEACHER, timeout_s=120)
        ask(engine, [Call(prompt="x")])
        assert engine._chat is not None
        assert engine._chat.served.maker == "vllm"
        engine._chat.served = replace(engine._chat.served, maker="")
        _scores_are_those_of_the_transformers_engine(engine)


def test_greedy_texts_are_those_of_the_transformers_engine(vllm_server: str) -> None:
    calls = [Call(prompt=f"Write a sentence about travel. {number}", max_tokens=20) for number in range(6)]
    found = ask(engine_at(vllm_server, TEACHER, timeout_s=120), calls)
    expected = by_transformers(calls)
    assert [(reply.text, reply.finish) for reply in found] == [(reply.text, reply.finish) for reply in expected]


def test_sampling_follows_the_seed(vllm_server: str) -> None:
    shared = Call(prompt="Write a sentence.", temperature=1.0, top_p=0.95, repetition_penalty=1.1, max_tokens=20)
    calls = [replace(shared, seed=seed) for seed in range(6)]
    found = [reply.text for reply in ask(engine_at(vllm_server, TEACHER, timeout_s=120), calls)]
    assert found == [reply.text for reply in ask(engine_at(vllm_server, TEACHER, timeout_s=120, concurrency=1), calls)]
    assert len(set(found)) > 1


def test_without_a_tokenizer_the_reply_is_scored_by_a_token_or_is_one_of_the_choices(vllm_server: str) -> None:
    served = Model(name=TEACHER.name, source=f"api:{TEACHER.name}", served=True)
    calls = [Call(prompt="Is it?", choices=("yes", "no")), Call(prompt="Which topic?", choices=LABELS)]
    first, second = ask(engine_at(vllm_server, served, timeout_s=120), calls)
    assert (first.finish, len(first.scores)) == ("scored", 2)
    assert (second.finish, second.scores) == ("stop", ())
    assert second.text in LABELS


def test_a_prompt_that_is_too_long_is_one_failed_call(vllm_server: str) -> None:
    long = "word " * 4000
    calls = [Call(prompt=long), Call(prompt=long, choices=("yes", "no")), Call(prompt="short", choices=("yes", "no"))]
    found = ask(engine_at(vllm_server, TEACHER, timeout_s=120), calls)
    assert [reply.finish for reply in found] == ["failed", "failed", "scored"]
    assert "maximum context length" in found[0].reason
