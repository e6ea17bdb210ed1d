"""One text that is too long for the model fails its row: judge, predict and icl go on, count it and say why.

On this machine with the bundled models, and behind a server that says 400 to it.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_server import FaultServer
from scripted import World, add_data, add_import, world

from sdc.pipelines import tasks

CELL = ("--lang", "en", "--task", "sentiment")
LONG = "word " * 6000
GOOD, BAD = "What a wonderful evening we had together.", "The soup was cold and nobody came to help."
Invoke = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def small(tmp_path: Path) -> World:
    made = world(tmp_path / "store", task=tasks.load("sentiment"))
    rows = [(GOOD, 1), (LONG, 0), (BAD, 0)]
    add_data(made.store, made.cell, rows, split="test")
    add_import(made.store, made.cell, rows)
    return made


@pytest.fixture(params=["local", "server"])
def asked(request: pytest.FixtureRequest) -> Iterator[tuple[list[str], str]]:
    """The flags that say who answers, and what is said of the text that is too long."""
    if request.param == "local":
        yield ["--model", "pocket-student"], "for the answer exceeds the context of 2048"
        return
    script = lambda prompt, nth: "400" if len(prompt) > 9000 else "ok"  # noqa: E731
    with FaultServer(script=script) as server:
        server.say = lambda prompt, seed: "yes" if "yes" in prompt else "positive"
        yield ["--server", server.url, "--model", "api:tiny"], "HTTP 400"


def _icl(invoke: Invoke, flags: list[str]) -> Any:
    return invoke("icl", *CELL, *flags, "--shots", "0", "--decoding", "generate", "--json")


def test_icl_counts_and_names_it(small: World, invoke: Invoke, asked: tuple[list[str], str]) -> None:
    flags, why = asked
    result = _icl(invoke, flags)
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert (made["rows"], made["unanswered"], made["status"]) == (3, 1, "ok")
    (line,) = [line for line in result.stderr.splitlines() if "1 of 3 test rows were not answered" in line]
    assert why in line
    found = small.store.query("select reply is null from outputs where key = ? order by idx", [made["key"]])
    assert found == [(False,), (True,), (False,)]


def test_judge_counts_and_names_it(small: World, invoke: Invoke, asked: tuple[list[str], str]) -> None:
    flags, why = asked
    result = invoke("judge", *CELL, *flags, "--no-gates", "--label-threshold", "0", "--json")
    assert result.exit_code == 0, result.stderr
    made = json.loads(result.stdout)
    assert (made["rows"], made["unanswered"]) == (3, 1)
    assert "no answer to 1 of 3 texts, so not accepted" in result.stderr
    said = small.store.query("select judged_by, reason from verdicts where key = ? order by idx", [made["key"]])
    assert [judged_by for judged_by, _ in said] == ["llm", "none", "llm"]
    assert said[1][1].startswith("no answer: ")
    assert why in said[1][1]


def test_predict_counts_and_names_it(small: World, invoke: Invoke, asked: tuple[list[str], str]) -> None:
    flags, why = asked
    run = json.loads(_icl(invoke, flags).stdout)["key"]
    server = [flag for flag in flags if flag not in ("--model", "pocket-student", "api:tiny")]
    result = invoke("predict", "--run", run, *server, stdin=f"{BAD}\n{LONG}\n{GOOD}\n")
    assert result.exit_code == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["text"] for row in rows] == [BAD, LONG.rstrip("\n"), GOOD]
    assert why in rows[1]["reason"]
    assert rows[1]["label"] is None
    assert not any(why in (row["reason"] or "") for row in (rows[0], rows[2]))
    last = result.stderr.splitlines()[-1]
    assert "3 rows" in last and "without a label" in last
