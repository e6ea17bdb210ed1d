"""The key of a server is in no table, file or output, whatever the server repeats of it and wherever."""

import socket
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fault_client import WAITS
from fault_leaks import FORMS, LEAKS
from fault_server import OK, FaultServer
from scripted import World, add_data, add_import, unlike_any, world

from sdc.cache.store import Store
from sdc.pipelines import tasks
from sdc.pipelines.engines.openai.secrets import scrub

KEY = "sk-Proj/9+aB7cD3eF5gH1iJ&kLmN"
CELL = ("--lang", "en", "--task", "sentiment")
_GETADDRINFO = socket.getaddrinfo
#: Kinds after which nothing more is asked.
_STOP = ("401", "phrase of a 403", "location", "location of a host")
STAGES = {
    "gen": ("gen", *CELL, "--num-texts", "2", "--quota", "40"),
    "judge": ("judge", *CELL, "--no-gates"),
    "icl": ("icl", *CELL, "--shots", "0", "--decoding", "generate"),
    "icl scores": ("icl", *CELL, "--shots", "0", "--decoding", "scores"),
}


def _look_up(host: str | bytes, *where: Any, **how: Any) -> Any:
    """Looks up hosts here only: a resolver may take seconds to say that it knows no other."""
    if host not in ("127.0.0.1", b"127.0.0.1"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _GETADDRINFO(host, *where, **how)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SDC_API_KEY", KEY)
    monkeypatch.setattr("sdc.pipelines.engines.openai.Backoff", lambda: WAITS)
    monkeypatch.setattr(socket, "getaddrinfo", _look_up)
    made = world(tmp_path / "store", task=tasks.load("sentiment"))
    rows = [(unlike_any(number), number % len(made.cell.task.labels)) for number in range(len(LEAKS))]
    add_import(made.store, made.cell, rows)
    add_data(made.store, made.cell, [(f"{text} test", label) for text, label in rows], split="test")
    return made


def contents(store: Store) -> str:
    """Every row of every table, every file of the store's folder, and every reply unpacked."""
    tables = [name for (name,) in store.query("select table_name from information_schema.tables", [])]
    found = [repr(store.query(f'select * from "{name}"', [])) for name in tables]
    files = [path for path in store.path.parent.rglob("*") if path.is_file()]
    found += [path.read_bytes().decode("latin-1") for path in files]
    for database in store.path.parent.rglob("cache.db"):
        with sqlite3.connect(database) as con:
            rows = con.execute("select value, filename from Cache").fetchall()
        con.close()
        for value, filename in rows:
            raw = value if filename is None else (database.parent / filename).read_bytes()
            found.append(zlib.decompress(raw).decode("utf-8"))
    return "\n".join(found)


def look(text: str) -> None:
    """Fails if a form of the key, or eight characters of it in a row, stand in the text."""
    low = text.casefold()
    for name in FORMS.keys() - {"beginning", "end", "masked", "basic", "base64 url", "url", "bearer"}:
        assert FORMS[name](KEY).casefold() not in low, name
    for start in range(len(KEY) - 7):
        assert KEY[start : start + 8].casefold() not in low


@pytest.mark.parametrize("stage", STAGES)
def test_no_leak_of_any_kind_reaches_a_table_a_file_or_an_output(
    small: World, invoke: Callable[..., Any], stage: str
) -> None:
    kinds = [f"leak: {name}" for name in LEAKS if name not in _STOP]
    asked: dict[str, str] = {}
    script = lambda prompt, nth: asked.setdefault(prompt, (kinds[len(asked) :] or [OK])[0])  # noqa: E731
    with FaultServer(script=script) as server:
        how = ("--model", "api:tiny", "--server", server.url, "--engine-arg", "retries=1")
        results = [invoke(*STAGES[stage], *how, "--json")]
        if stage != "gen":
            assert results[0].exit_code == 0, results[0].output
        for name in _STOP:
            server.script = lambda prompt, nth, name=name: f"leak: {name}"
            results.append(invoke(*STAGES[stage], *how, "--force", "--json"))
    keys = [key for (key,) in small.store.query("select key from artifacts", [])]
    results += [invoke("store", "show", key) for key in keys]
    for words in (("eval", *CELL), ("report",), ("report", "data", *CELL), ("store", "ls"), ("store", "verify")):
        results.append(invoke(*words))
    assert len(server.journal) > 6
    look("\n".join(result.output + repr(result.exception) for result in results))
    look(contents(small.store))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_hidden(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDC_API_KEY", KEY)
    look(scrub(f"before {FORMS[form](KEY)} after"))
    assert scrub("before, and after") == "before, and after"


@pytest.mark.parametrize(
    ("variable", "value", "hidden"),
    [
        ("HTTP_PROXY", "http://user:hidden-word@127.0.0.1:9", "hidden-word"),
        ("ALL_PROXY", "http://hidden-token@127.0.0.1:9", "hidden-token"),
        ("http_proxy", "http://user:hid%2Dden@127.0.0.1:9", "hid%2Dden"),
        ("HTTP_PROXY", "httq://user:hidden-word@127.0.0.1:9", "hidden-word"),
    ],
)
def test_a_proxy_is_named_without_its_password(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hidden: str
) -> None:
    monkeypatch.setenv(variable, value)
    result = invoke(*STAGES["icl"], "--model", "api:tiny", "--server", "http://10.255.255.1/v1")
    assert result.exit_code in (2, 4)
    assert hidden not in result.output
    assert "proxy" in result.output
    assert "127.0.0.1:9" in result.output


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_with_a_port_that_is_none_is_one_line(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:65536")
    result = invoke(*STAGES["icl"], "--model", "api:tiny", "--server", "http://10.255.255.1/v1")
    assert result.exit_code == 2
    assert "the URL or the proxy cannot be used" in result.output


@pytest.mark.parametrize(
    "url", ["http://user:hidden-word@127.0.0.1:9/v1?api-key=hidden-key", "htps://u:hidden-word@h/v1"]
)
def test_credentials_in_the_url_are_not_shown(small: World, invoke: Callable[..., Any], url: str) -> None:
    result = invoke(*STAGES["icl"], "--model", "api:tiny", "--server", url)
    assert result.exit_code in (2, 4)
    assert "hidden" not in result.output + contents(small.store)
