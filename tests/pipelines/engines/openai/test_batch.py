"""Batch jobs: made once, found again, read whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from fault_answers import answer_to
from fault_client import TINY, ask, engine_at, prompts
from fault_server import OK, FaultServer

from sdc.cache.replies import replies
from sdc.errors import EngineError
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.openai import OpenaiEngine, batch_files
from sdc.pipelines.engines.protocol import Call, Reply

TEXTS = [answer_to(f"prompt {number}") for number in range(10)]


def batch_engine(server: FaultServer, **options: Any) -> OpenaiEngine:
    return engine_at(server, batch_api=True, **options)


def jobs(server: FaultServer) -> list[dict[str, Any]]:
    assert server.batches is not None
    return server.batches.jobs


def start_and_leave(server: FaultServer, num: int) -> dict[int, Reply]:
    """Asks, takes the reply that comes directly, and goes away while the job runs: what kill -9 leaves behind."""
    assert server.batches is not None
    server.batches.polls = 10**9
    answers = batch_engine(server).answer(prompts(num))
    found = dict(next(answers))
    while not jobs(server) or not jobs(server)[-1]["polls"]:
        pass
    answers.close()
    server.batches.polls = 2
    return found


def test_calls_are_answered_by_one_job_and_a_first_question() -> None:
    with FaultServer() as server:
        found = ask(batch_engine(server), prompts(10))
    assert [reply.text for reply in found] == TEXTS
    assert [entry.path for entry in server.journal] == ["/v1/chat/completions"] + ["batch"] * 9
    (job,) = jobs(server)
    assert (job["endpoint"], job["completion_window"]) == ("/v1/chat/completions", "24h")
    assert server.batches is not None
    lines = [json.loads(line) for line in server.batches.files[job["input_file_id"]].splitlines()]
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert len({line["custom_id"] for line in lines}) == 9


def test_a_job_that_was_left_is_found_again(tmp_path: Path) -> None:
    with FaultServer() as server:
        for number in (5, 7):  # other people's jobs, over several pages
            ask(batch_engine(server), prompts(number))
        assert server.batches is not None
        server.batches.jobs += [{"id": f"x{i}", "status": "completed", "metadata": None, "polls": 1} for i in range(5)]
        before = len(server.journal)
        left = start_and_leave(server, 10)
        assert list(left) == [0]
        with replies(tmp_path / "replies") as cache:
            asker = Asker(TINY, cache, lambda: batch_engine(server))
            asker.ask([prompts(10)[0]])  # what came before is in the cache, as it would be
            server.journal.pop()
            found = asker.ask(prompts(10))
    assert [reply.text for reply in found] == TEXTS
    assert len(jobs(server)) == 2 + 5 + 1
    assert len(server.journal) - before == 10, "something was asked and paid twice"


def test_a_job_is_found_by_a_run_that_lost_even_the_first_reply() -> None:
    with FaultServer() as server:
        start_and_leave(server, 10)
        found = ask(batch_engine(server), prompts(10))
    assert [reply.text for reply in found] == TEXTS
    assert len(jobs(server)) == 1


def test_a_job_that_ended_long_ago_is_read_again() -> None:
    with FaultServer() as server:
        calls = prompts(10)
        first = ask(batch_engine(server), calls)
        again = ask(batch_engine(server), calls[1:])
    assert again == first[1:]
    assert len(server.journal) == 10


def test_a_job_whose_file_is_gone_is_made_again() -> None:
    with FaultServer() as server:
        calls = prompts(10)
        ask(batch_engine(server), calls)
        assert server.batches is not None
        del server.batches.files[jobs(server)[0]["output_file_id"]]
        assert [reply.text for reply in ask(batch_engine(server), calls[1:])] == TEXTS[1:]
    assert len(jobs(server)) == 2


def test_another_question_is_another_job() -> None:
    with FaultServer() as server:
        ask(batch_engine(server), prompts(3))
        ask(batch_engine(server), prompts(4))
    assert len(jobs(server)) == 2


def test_every_line_ends_with_an_answer_or_a_reason() -> None:
    fates = ["ok", "length", "refusal", "filter", "400", "missing", "garbage", "refusal", "ok", "ok"]
    script = lambda prompt, nth: fates[int(prompt.split()[1])] if prompt != "batches" else OK  # noqa: E731
    with FaultServer(script=script) as server:
        found = ask(batch_engine(server), prompts(10))
    assert [reply.finish for reply in found] == [
        *("stop", "length", "refused", "refused", "failed", "failed", "failed", "refused", "stop", "stop")
    ]
    assert found[3].reason == "fault filter"
    assert found[4].reason == "fault 400"
    assert found[5].reason == found[6].reason == "batch batch_0 ended as completed without this call"


def test_a_job_that_expires_keeps_what_it_has_and_the_rest_is_asked_anew(tmp_path: Path) -> None:
    late = {f"prompt {number}" for number in range(6, 10)}
    with FaultServer(script=lambda prompt, nth: "expired" if prompt in late and nth == 0 else OK) as server:
        with replies(tmp_path / "replies") as cache:
            found = Asker(TINY, cache, lambda: batch_engine(server)).ask(prompts(10))
        assert [reply.finish for reply in found] == ["stop"] * 6 + ["failed"] * 4
        assert found[9].reason == "too late"
        with replies(tmp_path / "replies") as cache:
            found = Asker(TINY, cache, lambda: batch_engine(server)).ask(prompts(10))
    assert [reply.text for reply in found] == TEXTS
    assert all(len(server.asked(f"prompt {number}")) == 1 + (number >= 6) for number in range(10))


def test_the_same_question_twice_has_one_line() -> None:
    calls = [*prompts(4), *prompts(4)]
    with FaultServer() as server:
        assert [reply.text for reply in ask(batch_engine(server), calls)] == TEXTS[:4] * 2
    assert len(server.journal) <= 5


def test_many_calls_are_several_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_files, "_MOST_CALLS", 4)
    with FaultServer() as server:
        assert [reply.text for reply in ask(batch_engine(server), prompts(10))] == TEXTS
        # The first job's replies were kept, and then the run was killed.
        assert [reply.text for reply in ask(batch_engine(server), prompts(10)[5:])] == TEXTS[5:]
    assert len(jobs(server)) == 3
    assert len(server.journal) == 10


def test_jobs_are_cut_by_their_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_files, "_MOST_BYTES", 1000)
    with FaultServer() as server:
        assert [reply.text for reply in ask(batch_engine(server), prompts(10))] == TEXTS
    assert len(jobs(server)) > 1


def test_a_job_that_was_made_without_a_word_is_not_made_twice() -> None:
    with FaultServer(script=lambda prompt, nth: "closed" if prompt == "batches" else OK) as server:
        assert [reply.text for reply in ask(batch_engine(server), prompts(10))] == TEXTS
    assert len(jobs(server)) == 1


def test_what_the_server_does_not_take_is_known_before_a_job_is_made() -> None:
    message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    with FaultServer(unknown={"max_tokens": message}) as server:
        assert [reply.text for reply in ask(batch_engine(server), prompts(10))] == TEXTS
        assert [reply.text for reply in ask(batch_engine(server), prompts(10)[1:])] == TEXTS[1:]  # found all the same
    assert all("max_completion_tokens" in entry.body for entry in server.journal if entry.path == "batch")
    assert len(jobs(server)) == 1


def test_choices_are_scored_by_their_first_token() -> None:
    calls = [Call(prompt=f"{number}", choices=("yes", "no")) for number in range(3)]
    with FaultServer(top_logprobs={"yes": -0.5, "no": -1.5}) as server:
        found = ask(batch_engine(server), calls)
    assert {reply.scores for reply in found} == {(-0.5, -1.5)}


def test_a_server_without_batches_is_one_line() -> None:
    with FaultServer(batches=False) as server:
        with pytest.raises(EngineError, match=r"^http.*: the server has no batch API; ask without batch_api$"):
            ask(batch_engine(server), prompts(3))
        assert server.journal == []


def test_a_job_that_fails_is_one_line() -> None:
    with FaultServer() as server:
        assert server.batches is not None
        server.batches.polls = 10**9
        answers = batch_engine(server).answer(prompts(3))
        next(answers)
        while not jobs(server):
            pass
        jobs(server)[0] |= {"status": "failed", "errors": {"data": [{"message": "too many tokens are enqueued"}]}}
        with pytest.raises(EngineError, match=r"batch batch_0 failed \(too many tokens are enqueued\); correct it"):
            list(answers)
