"""The openai engine against a real server on loopback that fails in every way it can."""

import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from fault_answers import answer_to
from fault_client import TINY, ask, engine_at, prompts
from fault_server import OK, FaultServer

from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines.openai import OpenaiEngine
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Reply

TESTS = Path(__file__).parents[3] / "support"
#: Long enough for an answer on a machine that is busy, and short beside a hang.
_TIMEOUT_S = 2.0
#: Faults that another try may mend, and what the last failure is called.
PASSING = {
    "429": "HTTP 429",
    "429-wait": "HTTP 429: slow down",
    "500": "HTTP 500",
    "503": "HTTP 503",
    "408": "HTTP 408",
    "half": "the connection failed",
    "closed": "the connection failed",
    "empty": "the answer is empty",
    "garbage": "the answer is not JSON",
    "shape": "the answer holds no choice",
    "wrong-model": "the answer is from 'another-model' and not from 'tiny'",
    "hang": "no whole answer within 1 s",
    "drip": "no whole answer within 1 s",
}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDC_API_KEY", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


def own_threads() -> list[str]:
    """The threads of the engine; those of the server may take a moment to end."""
    return [thread.name for thread in threading.enumerate() if "portal" in thread.name]


def test_replies_of_a_server_that_works() -> None:
    with FaultServer() as server:
        found = ask(engine_at(server), prompts(30))
        answers = engine_at(server).answer(prompts(1))
        next(answers)
        assert own_threads(), "the name by which these tests know them"
        answers.close()
    assert [reply.text for reply in found] == [answer_to(f"prompt {number}") for number in range(30)]
    first = found[0]
    assert (first.finish, first.reason, first.prompt_tokens, first.completion_tokens) == ("stop", "", 2, 2)
    assert first.cached_tokens == 1
    assert first.seconds > 0


def test_nothing_to_ask_asks_nothing() -> None:
    assert list(engine_at("http://127.0.0.1:9/v1").answer([])) == []


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_tried_again(fault: str) -> None:
    with FaultServer(script=lambda prompt, nth: fault if nth < 1 else OK) as server:
        (reply,) = ask(engine_at(server, timeout_s=_TIMEOUT_S), prompts(1))
    assert (reply.finish, reply.text) == ("stop", answer_to("prompt 0"))
    assert server.asked("prompt 0") == [fault, OK]


@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_ends_with_its_reason(fault: str) -> None:
    script = lambda prompt, nth: fault if prompt == "prompt 1" else OK  # noqa: E731
    with FaultServer(script=script) as server:
        found = ask(engine_at(server, timeout_s=1.0, retries=2), prompts(3))
    assert [reply.finish for reply in found] == ["stop", "failed", "stop"]
    assert not found[1].is_answer
    assert found[1].reason.startswith(f"no answer in 2 tries; the last one: {PASSING[fault]}")
    assert server.asked("prompt 1") == [fault] * 2


@pytest.mark.parametrize(
    ("fault", "finish", "reason"),
    [
        ("400", "failed", "HTTP 400: fault 400"),
        ("413", "failed", "HTTP 413: fault 413"),
        ("filter", "refused", "HTTP 400: the prompt was filtered"),
        ("refusal", "refused", "I will not write that."),
        ("length", "length", ""),
    ],
)
def test_what_concerns_one_prompt_is_not_tried_again(fault: str, finish: str, reason: str) -> None:
    with FaultServer(script=lambda prompt, nth: fault if prompt == "prompt 1" else OK) as server:
        found = ask(engine_at(server), prompts(3))
    assert [reply.finish for reply in found] == ["stop", finish, "stop"]
    assert found[1].reason == reason
    assert server.asked("prompt 1") == [fault]
    assert bool(found[1].text) == (fault == "length")


@pytest.mark.parametrize("fault", ["401", "402", "403", "404"])
def test_what_concerns_all_calls_stops_the_run_at_once(fault: str) -> None:
    message = rf"^http://127.*: the server says no \(HTTP {fault}: fault {fault}\); \w+"
    with FaultServer(script=lambda prompt, nth: fault) as server, pytest.raises(EngineError, match=message):
        ask(engine_at(server, concurrency=2), prompts(50))
    assert len(server.journal) <= 4
    assert not own_threads()


def test_what_came_before_the_end_is_yielded() -> None:
    with FaultServer(script=lambda prompt, nth: "401" if prompt == "prompt 9" else OK) as server:
        found: dict[int, Reply] = {}
        with pytest.raises(EngineError):
            for group in engine_at(server, concurrency=1).answer(prompts(20)):
                found.update(group)
    assert {position: reply.text for position, reply in found.items()} == {
        position: answer_to(f"prompt {position}") for position in range(9)
    }


