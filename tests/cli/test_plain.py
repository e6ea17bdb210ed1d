"""Values that flags take as they are: those that typer would make of them; about all others typer is asked."""

from pathlib import Path
from typing import Any

import pytest
import typer

from sdc.cli import plain
from sdc.cli.main import application

VALUES: list[Any] = [
    "", " ", "a", "te,sw", "\u00e9", "a\0b", "\udc80", "-1", "0", "1", "7", "007", "+3", "1_000", " 5", "2.5", "-0.25",
    "1e3", ".5", "5.", "nan", "inf", "99999999999999999999", "true", "off", ".", "/", "/no/such/place", "-", "table",
    b"a", 0, 3, 0.5, 3.0, True, None, Path(), Path("/no/such"), ["a", "b"], ("1", "2"), (), [], ["\udc80"], [1],
    "x" * 5000,
]  # fmt: skip


def _parameters() -> list[Any]:
    """Returns all parameters of all commands."""
    found, commands = [], [typer.main.get_command(application())]
    for command in commands:
        found += [parameter for parameter in command.params if hasattr(parameter, "type_descriptor")]
        commands += getattr(command, "commands", {}).values()
    return found


def test_what_is_taken_is_what_typer_makes_of_it() -> None:
    """Of every kind of flag there is."""
    taken = set()
    for parameter in _parameters():
        for value in VALUES:
            described = parameter.type_descriptor
            found = plain._taken(value, described.annotation, described.parameter_info)
            if found is not plain._OTHER:
                expected = parameter.get_runtime_param().coerce(value, param=parameter, ctx=None)
                assert (found, type(found)) == (expected, type(expected)), (parameter.name, value)
                taken.add(str(described.annotation))
    assert len(taken) == 6, taken  # text, numbers, paths, and lists of text and paths


def _kind(name: str) -> tuple[Any, Any]:
    described = next(p.type_descriptor for p in _parameters() if p.name == name)
    return described.annotation, described.parameter_info


def test_a_path_that_may_not_be_read_is_for_typer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.duckdb"
    path.touch()
    assert plain._taken(str(path), *_kind("store")) == path
    monkeypatch.setattr("os.access", lambda *about: False)
    assert plain._taken(str(path), *_kind("store")) is plain._OTHER


def test_the_default_of_a_flag_and_its_callback_are_as_before() -> None:
    command = typer.main.get_command(application())
    version: Any = next(parameter for parameter in command.params if parameter.name == "version")
    plain.take([version])
    assert version.process_value(None, None) is None
    with pytest.raises(typer.Exit):
        version.process_value(None, True)
