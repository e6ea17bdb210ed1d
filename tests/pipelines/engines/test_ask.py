"""Asking through the cache: nothing twice, fixed batches, the journal."""

import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scripted import EngineDied, ScriptedEngine, never

from sdc.cache.replies import Replies, inspect, replies
from sdc.cache.store import Store
from sdc.errors import StoreError, UsageError
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.budget import Budget, Prices
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Engine, Reply, making
from sdc.pipelines.engines.usage import Usage
from sdc.pipelines.progress import Step
from sdc.pipelines.stage import Context

MODEL = Model(name="tiny", source="x", digest="d")
CALLS = [Call(prompt="x" * (1 + i * 7 % 10), seed=i) for i in range(10)]


def echo(call: Call) -> Reply:
    return Reply(text=f"{call.prompt}/{call.seed}", scores=(), prompt_tokens=2, completion_tokens=3)


def asker(cache: Replies, engine: Engine, *, batch_size: int = 3) -> Asker:
    return Asker(MODEL, cache, lambda: engine, batch_size=batch_size)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "replies"


def test_replies_come_in_order_and_are_never_asked_again(folder: Path) -> None:
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        first = asker(cache, engine)
        found = first.ask(CALLS)
        assert [reply.text for reply in found] == [echo(call).text for call in CALLS]
        assert (first.usage.calls, first.usage.cached) == (10, 0)
        assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (20, 30)
    with replies(folder) as cache:  # another process, another day
        second = asker(cache, ScriptedEngine(never))
        assert second.ask(CALLS) == found
        assert (second.usage.calls, second.usage.cached) == (0, 10)
    assert len(engine.calls) == 10


def test_duplicates_in_one_request_are_asked_once(folder: Path) -> None:
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        found = asker(cache, engine).ask([CALLS[0], CALLS[1], CALLS[0], CALLS[0]])
    assert [reply.text for reply in found] == [echo(CALLS[i]).text for i in (0, 1, 0, 0)]
    assert len(engine.calls) == 2


def test_batches_are_sorted_by_length_and_of_the_size_asked(folder: Path) -> None:
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        asker(cache, engine, batch_size=4).ask(CALLS)
    lengths = [len(call.prompt) for call in engine.calls]
    assert lengths == sorted(lengths)
    assert [len(batch) for batch in engine.batches] == [4, 4, 2]


@pytest.mark.parametrize("answered", [0, 1, 2, 3])
def test_a_restart_meets_the_same_batches(tmp_path: Path, answered: int) -> None:
    whole = ScriptedEngine(echo)
    with replies(tmp_path / "a") as cache:
        asker(cache, whole).ask(CALLS)
    dying, again = ScriptedEngine(echo, dies_after=answered), ScriptedEngine(echo)
    with replies(tmp_path / "b") as cache:
        with pytest.raises(EngineDied):
            asker(cache, dying).ask(CALLS)
        asker(cache, again).ask(CALLS)
    assert dying.batches + again.batches == whole.batches


def test_batches_are_cut_from_all_calls_also_the_cached(folder: Path) -> None:
    by_length = sorted(CALLS, key=lambda call: len(call.prompt))
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        asker(cache, ScriptedEngine(echo)).ask([by_length[1], by_length[4]])
        asker(cache, engine).ask(CALLS)
    assert [[len(call.prompt) for call in batch] for batch in engine.batches] == [[1, 3], [4, 6], [7, 8, 9], [10]]


def test_every_part_of_a_call_and_the_model_is_in_its_key() -> None:
    changes = {"prompt": "y", "choices": ("a",), "temperature": 0.5, "top_p": 0.5, "repetition_penalty": 1.1,
               "max_tokens": 9, "stop": ("z",), "seed": 5}  # fmt: skip
    from dataclasses import fields, replace

    assert set(changes) == {field.name for field in fields(Call)}
    base = Call(prompt="x")
    keys = {base.key({"m": 1}), base.key({"m": 2})}
    keys |= {replace(base, **{name: value}).key({"m": 1}) for name, value in changes.items()}  # type: ignore[arg-type]
    assert len(keys) == len(changes) + 2


def test_scores_survive_the_cache(folder: Path) -> None:
    call = Call(prompt="x", choices=("a", "b"))
    reply = Reply(scores=(-1.5, -2.25), finish="scored")
    with replies(folder) as cache:
        asker(cache, ScriptedEngine(lambda call: reply)).ask([call])
        assert asker(cache, ScriptedEngine(never)).ask([call]) == [reply]


