"""Keys from arguments and stdin, and the store that a command works on."""

import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sdc.cache.store import Artifact, Store
from sdc.cli import options
from sdc.cli.groups import Common, grouped
from sdc.errors import UsageError
from sdc.pipelines.stage import Context


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def test_keys_from_arguments_and_stdin_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b'abcd12\n\n{"key": "ffff00", "hit": true}\n')
    assert options.keys(["ABCD12", "-", "0123"]) == ["abcd12", "ffff00", "0123"]


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"hello world", b"{", b"{}", b'{"key": 3}', b"[1]", b"\xff\xfe\x00a"]
)
def test_garbage_on_stdin_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    piped(monkeypatch, content)
    with pytest.raises(UsageError) as caught:
        options.keys(["-"])
    assert "\n" not in str(caught.value)


def test_a_terminal_is_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    piped(monkeypatch, b"")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(UsageError, match="reads keys from a pipe"):
        options.keys(["-"])


def test_the_store_is_the_flag_then_the_environment_then_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options.store(None).path == Path(".sdc/store.duckdb").resolve()
    monkeypatch.setenv("SDC_STORE", "/somewhere/x.duckdb")
    assert options.store(None).path == Path("/somewhere/x.duckdb")
    assert options.store(Path("y.duckdb")).path == Path("y.duckdb").resolve()


def test_lang_and_task_keep_the_matching_keys(
    store: Store, chain: dict[str, Artifact], make: Callable[..., Artifact]
) -> None:
    context = Context(store=store)
    other = make("data", "sw")
    store.put(other, {})
    both = [chain["data"].key, other.key]

    def found(langs: list[str] | None, tasks: list[str] | None) -> list[str]:
        return [str(cell) for cell, _ in options.inputs(context, both, langs, tasks, stages=("data",))]

    assert found(None, None) == ["te/topic", "sw/topic"]
    assert found(["sw"], None) == ["sw/topic"]
    assert found(None, ["topic"]) == ["te/topic", "sw/topic"]
    with pytest.raises(UsageError, match="none of the keys fits"):
        found(["en"], None)


def test_a_group_of_flags_reaches_the_command_as_one_object() -> None:
    seen = []

    def command(name: str = "x", *, common: Common) -> None:
        """Says so."""
        seen.append((name, common))

    grouped(command)(name="y", store=None, force=True, dry_run=False, as_json=True)
    assert seen == [("y", Common(force=True, as_json=True))]
    flags = inspect.signature(grouped(command)).parameters
    assert list(flags) == ["name", "store", "force", "dry_run", "as_json"]
    assert flags["force"].default is False
