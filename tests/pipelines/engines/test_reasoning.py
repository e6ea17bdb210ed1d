"""Reasoning models: what a model thinks is no text and no answer, on a server, here, and out of the cache."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from fault_answers import answer_to
from fault_client import TINY, ask, engine_at, prompts
from fault_server import FaultServer
from scripted import ScriptedEngine, World, add_import, answers, never, world

from sdc.cache.replies import replies
from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines import icl, tasks
from sdc.pipelines.engines import thinking
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model, resolve
from sdc.pipelines.engines.openai.chat import Chat
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.engines.reasoning import split
from sdc.pipelines.icl.config import IclConfig

THOUGHT = "<think>It may be second. No: first.</think>\n\n"
SPLIT = [
    (f"{THOUGHT}first", "It may be second. No: first.", "first"),
    ("It may be.\n</think>\nfirst", "It may be.", "first"),
    ("<think>It may", "It may", ""),
    ("<thinking>a</thinking>first", "a", "first"),
    ("<THINK>a</THINK>first", "a", "first"),
    ("[THINK]a[/THINK]first", "a", "first"),
    ("<think></think>first", "", "first"),
    ("<think>a</think><think>b</think>first", "a\nb", "first"),
    ("<think>a<think>b</think>c</think>first", "a<think>b\nc", "first"),
    (
        "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>first<|return|>",
        "a",
        "first",
    ),
    ("<|channel|>analysis<|message|>a", "a", ""),
    ("<|channel|>final<|message|>first", "", "first"),
    ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>first<|END_RESPONSE|>", "a", "first"),
    ("◁think▷a◁/think▷first", "a", "first"),
    ("<think>a</think><answer>first</answer>", "a", "first"),
    ("first", "", "first"),
    ("I <think> so", "", "I <think> so"),
    (" first\n", "", " first\n"),
    ("", "", ""),
]


@pytest.mark.parametrize(("text", "thought", "answer"), SPLIT)
def test_reasoning_is_split_from_the_answer(text: str, thought: str, answer: str) -> None:
    assert split(text) == (thought, answer)
    assert split(answer) == ("", answer)


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path, task=tasks.load("sentiment"))


# -- what stages read -------------------------------------------------------------------------------------------------


def test_thoughts_are_no_texts_and_no_answers(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def says(call: Call) -> str:
        if call.prompt.startswith("Please create"):
            thought = "<think>A text about rain.\n---\nAnother thought.</think>"
            return f"{thought}\n\ntext {call.seed} one\n---\ntwo of {call.seed}"
        return f"<think>negative? no, positive.</think>{small.cell.task.label_names[1]}"

    ScriptedEngine(says).install(monkeypatch)
    made = small.gen(quota=2, gates=False)
    texts = [text for (text,) in small.rows(made, "text", "status = 'ok'")]
    assert texts
    assert not [text for text in texts if "think" in text or "thought" in text or "rain" in text]
    usage = made.summary["usage"]
    assert usage["reasoned"] == usage["calls"] > 0
    assert usage["reasoning_tokens"] > 0
    config = IclConfig(shots=0, decoding="generate", model=small.model)
    (outcome,) = icl.run(small.context, config, small.cell, draws=[], test=small.test)
    said = small.store.query("select distinct reply from outputs where key = ?", [outcome.key])
    assert said == [(small.cell.task.label_names[1],)]


def test_thoughts_that_an_earlier_version_kept_as_answers_are_split_from_them(tmp_path: Path) -> None:
    calls = prompts(3)
    keys = [call.key(TINY.identity()) for call in calls]
    old = [{"text": text, "finish": "stop"} for text in (f"{THOUGHT}first", "<think>It may be", "")]
    engine = ScriptedEngine(lambda call: "second")
    with replies(tmp_path) as cache:
        cache.put_many(dict(zip(keys, old, strict=True)))
        found = Asker(TINY, cache, lambda: engine, is_server=True).ask(calls)
        assert [reply.text for reply in found] == ["first", "second", "second"]
        assert engine.calls == calls[1:]  # what is no answer is asked again, and what is one is not
        again = Asker(TINY, cache, lambda: ScriptedEngine(never)).ask(calls)
    assert again == found


# -- servers ----------------------------------------------------------------------------------------------------------


def test_reasoning_that_eats_all_tokens_says_so_and_what_to_do() -> None:
    with FaultServer(script=lambda prompt, nth: "row: thoughts that do not end") as server:
        (reply,) = ask(engine_at(server), prompts(1))
    assert (reply.finish, reply.text, len(server.journal)) == ("failed", "", 1)
    assert "all tokens of the answer went into reasoning; raise the limit of tokens" in reply.reason
    assert "--no-think" in reply.reason


def test_an_empty_answer_is_a_failed_try_and_never_kept(tmp_path: Path) -> None:
    with FaultServer(script=lambda prompt, nth: "again: content None") as server, replies(tmp_path) as cache:
        (reply,) = Asker(TINY, cache, lambda: engine_at(server, retries=2), is_server=True).ask(prompts(1))
        assert (reply.finish, len(server.journal), len(cache)) == ("failed", 2, 0)
        assert reply.reason.endswith("the answer is empty")


def test_a_label_has_room_for_the_reasoning_before_it() -> None:
    script = lambda prompt, nth: "right: think" if nth == 2 else "row: thoughts that do not end"  # noqa: E731
    with FaultServer(script=script) as server:
        (reply,) = ask(engine_at(server), [Call(prompt="x", choices=("yes", "no"))])
    assert (reply.finish, reply.text, reply.reasoning) == ("stop", answer_to("x"), "Let me see.")
    assert [entry.body["max_tokens"] for entry in server.journal] == [20, 2048, 16384]


@pytest.mark.parametrize(
    ("maker", "field", "value"),
    [
        ("vllm", "chat_template_kwargs", {"enable_thinking": False, "thinking": False}),
        ("sglang", "chat_template_kwargs", {"enable_thinking": False, "thinking": False}),
        ("openai", "reasoning_effort", "none"),
        ("library", "reasoning_effort", "none"),
    ],
)
def test_a_server_is_told_to_leave_reasoning_out(maker: str, field: str, value: Any) -> None:
    served = Served(name="tiny", maker=maker)
    assert Chat(served, where="here", think=False).body(Call(prompt="x"))[field] == value
    assert field not in Chat(served, where="here").body(Call(prompt="x"))


def test_a_server_without_such_a_switch_stops_the_run(tmp_path: Path) -> None:
    model = resolve(Store(tmp_path / "store.duckdb"), "api:tiny#no-think")
    refused = {"reasoning_effort": "Unrecognized request argument supplied: reasoning_effort"}
    with FaultServer(unknown=refused) as server, pytest.raises(EngineError, match="drop --no-think"):
        ask(engine_at(server, model), prompts(1))
    assert server.journal[0].body["model"] == "tiny"


# -- keys -------------------------------------------------------------------------------------------------------------


def test_not_to_reason_is_another_question(tmp_path: Path, chat_model: Path) -> None:
    store = Store(tmp_path / "store.duckdb")
    for name in (str(chat_model), "api:tiny", "pocket-teacher"):
        plain, other = resolve(store, name), resolve(store, f"{name}#no-think")
        assert other.identity() == {**plain.identity(), "think": False}
        assert "think" not in plain.identity()
        assert resolve(store, other.folder or other.name) == other
        assert other.thinking == plain


@pytest.mark.parametrize("command", ["gen", "judge", "icl"])
def test_the_flag_is_in_the_key(tmp_path: Path, invoke: Callable[..., Any], command: str) -> None:
    small = world(tmp_path / "store", task=tasks.load("sentiment"))
    add_import(small.store, small.cell, [("one text", 0), ("another text", 1)])
    words = [command, "--lang", "en", "--task", "sentiment", "--model", "api:tiny", "--dry-run", "--json"]
    words += ["--server", "http://127.0.0.1:9/v1", *(["--shots", "0"] if command == "icl" else [])]
    made = [invoke(*words, *more) for more in ([], ["--no-think"])]
    keys = [json.loads(result.stdout.splitlines()[0])["key"] for result in made]
    assert keys[0] != keys[1]


# -- this machine -----------------------------------------------------------------------------------------------------

_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% if enable_thinking is defined and not enable_thinking %}"
    "<think></think>{% else %}<think>\n{% endif %}{% endif %}"
)


@pytest.fixture
def reasoner(tmp_path: Path, chat_model: Path) -> Path:
    """The tiny model with a template that opens a thought, and has a switch."""
    folder = tmp_path / "reasoner"
    shutil.copytree(chat_model, folder)
    (folder / "chat_template.jinja").write_text(_TEMPLATE, "utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    config.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def local(folder: Path, tmp_path: Path, more: str = "") -> tuple[Model, TransformersEngine]:
    model = resolve(Store(tmp_path / "store.duckdb"), f"{folder}{more}")
    return model, TransformersEngine(model)


def test_the_template_is_told_to_leave_reasoning_out(reasoner: Path, tmp_path: Path) -> None:
    _, plain = local(reasoner, tmp_path)
    _, other = local(reasoner, tmp_path, "#no-think")
    decode = plain.tokenizer.decode
    assert decode(plain.prompt_ids("x")).endswith("[assistant]<think>\n")
    assert decode(other.prompt_ids("x")).endswith("[assistant]<think></think>")
    assert (thinking.opened_by(plain.tokenizer), thinking.opened_by(other.tokenizer)) == ("<think>", "")


def test_a_template_without_a_switch_is_one_line(chat_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no switch for reasoning; drop --no-think"):
        local(chat_model, tmp_path, "#no-think")


def test_a_thought_that_the_template_opens_is_no_answer(reasoner: Path, tmp_path: Path) -> None:
    model, engine = local(reasoner, tmp_path)
    with replies(tmp_path / "replies") as cache:
        asker = Asker(model, cache, lambda: engine)
        (reply,) = asker.ask([Call(prompt="x", max_tokens=8, temperature=1.0, seed=1)])
        assert (reply.finish, reply.text) == ("failed", "")
        assert reply.reasoning
        assert "went into reasoning" in reply.reason or "gave no answer" in reply.reason
        assert len(cache) == 0
        assert asker.usage.reasoned == 1


def test_labels_are_scored_behind_a_thought_and_not_within(reasoner: Path, tmp_path: Path) -> None:
    _, engine = local(reasoner, tmp_path)
    close = engine.tokenizer("\n</think>\n\n", add_special_tokens=False)["input_ids"]
    assert thinking.before_answer(engine.tokenizer) == close
    (behind,) = answers(engine, [Call(prompt="x", choices=("yes", "no"))])
    assert behind.prompt_tokens == len(engine.prompt_ids("x")) + len(close)


def test_special_tokens_that_mark_reasoning_are_kept_and_others_are_not(chat_model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(chat_model)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]", "<|other|>"]})
    ids = tokenizer("<s>[THINK]travel[/THINK]<|other|>sports</s>", add_special_tokens=False)["input_ids"]
    assert thinking.decode(tokenizer, ids) == "[THINK]travel[/THINK]sports"
    assert thinking.decode(tokenizer, tokenizer("sports<|other|>", add_special_tokens=False)["input_ids"]) == "sports"


def test_new_fields_of_a_reply_are_read_back() -> None:
    reply = Reply(text="a", reasoning="b", reasoning_tokens=1, model="tiny", prompt_tokens=None, completion_tokens=None)
    assert Reply.from_json(json.loads(json.dumps(asdict(reply)))) == reply
