"""Which name of a server is taken for a model, and which names of answers are the same model's."""

from dataclasses import replace

import pytest
from fault_client import TINY, ask, engine_at
from fault_server import FaultServer

from sdc.errors import EngineError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call

HUB = Model(name="llama-3.1-8b", source="meta-llama/Llama-3.1-8B-Instruct")
LOCAL = Model(name="pocket-teacher", source="/somewhere/pocket/teacher", digest="d")
ADAPTED = replace(HUB, name="llama-3.1-8b+telugu", adapter="/somewhere/adapters/telugu", adapter_digest="e")


def asked_as(model: Model, models: list[str] | None) -> str:
    with FaultServer(models=models) as server:
        assert ask(engine_at(server, model), [Call(prompt="x")])[0].is_answer
    return str(server.journal[0].body["model"])


@pytest.mark.parametrize(
    ("model", "models", "name"),
    [
        (TINY, ["other", "tiny"], "tiny"),
        (TINY, ["tiny:latest"], "tiny:latest"),
        (TINY, ["vendor/tiny"], "vendor/tiny"),
        (TINY, ["a", "b"], "tiny"),  # a gateway's list need not be whole
        (HUB, ["x", "meta-llama/Llama-3.1-8B-Instruct"], "meta-llama/Llama-3.1-8B-Instruct"),
        (HUB, ["/models/llama-3.1-8b-instruct/"], "/models/llama-3.1-8b-instruct/"),
        (HUB, ["llama-3.1-8b"], "llama-3.1-8b"),  # somebody gave it the alias as its name
        (LOCAL, ["/elsewhere/teacher"], "/elsewhere/teacher"),
        (LOCAL, ["pocket-teacher"], "pocket-teacher"),
        (ADAPTED, ["meta-llama/Llama-3.1-8B-Instruct", "telugu"], "telugu"),
        # A server without a list.
        (TINY, None, "tiny"),
        (HUB, None, "meta-llama/Llama-3.1-8B-Instruct"),
        (LOCAL, None, "pocket-teacher"),  # never a path of this machine
        (ADAPTED, None, "telugu"),
        (TINY, [], "tiny"),
    ],
)
def test_the_served_name_is_found(model: Model, models: list[str] | None, name: str) -> None:
    assert asked_as(model, models) == name


@pytest.mark.parametrize(
    ("model", "models"),
    [
        (TINY, ["tiny-mini"]),
        (HUB, ["meta-llama/Llama-3.1-8B"]),  # the base of the instruction-tuned model
        (HUB, ["a", "b", "c", "d", "e", "f", "g"]),
        (LOCAL, ["student"]),
        (ADAPTED, ["meta-llama/Llama-3.1-8B-Instruct"]),  # the base without its adapter
    ],
)
def test_another_model_is_not_taken(model: Model, models: list[str]) -> None:
    with FaultServer(models=models) as server, pytest.raises(EngineError, match=r"has no model .*api:NAME") as caught:
        ask(engine_at(server, model), [Call(prompt="x")])
    assert server.journal == []
    assert models[0] in str(caught.value)
    assert ("and 2 more" in str(caught.value)) == (len(models) == 7)


SAME = [
    ("gpt-4o", "gpt-4o"), ("gpt-4o", "gpt-4o-2024-08-06"), ("gpt-4o", "openai/gpt-4o"), ("gpt-4", "gpt-4-0613"),
    ("gpt-4", "gpt-4-1106-preview"), ("llama3", "llama3:latest"), ("gemini-1.5-pro", "gemini-1.5-pro-002"),
    ("a/Model", "/srv/models/model"), ("m", "m.gguf"), ("vendor/m", "M"), ("m", ""),
]  # fmt: skip
OTHER = [
    ("gpt-4o", "gpt-4o-mini"), ("gpt-4o", "gpt-4"), ("gpt-4", "gpt-4o"), ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("llama-3", "llama-3-70b"), ("qwen2.5-7b", "qwen2.5-7b-instruct"), ("llama3:8b", "llama3:70b"), ("tiny", "another"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answered"), SAME)
def test_names_of_the_same_model(asked: str, answered: str) -> None:
    assert Served(name=asked).is_same(answered)


@pytest.mark.parametrize(("asked", "answered"), OTHER)
def test_names_of_other_models(asked: str, answered: str) -> None:
    assert not Served(name=asked).is_same(answered)


def test_what_an_alias_was_loaded_from_is_the_same_model() -> None:
    assert Served(name="judge", root="meta-llama/Llama-3.1-8B-Instruct").is_same("Llama-3.1-8B-Instruct")
