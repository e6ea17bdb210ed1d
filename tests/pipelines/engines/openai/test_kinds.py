"""Every kind of fault of the fault server, met by one call: what becomes of it, and what is asked for it."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import fault_kinds
import pytest
from fault_answers import answer_to
from fault_client import ask, engine_at, prompts
from fault_server import OK, FaultServer

from sdc.errors import EngineError
from sdc.pipelines.engines.protocol import Reply


def ask_each(group: str, kinds: Mapping[str, object], *, once: bool) -> tuple[dict[str, Reply], Counter[str]]:
    """The reply to one call per kind that meets it, at its first try or at all, and how often each was asked."""
    names = {f"prompt {number}": name for number, name in enumerate(kinds)}
    script = lambda prompt, nth: OK if once and nth else f"{group}: {names[prompt]}"  # noqa: E731
    with FaultServer(script=script) as server:
        found = ask(engine_at(server, retries=6), prompts(len(names)))
    asked = Counter(names[entry.prompt] for entry in server.journal)
    return dict(zip(names.values(), found, strict=True)), asked


def unlike(replies: Mapping[str, Reply], asked: Mapping[str, int], *, num: int) -> list[str]:
    """The kinds that were not answered rightly with so many requests."""
    right = [("stop", answer_to(f"prompt {number}"), num) for number in range(len(replies))]
    return [
        f"{name}: {reply}"
        for (name, reply), expected in zip(replies.items(), right, strict=True)
        if (reply.finish, reply.text, asked[name]) != expected
    ]


def test_a_right_answer_is_taken_in_whatever_form_it_comes() -> None:
    assert unlike(*ask_each("right", fault_kinds.RIGHT, once=False), num=1) == []


def test_what_is_no_answer_is_asked_again() -> None:
    assert unlike(*ask_each("again", fault_kinds.AGAIN, once=True), num=2) == []


def test_a_no_to_one_call_is_its_row() -> None:
    replies, asked = ask_each("row", fault_kinds.ROW, once=False)
    assert set(asked.values()) == {1}
    for name, reply in replies.items():
        assert reply.finish in ("failed", "refused"), name
        assert reply.reason, name
        assert reply.reason.isprintable(), name
        assert len(reply.reason) <= 200, name


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
@pytest.mark.parametrize("name", ["50 MB", "gzip bomb", "500 of a bomb", "no end"])
def test_bombs_take_little_memory(name: str) -> None:
    with FaultServer(script=lambda prompt, nth: f"again: {name}") as server:
        command = [sys.executable, "-c", _CHILD, str(Path(__file__).parents[3] / "support"), server.url]
        child = subprocess.run(command, capture_output=True, text=True, check=True)
    said, peak_kb = child.stdout.splitlines()
    assert said == "{'failed'}"
    assert int(peak_kb) < 200_000  # eight at once; 60 MB without any