def test_the_journal_has_one_line_per_answered_call(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    monkeypatch.setenv("SDC_CALL_JOURNAL", str(journal))
    with replies(folder) as cache:
        asker(cache, ScriptedEngine(echo)).ask(CALLS[:4])
        asker(cache, ScriptedEngine(echo)).ask(CALLS)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert sorted(lines) == sorted(call.key(MODEL.identity()) for call in CALLS)


def test_progress_tells_answers_as_they_come_from_those_that_were_there(folder: Path) -> None:
    seen: list[Step] = []
    with replies(folder) as cache:
        asker(cache, ScriptedEngine(echo)).ask(CALLS[:4])
        asker(cache, ScriptedEngine(echo)).ask(CALLS, progress=seen.append)
    assert {(step.unit, step.total, step.found) for step in seen} == {("call", 10, 4)}
    assert (seen[0].done, sorted({step.done for step in seen}), seen[-1].done) == (4, [4, 5, 7, 9, 10], 10)


def test_every_answer_of_a_batch_is_told_as_it_comes(folder: Path) -> None:
    class OneByOne(ScriptedEngine):
        def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
            for group in super().answer(calls):
                yield from ({position: reply} for position, reply in group.items())

    seen: list[Step] = []
    with replies(folder) as cache:
        asker(cache, OneByOne(echo), batch_size=10).ask(CALLS, progress=seen.append)
    assert sorted({step.done for step in seen}) == list(range(11))


def test_an_unknown_engine_is_a_usage_error(store: Store) -> None:
    with (
        pytest.raises(UsageError, match="unknown engine 'abacus'"),
        Context(store=store, engine=EngineOptions(engine="abacus")).asker(MODEL),
    ):
        pass


class Streaming:
    """An engine that answers in its own order and dies in the middle of a batch."""

    name = "streaming"

    def __init__(self, order: list[int], *, dies_after: int) -> None:
        self.order, self.dies_after, self.closed = order, dies_after, False

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        try:
            for number, position in enumerate(self.order):
                if number == self.dies_after:
                    raise EngineDied
                yield {position: echo(calls[position])}
        finally:
            self.closed = True


def test_what_an_engine_answered_before_it_died_is_kept(folder: Path) -> None:
    calls = [Call(prompt="same length", seed=i) for i in range(5)]
    with replies(folder) as cache, pytest.raises(EngineDied):
        asker(cache, Streaming([3, 1, 0, 2, 4], dies_after=3), batch_size=5).ask(calls)
    again = ScriptedEngine(echo)
    with replies(folder) as cache:
        found = asker(cache, again, batch_size=5).ask(calls)
    assert sorted(call.seed for call in again.calls) == [2, 4]
    assert [reply.text for reply in found] == [echo(call).text for call in calls]


def test_an_engine_is_closed_when_its_replies_cannot_be_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Replies, fresh: object) -> None:
        raise StoreError("the disk is full")

    engine = Streaming([0, 1], dies_after=9)
    with replies(folder) as cache:
        monkeypatch.setattr(Replies, "put_many", full)
        with pytest.raises(StoreError):
            asker(cache, engine, batch_size=5).ask(CALLS[:2])
    assert engine.closed


def test_usage_is_taken_artifact_by_artifact(folder: Path) -> None:
    with replies(folder) as cache:
        made = asker(cache, ScriptedEngine(echo))
        made.ask(CALLS[:4])
        first = made.take_usage()
        made.ask(CALLS)
        second = made.take_usage()
    assert (first.calls, first.cached, first.model, first.engine) == (4, 0, "tiny", "scripted")
    assert (second.calls, second.cached) == (6, 4)


