"""The openai engine against a real vLLM server, beside the transformers engine on the same model.

It runs in the environment that has vLLM: `.venv-vllm/bin/python -m pytest -m vllm`.
"""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace

import pytest
import waiting
from fault_client import ask, engine_at

from sdc.cache.store import Store
from sdc.pipelines.engines.models import STUDENT, Model, resolve
from sdc.pipelines.engines.protocol import Call, Reply

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
LABELS = ("science/technology", "travel", "politics", "sports")
_START_S = 600


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return resolve(Store(tmp_path_factory.mktemp("store") / "store.duckdb"), STUDENT)


@pytest.fixture(scope="module")
def url(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("vllm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "log"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model.source, "--enforce-eager"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    env = {**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=env, start_new_session=True)
    try:
        health = f"http://127.0.0.1:{port}/health"
        waiting.until(
            lambda: _answers(health), server, within_s=_START_S, every_s=1, shown=lambda: log.read_text()[-3000:]
        )
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def by_transformers(model: Model, calls: list[Call]) -> list[Reply]:
    from sdc.pipelines.engines.local.transformers import TransformersEngine

    found: dict[int, Reply] = {}
    for group in TransformersEngine(model).answer(calls):
        found.update(group)
    return [found[position] for position in range(len(calls))]


@pytest.mark.parametrize("maker", ["vllm", ""])
def test_scores_are_those_of_the_transformers_engine(url: str, model: Model, maker: str) -> None:
    calls = [Call(prompt=f"Which topic? {'ఇది ' * number}", choices=LABELS) for number in range(6)]
    engine = engine_at(url, model, timeout_s=120)
    ask(engine, [Call(prompt="x")])
    assert engine._chat is not None
    assert engine._chat.served.maker == "vllm"
    engine._chat.served = replace(engine._chat.served, maker=maker)  # without it: echo, as other servers have it
    found = ask(engine, calls)
    for one, other in zip(found, by_transformers(model, calls), strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3)
        assert (one.finish, one.prompt_tokens, one.completion_tokens) == (
            *("scored", other.prompt_tokens, other.completion_tokens),
        )


def test_greedy_texts_are_those_of_the_transformers_engine(url: str, model: Model) -> None:
    calls = [Call(prompt=f"Write a sentence about travel. {number}", max_tokens=20) for number in range(6)]
    found = ask(engine_at(url, model, timeout_s=120), calls)
    expected = by_transformers(model, calls)
    assert [(reply.text, reply.finish) for reply in found] == [(reply.text, reply.finish) for reply in expected]


def test_sampling_follows_the_seed(url: str, model: Model) -> None:
    shared = Call(prompt="Write a sentence.", temperature=1.0, top_p=0.95, repetition_penalty=1.1, max_tokens=20)
    calls = [replace(shared, seed=seed) for seed in range(6)]
    found = [reply.text for reply in ask(engine_at(url, model, timeout_s=120), calls)]
    assert found == [reply.text for reply in ask(engine_at(url, model, timeout_s=120, concurrency=1), calls)]
    assert len(set(found)) > 1


def test_without_a_tokenizer_the_reply_is_scored_by_a_token_or_is_one_of_the_choices(url: str, model: Model) -> None:
    served = Model(name=model.source, source=f"api:{model.source}", served=True)
    calls = [Call(prompt="Is it?", choices=("yes", "no")), Call(prompt="Which topic?", choices=LABELS)]
    first, second = ask(engine_at(url, served, timeout_s=120), calls)
    assert (first.finish, len(first.scores)) == ("scored", 2)
    assert (second.finish, second.scores) == ("stop", ())
    assert second.text in LABELS


def test_a_prompt_that_is_too_long_is_one_failed_call(url: str, model: Model) -> None:
    long = "word " * 4000
    calls = [Call(prompt=long), Call(prompt=long, choices=("yes", "no")), Call(prompt="short", choices=("yes", "no"))]
    found = ask(engine_at(url, model, timeout_s=120), calls)
    assert [reply.finish for reply in found] == ["failed", "failed", "scored"]
    assert "maximum context length" in found[0].reason
