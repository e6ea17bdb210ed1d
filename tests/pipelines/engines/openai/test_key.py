"""The key of a server: it goes there, and into no error, log, representation or file."""

import logging
from pathlib import Path

import pytest
from fault_client import TINY, ask, engine_at, prompts
from fault_server import FaultServer

from sdc.cache.replies import replies
from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines.ask import Asker


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDC_API_KEY", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


_SECRET = "sk-very-secret-0123456789"


def test_the_key_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("SDC_API_KEY", f" {_SECRET}\n")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    caplog.set_level(logging.DEBUG)
    with FaultServer(key=_SECRET, faults={"500": 0.3}) as server, replies(tmp_path / "replies") as cache:
        engine = engine_at(server)
        found = Asker(TINY, cache, lambda: engine).ask(prompts(20))
    assert {entry.authorization for entry in server.journal} == {f"Bearer {_SECRET}"}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for text in (repr(engine), repr(vars(engine)), str(found), caplog.text, repr(caplog.records)):
        assert _SECRET not in text
    assert _SECRET.encode() not in kept


@pytest.mark.parametrize("where", ["models", "chat"])
def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setenv("SDC_API_KEY", _SECRET)
    models, message = ("tiny",) if where == "models" else None, r"Incorrect API key provided: \*\*\*"
    with FaultServer(key="right", models=models) as server, pytest.raises(EngineError, match=message) as caught:
        ask(engine_at(server), prompts(2))
    assert _SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "SDC_API_KEY" in str(caught.value)


def test_openai_api_key_is_taken_where_sdc_api_key_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", _SECRET)
    with FaultServer(key=_SECRET) as server:
        assert ask(engine_at(server), prompts(1))[0].is_answer
        monkeypatch.setenv("SDC_API_KEY", "")  # an empty one keeps it from servers that it is not for
        with pytest.raises(EngineError, match="HTTP 401"):
            ask(engine_at(server), prompts(1))


def test_a_key_that_cannot_be_sent_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDC_API_KEY", f"{_SECRET}\nx")
    with pytest.raises(UsageError, match=r"\$SDC_API_KEY") as caught:
        engine_at("http://127.0.0.1:9/v1")
    assert _SECRET not in str(caught.value)
