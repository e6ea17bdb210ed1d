"""Stopping the openai engine: a closed generator, Ctrl-C, kill -9, and what is asked again afterwards."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import waiting
from fault_answers import answer_to
from fault_client import TINY, engine_at, prompts
from fault_server import OK, FaultServer

from sdc.cache.replies import replies
from sdc.errors import EngineError
from sdc.pipelines.engines.ask import Asker

TESTS = Path(__file__).parents[3] / "support"


def test_a_generator_that_is_closed_ends_its_threads_and_requests() -> None:
    with FaultServer(script=lambda prompt, nth: OK if prompt == "prompt 0" else "hang") as server:
        answers = engine_at(server, timeout_s=300).answer(prompts(50))
        assert 0 in next(answers)
        answers.close()
        assert not [thread for thread in threading.enumerate() if "portal" in thread.name]
    assert len(server.journal) <= 5  # of a server that has ended: one may be on its way for a moment


@pytest.mark.timeout(100)
def test_an_end_for_all_does_not_wait_for_requests_that_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdc.pipelines.engines.openai._GRACE_S", 0.5)
    with (
        FaultServer(script=lambda prompt, nth: "401" if prompt == "prompt 3" else "hang") as server,
        pytest.raises(EngineError, match="HTTP 401"),
    ):
        list(engine_at(server, timeout_s=300, concurrency=4).answer(prompts(4)))


_CHILD = """
import sys, threading
sys.path.insert(0, {tests!r})
from fault_client import TINY, ask, engine_at, prompts
from sdc.cache.replies import replies
from sdc.errors import EngineError
from sdc.pipelines.engines.ask import Asker
from pathlib import Path

url, folder, num = sys.argv[1], sys.argv[2], int(sys.argv[3])
engine = engine_at(url, timeout_s=300, concurrency=4)
with replies(Path(folder)) as cache:
    try:
        Asker(TINY, cache, lambda: engine, batch_size=2048).ask(prompts(num))
    except KeyboardInterrupt:
        print("stopped with", threading.active_count(), "thread", flush=True)
"""


def _child(server: FaultServer, folder: Path, num: int, **env: str) -> "subprocess.Popen[str]":
    code = _CHILD.format(tests=str(TESTS))
    return subprocess.Popen(
        [sys.executable, "-c", code, server.url, str(folder), str(num)],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_stops_promptly(tmp_path: Path) -> None:
    with FaultServer(script=lambda prompt, nth: "hang") as server:
        child = _child(server, tmp_path / "replies", 50)
        waiting.until(lambda: len(server.journal) == 4, child)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)  # requests hang for 300 s
    assert (child.returncode, out, err) == (0, "stopped with 1 thread\n", "")


def test_kill_9_loses_no_reply_that_was_kept(tmp_path: Path) -> None:
    folder, journal = tmp_path / "replies", tmp_path / "journal"
    killed = threading.Event()

    def has_kept_20() -> bool:
        return journal.exists() and len(journal.read_text().splitlines()) == 20

    def script(prompt: str, nth: int) -> str:
        if not killed.is_set() and int(prompt.split()[1]) >= 20:
            return "hang"
        return OK

    with FaultServer(script=script) as server:
        child = _child(server, folder, 40, SDC_CALL_JOURNAL=str(journal))
        waiting.until(has_kept_20, child)  # while four requests hang: replies are kept as they come
        child.kill()
        child.communicate()
        before = set(server.good())
        killed.set()
        with replies(folder) as cache:
            asker = Asker(TINY, cache, lambda: engine_at(server))
            found = asker.ask(prompts(40))
    assert len(before) == 20
    assert [reply.text for reply in found] == [answer_to(f"prompt {number}") for number in range(40)]
    assert (asker.usage.cached, asker.usage.calls) == (20, 20)
    assert max(Counter(server.good()).values()) == 1


def test_failures_are_no_hits_and_are_asked_again(tmp_path: Path) -> None:
    with FaultServer(script=lambda prompt, nth: "400" if prompt == "prompt 1" and nth == 0 else OK) as server:
        for finish in ("failed", "stop", "stop"):
            with replies(tmp_path / "replies") as cache:
                found = Asker(TINY, cache, lambda: engine_at(server)).ask(prompts(3))
            assert found[1].finish == finish
    assert server.asked("prompt 0") == [OK]
    assert server.asked("prompt 1") == ["400", OK]