_BAD: list[tuple[Any, str]] = [
    (None, "it is no JSON object"),
    (["text"], "it is no JSON object"),
    ({"text": 1, "finish": "stop"}, "its text is no text"),
    ({"text": None, "finish": "stop"}, "its text is no text"),
    ({"text": "", "scores": [float("nan")], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": [float("-inf"), 0], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": [10**400], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": [-1, 10**20], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": [-1, -1e300], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "x", "finish": "stop", "prompt_tokens": 10**20}, "its prompt_tokens is no finite number"),
    ({"text": "x", "finish": "stop", "prompt_tokens": 3.5}, "its prompt_tokens is no count"),
    ({"text": "", "scores": ["0.5"], "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": 0.5, "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "", "scores": {"a": 1}, "finish": "scored"}, "its scores are no finite numbers"),
    ({"text": "x", "finish": "failed"}, "it is no answer ('failed')"),
    ({"text": "x", "finish": "paused"}, "it is no answer ('paused')"),
    ({"text": "x", "finish": ["stop"]}, "it is no answer (\"['stop']\")"),
    ({"text": "x", "finish": "stop", "prompt_tokens": "9"}, "its prompt_tokens is no finite number"),
    ({"text": "x", "finish": "stop", "prompt_tokens": True}, "its prompt_tokens is no finite number"),
    ({"text": "x", "finish": "stop", "completion_tokens": -1}, "its completion_tokens is no finite number"),
    ({"text": "x", "finish": "stop", "cached_tokens": "9"}, "its cached_tokens is no finite number"),
    ({"text": "x", "finish": "stop", "seconds": float("nan")}, "its seconds is no finite number"),
    ({"text": "x", "finish": "stop", "reason": 3}, "its reason is no text"),
]


@pytest.mark.parametrize(("raw", "what"), _BAD)
def test_a_kept_reply_that_is_none_is_asked_again_and_counted(folder: Path, raw: Any, what: str) -> None:
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        asker(cache, engine).ask(CALLS[:3])
        cache.put_many({CALLS[1].key(MODEL.identity()): raw})
    assert list(inspect(folder, Reply.fault).damaged.values()) == [what]
    engine = ScriptedEngine(echo)
    with replies(folder) as cache:
        again = asker(cache, engine)
        assert [reply.text for reply in again.ask(CALLS[:3])] == [echo(call).text for call in CALLS[:3]]
        assert [call.seed for call in engine.calls] == [1]
        assert (again.usage.calls, again.usage.cached, again.usage.unreadable) == (1, 2, 1)
        assert cache.unreadable == {CALLS[1].key(MODEL.identity()): what}
    assert inspect(folder, Reply.fault).damaged == {}


def test_a_kept_reply_of_a_newer_sdc_is_read_without_what_is_unknown(folder: Path) -> None:
    with replies(folder) as cache:
        cache.put_many({CALLS[0].key(MODEL.identity()): {"text": "hello", "mood": "good", "finish": "stop"}})
        assert asker(cache, ScriptedEngine(never)).ask(CALLS[:1]) == [Reply(text="hello")]
    assert inspect(folder, Reply.fault).damaged == {}


def test_scores_of_other_choices_are_asked_again(folder: Path) -> None:
    call = Call(prompt="p", choices=("a", "b"))
    with replies(folder) as cache:
        cache.put_many({call.key(MODEL.identity()): {"scores": [0.0, -1.0, -2.0], "finish": "scored"}})
        again = asker(cache, ScriptedEngine(lambda c: Reply(scores=(0.0, -1.0), finish="scored")))
        assert again.ask([call])[0].scores == (0.0, -1.0)
        assert again.usage.unreadable == 1


def test_the_user_is_told_of_replies_that_were_asked_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(echo).install(monkeypatch)
    said: list[str] = []
    with replies(store.replies_folder) as cache:
        cache.put_many({call.key(MODEL.identity()): {"text": 1, "finish": "stop"} for call in CALLS[:2]})
    with Context(store=store, say=said.append).asker(MODEL) as opened:
        opened.ask(CALLS[:3])
    assert [line for line in said if "2 replies in" in line and "its text is no text" in line]


def test_calls_of_an_earlier_attempt_at_the_same_artifact_are_its_calls(folder: Path) -> None:
    """And those that were asked for another artifact, or for none, came from the cache."""
    price = Prices(currency="EUR", models={"tiny": {"input": 1e6, "output": 0.0}})

    def ask(artifact: str, calls: Sequence[Call]) -> Usage:
        token = making.set(artifact)
        try:
            with replies(folder) as cache:
                one = Asker(MODEL, cache, lambda: ScriptedEngine(echo), budget=Budget(prices=price))
                one.ask(calls)
                one.ask(calls)  # again in the same process: from the cache
                return one.usage
        finally:
            making.reset(token)

    first = ask("a", CALLS[:4])
    assert (first.calls, first.earlier, first.cached) == (4, 0, 4)
    again = ask("a", CALLS[:6])
    assert (again.calls, again.earlier, again.cached) == (6, 4, 6)
    assert (again.prompt_tokens, again.completion_tokens, again.cost) == (12, 18, 12.0)
    other = ask("b", CALLS[:6])
    assert (other.calls, other.earlier, other.cached, other.engine) == (0, 0, 12, None)
    assert ask("", CALLS[:6]).calls == 0
