"""What a chat server is asked for a call, by kind of server, and how its answers are read."""

from dataclasses import replace
from typing import Any

import pytest
from fault_answers import answer_to
from fault_client import TINY, ask, engine_at
from fault_server import FaultServer

from sdc.errors import EngineError
from sdc.pipelines.engines.openai.chat import Chat
from sdc.pipelines.engines.openai.faults import TryFailed
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call, Reply

X = Call(prompt="x")
SAMPLED = Call(prompt="x", temperature=0.8, top_p=0.9, max_tokens=7, stop=("\n", "##"), seed=5)
BODY = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "x"}],
    "max_tokens": 7,
    "temperature": 0.8,
    "top_p": 0.9,
    "seed": 5,
    "stop": ["\n", "##"],
}


def chat(maker: str = "") -> Chat:
    return Chat(Served(name="tiny", maker=maker), where="here")


def read(message: Any, finish: Any = "stop", call: Call = X, **more: Any) -> Reply:
    return chat().reply({"choices": [{"message": message, "finish_reason": finish}], **more}, call)


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_call_is_sent_with_its_settings() -> None:
    with FaultServer() as server:
        ask(engine_at(server), [SAMPLED])
    assert server.journal[0].body == BODY


def test_a_greedy_call_has_no_seed_and_no_nucleus() -> None:
    assert chat().body(X) == {"model": "tiny", "messages": BODY["messages"], "max_tokens": 20, "temperature": 0.0}


@pytest.mark.parametrize(
    ("maker", "more"),
    [
        ("vllm", {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}),
        ("llamacpp", {"top_k": 0, "min_p": 0.0, "repeat_last_n": -1, "repeat_penalty": 1.0}),
        ("library", {}),
        ("openai", {}),
    ],
)
def test_servers_with_defaults_of_their_own_are_told_to_use_none(maker: str, more: dict[str, Any]) -> None:
    with FaultServer(maker=maker) as server:
        ask(engine_at(server), [SAMPLED])
    assert server.journal[0].body == BODY | more


@pytest.mark.parametrize(
    ("maker", "field"),
    [("vllm", "repetition_penalty"), ("llamacpp", "repeat_penalty"), ("", "repetition_penalty")],
)
def test_the_repetition_penalty_goes_by_the_name_that_the_server_knows(maker: str, field: str) -> None:
    assert chat(maker).body(Call(prompt="x", repetition_penalty=1.2))[field] == 1.2


def test_a_server_that_would_ignore_the_repetition_penalty_is_not_asked() -> None:
    with FaultServer(maker="library") as server:
        with pytest.raises(EngineError, match=r"Ollama has no repetition penalty; set --repetition-penalty 1$"):
            ask(engine_at(server), [Call(prompt="x", repetition_penalty=1.2)])
        assert server.journal == []
        assert ask(engine_at(server), [X])[0].is_answer


def test_the_newer_name_of_max_tokens_is_taken_where_the_older_is_refused() -> None:
    message = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    with FaultServer(unknown={"max_tokens": message}) as server:
        found = ask(engine_at(server, concurrency=1), [X, Call(prompt="y")])
        assert [reply.text for reply in found] == [answer_to("x"), answer_to("y")]
    assert [entry.fault for entry in server.journal] == ["no max_tokens", "ok", "ok"]  # learned once
    assert server.journal[-1].body["max_completion_tokens"] == 20


@pytest.mark.parametrize(
    ("field", "message", "fix"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0.8 with this model.", "--temperature 1"),
        ("repetition_penalty", "Unrecognized request argument supplied: repetition_penalty", "--repetition-penalty 1"),
        ("stop", "Extra inputs are not permitted (stop)", "use another server or model"),
    ],
)
def test_a_setting_that_the_server_does_not_take_stops_the_run(field: str, message: str, fix: str) -> None:
    call = Call(prompt="x", temperature=0.8, repetition_penalty=1.1, stop=("#",))
    expected = rf"does not take {field}=.*; .*{fix}"
    with FaultServer(unknown={field: message}) as server, pytest.raises(EngineError, match=expected):
        ask(engine_at(server), [call, replace(call, prompt="y")])
    assert len(server.journal) <= 2


def test_a_server_without_seeds_samples_without_them() -> None:
    with FaultServer(unknown={"seed": "Extra inputs are not permitted: seed"}) as server:
        assert ask(engine_at(server), [SAMPLED])[0].text == answer_to("x")
    assert [sorted(set(BODY) - set(entry.body)) for entry in server.journal] == [[], ["seed"]]


def test_a_prompt_that_is_too_long_is_no_refused_setting() -> None:
    message = "'max_tokens' is too large: 20. This model's maximum context length is 16 tokens."
    with FaultServer(unknown={"max_tokens": message}) as server:
        (reply,) = ask(engine_at(server), [X])
    assert (reply.finish, reply.reason) == ("failed", f"HTTP 400: {message}")


# -- answers ----------------------------------------------------------------------------------------------------------


def test_a_text_is_cut_at_the_stop_strings_here_too() -> None:
    call = Call(prompt="x", stop=("##", "\n", "a", "b", "END"))
    assert len(chat().body(call)["stop"]) == 4  # OpenAI takes no more
    reply = read({"content": "one END two"}, "length", call)
    assert (reply.text, reply.finish) == ("one ", "stop")


@pytest.mark.parametrize(
    ("message", "finish", "expected"),
    [
        ({"content": "a"}, "stop", Reply(text="a")),
        ({"content": "a"}, None, Reply(text="a")),
        ({"content": "a"}, "length", Reply(text="a", finish="length")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}]}, "stop", Reply(text="a")),
        ({"content": "half \ud83d"}, "length", Reply(text="half \ufffd", finish="length")),
        ({"content": "whole \ud83d\ude00"}, "stop", Reply(text="whole 😀")),
        ({"content": "", "refusal": "no"}, "stop", Reply(finish="refused", reason="no")),
        ({"content": None}, "content_filter", Reply(finish="refused", reason="content filter")),
    ],
)  # fmt: skip
def test_messages_of_all_kinds_are_read(message: Any, finish: str | None, expected: Reply) -> None:
    assert read(message, finish) == replace(expected, prompt_tokens=None, completion_tokens=None)


@pytest.mark.parametrize("finish", ["tool_calls", "abort", "error"])
def test_an_end_that_is_none_is_a_failed_try(finish: Any) -> None:
    with pytest.raises(TryFailed):
        read({"content": "a"}, finish)


@pytest.mark.parametrize(
    "raw",
    [
        None, [], 3, "text", {}, {"choices": {}}, {"choices": []}, {"choices": [None]}, {"choices": [{}]},
        {"choices": [{"message": "a"}]}, {"choices": [{"message": {"content": 5}}]},
        {"error": {"message": "overloaded"}}, {"error": "overloaded"},
    ],
)  # fmt: skip
def test_other_json_is_a_failed_try(raw: Any) -> None:
    with pytest.raises(TryFailed) as caught:
        chat().reply(raw, X)
    assert caught.value.reason.startswith("the answer")


@pytest.mark.parametrize("usage", [None, 3, {}, {"prompt_tokens": None, "prompt_tokens_details": None}])
def test_tokens_that_are_not_counted_are_unknown(usage: Any) -> None:
    reply = read({"content": "a"}, usage=usage)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens) == (None, None, None)


def test_the_answer_names_its_model() -> None:
    with FaultServer(model_shown="/models/tiny-2024-08-06") as server:
        assert ask(engine_at(server, TINY), [X])[0].is_answer
