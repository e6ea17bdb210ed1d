"""Every kind of fault of the fault server, met by one call: what becomes of it, and what is asked for it."""

import subprocess
import sys
from pathlib import Path

import pytest

import fault_kinds
from fault_answers import answer_to
from fault_client import ask, engine_at, prompts
from fault_server import OK, FaultServer
from sdc.errors import EngineError

RIGHT = answer_to("prompt 0")


@pytest.mark.parametrize("name", fault_kinds.RIGHT)
def test_a_right_answer_is_taken_in_whatever_form_it_comes(name: str) -> None:
    with FaultServer(script=lambda prompt, nth: f"right: {name}") as server:
        (reply,) = ask(engine_at(server), prompts(1))
    assert (reply.finish, reply.text, len(server.journal)) == ("stop", RIGHT, 1)


@pytest.mark.parametrize("name", fault_kinds.AGAIN)
def test_what_is_no_answer_is_asked_again(name: str) -> None:
    with FaultServer(script=lambda prompt, nth: OK if nth else f"again: {name}") as server:
        (reply,) = ask(engine_at(server), prompts(1))
    assert (reply.finish, reply.text, len(server.journal)) == ("stop", RIGHT, 2)


@pytest.mark.parametrize("name", fault_kinds.ROW)
def test_a_no_to_one_call_is_its_row(name: str) -> None:
    script = lambda prompt, nth: f"row: {name}" if prompt == "prompt 0" else OK  # noqa: E731
    with FaultServer(script=script) as server:
        first, second = ask(engine_at(server), prompts(2))
    assert first.finish in ("failed", "refused")
    assert first.reason
    assert first.reason.isprintable()
    assert len(first.reason) <= 200
    assert (second.finish, len(server.journal)) == ("stop", 2)


@pytest.mark.parametrize("name", fault_kinds.STOP)
def test_a_no_to_all_calls_stops_the_run(name: str) -> None:
    with FaultServer(script=lambda prompt, nth: f"stop: {name}") as server, pytest.raises(EngineError) as caught:
        ask(engine_at(server, concurrency=2), prompts(50))
    assert "\n" not in str(caught.value)
    assert len(server.journal) < 12


_CHILD = """
import re, sys
sys.path.insert(0, sys.argv[1])
from fault_client import ask, engine_at, prompts
print({reply.finish for reply in ask(engine_at(sys.argv[2], concurrency=8, retries=2), prompts(8))})
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("name", ["50 MB", "50 MB at once", "gzip bomb", "500 of a bomb", "no end"])
def test_bombs_take_little_memory(name: str) -> None:
    with FaultServer(script=lambda prompt, nth: f"again: {name}") as server:
        command = [sys.executable, "-c", _CHILD, str(Path(__file__).parents[2]), server.url]
        child = subprocess.run(command, capture_output=True, text=True, check=True)
    said, peak_kb = child.stdout.splitlines()
    assert said == "{'failed'}"
    assert int(peak_kb) < 200_000  # eight at once; 60 MB without any