@pytest.mark.parametrize("seed", range(2))
def test_any_mixture_of_faults_ends_with_an_answer_or_a_reason(seed: int) -> None:
    faults = dict.fromkeys(PASSING, 0.045) | {"400": 0.02, "filter": 0.02, "refusal": 0.02, "length": 0.02}
    faults |= {"hang": 0.02, "drip": 0.02}
    calls = prompts(40)
    with FaultServer(faults=faults, seed=seed) as server:
        found = ask(engine_at(server, timeout_s=_TIMEOUT_S, retries=3, concurrency=8), calls)
    assert {reply.finish for reply in found} <= {"stop", "length", "refused", "failed"}
    for call, reply in zip(calls, found, strict=True):
        met = server.asked(call.prompt)
        assert len(met) <= 3
        assert bool(reply.reason) == (reply.finish in ("refused", "failed"))
        if reply.finish == "stop":
            assert (reply.text, met[-1]) == (answer_to(call.prompt), OK)
        if reply.finish == "length":
            assert met[-1] == "length"
    assert max(Counter(server.good()).values()) == 1, "a call that had its answer was asked again"
    assert any(len(server.asked(call.prompt)) > 1 for call in calls)
    assert not own_threads()


def test_time_is_bounded_when_every_request_hangs() -> None:
    with FaultServer(faults={"hang": 0.5, "drip": 0.5}, hang_s=300) as server:
        engine = engine_at(server, timeout_s=0.3, retries=2, concurrency=4)
        start = time.monotonic()
        found = ask(engine, prompts(8))
        took_s = time.monotonic() - start
    assert {reply.finish for reply in found} == {"failed"}
    bound_s = 8 / 4 * 2 * (0.3 + 0.3)  # calls / concurrency x tries x (timeout + longest wait)
    assert took_s < bound_s + 60  # an overloaded machine; a hang lasts 300 s


def test_a_server_that_is_down_ends_the_run_and_what_it_answered_stays() -> None:
    script = lambda prompt, nth: OK if int(prompt.split()[1]) < 10 else "500"  # noqa: E731
    with FaultServer(script=script) as server:
        found: dict[int, Reply] = {}
        with pytest.raises(
            EngineError, match=r"last 20 tries failed.* counts as down \(the last: HTTP 500: fault 500\)"
        ):
            for group in engine_at(server, concurrency=2, retries=4).answer(prompts(1000)):
                found.update(group)
    assert sum(reply.finish == "stop" for reply in found.values()) == 10
    assert len(server.journal) < 50


def test_an_outage_that_the_waits_outlast_is_no_reason_to_stop() -> None:
    with FaultServer(script=lambda prompt, nth: "closed" if nth < 3 else OK) as server:
        found = ask(engine_at(server, concurrency=16, retries=4), prompts(16))
    assert {reply.finish for reply in found} == {"stop"}
    assert len(server.journal) == 64


def test_a_server_that_is_not_there_is_one_line() -> None:
    with pytest.raises(EngineError, match=r"^http://127.0.0.1:9/v1: cannot reach the server: the connection failed"):
        ask(engine_at("http://127.0.0.1:9/v1"), prompts(3))


def test_retry_after_is_waited_for_by_all() -> None:
    script = lambda prompt, nth: "429-wait" if prompt == "prompt 0" and nth == 0 else OK  # noqa: E731
    with FaultServer(script=script, retry_after="0.3") as server:
        ask(engine_at(server, concurrency=2), prompts(300))
    times = sorted(entry.at_s for entry in server.journal)
    pause = next(i for i, (one, next_one) in enumerate(itertools.pairwise(times)) if next_one - one > 0.2)
    assert pause < 150, "the other calls went on while the server had asked to be left alone"


def test_no_server_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--server"):
        OpenaiEngine(TINY, options=EngineOptions())


@pytest.mark.parametrize("url", ["http://", "http://[", "http://host:port/v1"])
def test_a_url_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises((UsageError, EngineError), match=r"server|URL"):
        ask(engine_at(url), prompts(1))


def test_passwords_in_the_url_are_not_shown() -> None:
    with pytest.raises(EngineError, match=r"^http://127.0.0.1:9/v1: ") as caught:
        ask(engine_at("http://user:hidden@127.0.0.1:9/v1?token=hidden"), prompts(1))
    assert "hidden" not in str(caught.value)


def test_importing_the_engine_does_not_import_openai() -> None:
    code = "import sys; import sdc.pipelines.engines.openai; print({'httpx2', 'anyio'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
