"""What was paid is kept and counted, whatever a server calls itself; and the ways to a server beside the plain one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_client import TINY, ask, engine_at, prompts
from fault_server import FaultServer

from sdc.cache.replies import replies
from sdc.errors import BudgetError, EngineError
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("x-latest", "x-2025-01-31"), ("x-latest", "x"), ("x:free", "x"), ("x:free", "x:free"), ("x", "x:free"),
        ("vendor/x:free", "vendor/x-0324"), ("x-2024-08-06", "x"), ("x@20241022", "x"),
        ("x-preview", "x-preview-05-06"),
    ],
)  # fmt: skip
def test_an_alias_is_answered_by_any_build_of_its_model(asked: str, answered: str) -> None:
    assert Served(name=asked).is_same(answered)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("x-latest", "x-mini-2025-01-31"), ("x-0613", "x-1106"), ("x-latest", "y"), ("x", "x-large")],
)
def test_an_alias_is_not_answered_by_another_model(asked: str, answered: str) -> None:
    assert not Served(name=asked).is_same(answered)


def test_what_another_name_answered_is_kept_for_whoever_says_that_it_is_the_same_model(tmp_path: Path) -> None:
    calls = prompts(12)
    with FaultServer(model_shown="gpt-4o-2024-08-06") as server, replies(tmp_path) as cache:
        message = "answers as 'gpt-4o-2024-08-06' and not as 'tiny'; .*served_as=NAME"
        with pytest.raises(EngineError, match=message):
            Asker(TINY, cache, lambda: engine_at(server, concurrency=1), is_server=True).ask(calls)
        paid = len(server.journal)
        assert (paid, len(cache)) == (3, 1)  # the tries of one call
        engine = engine_at(server, served_as="gpt-4o-2024-08-06")
        named = Asker(TINY, cache, lambda: engine, is_server=True, served_as=engine.options.served_names)
        found = named.ask(calls)
        assert {reply.finish for reply in found} == {"stop"}
        assert (named.usage.cached, named.usage.calls) == (1, 11)
        assert named.usage.served == ("gpt-4o-2024-08-06",)
    assert len(server.journal) == paid + 11


def test_another_name_is_said_also_where_all_calls_were_on_their_way(tmp_path: Path) -> None:
    calls = prompts(6)
    with FaultServer(model_shown="vendor/other") as server, replies(tmp_path) as cache:
        with pytest.raises(EngineError, match="served_as=NAME"):
            Asker(TINY, cache, lambda: engine_at(server, concurrency=6, retries=1), is_server=True).ask(calls)
        assert (len(server.journal), len(cache)) == (6, 6)


def test_limits_stop_a_run_whose_server_counts_no_tokens(tmp_path: Path) -> None:
    said: list[str] = []
    budget = Budget(max_tokens=100)
    with FaultServer(script=lambda prompt, nth: "right: no usage") as server, replies(tmp_path) as cache:
        asker = Asker(TINY, cache, lambda: engine_at(server), budget=budget, is_server=True, say=said.append)
        with pytest.raises(BudgetError, match="the budget is spent"):
            asker.ask([Call(prompt=f"{number} " * 10) for number in range(100)])
        assert 0 < len(cache) < 40
    assert said == ["tiny: the server counts no tokens; the limits go by the length of texts"]
    assert (asker.usage.prompt_tokens, asker.usage.completion_tokens) == (None, None)


def test_a_query_behind_the_url_stays_behind_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    from fault_server import _Handler

    paths: list[str] = []
    real: Callable[[Any], None] = _Handler.do_POST

    def noting(self: Any) -> None:
        paths.append(self.path)
        self.path = self.path.partition("?")[0]
        real(self)

    monkeypatch.setattr(_Handler, "do_POST", noting)
    with FaultServer() as server:
        assert ask(engine_at(f"{server.url}?api-version=2025-01-01"), prompts(1))[0].is_answer
        assert ask(engine_at(f"{server.url}/"), prompts(1))[0].is_answer
    assert paths == ["/v1/chat/completions?api-version=2025-01-01", "/v1/chat/completions"]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_that_is_dead_is_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://user:hidden-word@127.0.0.1:9")
    with pytest.raises(
        EngineError, match=r"the connection through the proxy http://\*\*\*@127.0.0.1:9 failed"
    ) as caught:
        ask(engine_at("http://10.255.255.1/v1"), prompts(1))
    assert "hidden" not in str(caught.value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FaultServer() as server:
        assert ask(engine_at(server), prompts(1))[0].is_answer


def test_certificates_that_are_not_there_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sdc.errors import UsageError

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises((UsageError, EngineError), match=r"certificates|connection"):
        ask(engine_at("https://127.0.0.1:9/v1"), prompts(1))
