"""`--json` is one convention: a JSON object a line on stdout, of every command that prints anything there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer.main
from bad_input_files import Chain, Place

from sdc.cache.store import Artifact, Store
from sdc.cli.main import application

Invoke = Callable[..., Any]


def lines(result: Any) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found and all(isinstance(item, dict) for item in found), result.stderr
    return found


def test_every_command_has_it() -> None:
    program: Any = typer.main.get_command(application())
    for command in program.commands.values():
        for one in (command, *getattr(command, "commands", {}).values()):
            if one.callback is not None:
                assert "as_json" in {parameter.name for parameter in one.params}, one.name


def test_the_store(invoke: Invoke, chain: dict[str, Artifact], store: Store, tmp_path: Path) -> None:
    (verified,) = lines(invoke("store", "verify", "--json"))
    assert (verified["num_artifacts"], verified["faults"]) == (7, [])
    (collected,) = lines(invoke("store", "gc", "--dry-run", "--json"))
    assert collected["dry_run"] is True and collected["orphan_rows"] == 0
    (merged,) = lines(invoke("store", "merge", str(store.path), "--store", str(tmp_path / "new.duckdb"), "--json"))
    assert merged["artifacts"] == 7
    rows = lines(
        invoke("store", "sql", "select idx, text from examples where key = '" + chain["test"].key + "'", "--json")
    )
    assert [row["idx"] for row in rows] == [0, 1]


def test_a_fault_is_told_in_json_too(invoke: Invoke, chain: dict[str, Artifact], store: Store) -> None:
    with store.open(write=True) as con:
        con.execute("delete from examples where key = ?", [chain["test"].key])
    found = invoke("store", "verify", "--json")
    assert found.exit_code == 3
    assert lines(found)[0]["faults"] and found.stderr.count("\n") == 1


def test_reports(invoke: Invoke, chain_of_stages: Chain, tmp_path: Path) -> None:
    place = Place(folder=tmp_path / "place")
    chain_of_stages(place)
    at = ("--store", str(place.store.path))
    listed = json.loads(invoke("report", "--format", "json", *at).stdout)
    assert lines(invoke("report", "--json", *at)) == listed
    assert {"kind", "setting"} <= lines(invoke("report", "deviations", "--json", *at))[0].keys()
    assert lines(invoke("report", "data", "--json", *at)) == json.loads(
        invoke("report", "data", "--format", "json", *at).stdout
    )
    both = invoke("report", "--json", "--format", "md", *at)
    assert both.exit_code == 2 and "--json and --format exclude each other" in both.stderr
