"""A cell that cannot be done stops no other; numbers that a user names are done or refused; rows of two artifacts."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import once
import program
import pytest
import typer
from scripted import add_data, add_import, unlike_any

from sdc.cache.store import Store
from sdc.cli.incomplete import Cells
from sdc.errors import DataError, EngineError, StoreError
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell
from sdc.pipelines.stage import Outcome

Invoke = Callable[..., Any]


def cell(store: Store, lang: str, task: str = "sentiment") -> Cell:
    return cells.expand(store, [lang], [task])[0]


def rows(first: int, number: int) -> list[tuple[str, int]]:
    return [(unlike_any(first + i), i % 2) for i in range(number)]


def fill(store: Store, lang: str, *, human: int = 12, synthetic: int = 20, test: int = 6) -> None:
    """Human, synthetic and test rows of sentiment (two labels) in one language; 0 leaves a part out."""
    where = cell(store, lang)
    start = 1000 * sum(map(ord, lang))
    if human:
        add_data(store, where, rows(start, human))
    if synthetic:
        add_import(store, where, rows(start + 200, synthetic))
    if test:
        add_data(store, where, rows(start + 400, test), split="test")


def lines(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_terminal_gets_the_keys_of_all_cells_as_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [[Outcome(key=f"{number:02}" * 32, hit=False, summary={}) for number in (i, i + 1)] for i in (10, 20, 30)]
    for is_terminal in (False, True):
        monkeypatch.setattr("sys.stdout.isatty", lambda is_terminal=is_terminal: is_terminal)
        with Cells("train", total=3) as doing:
            for outcomes in made:
                doing.done(outcomes)
    *piped, shown = capsys.readouterr().out.splitlines()
    assert piped == [outcome.key[:12] for outcomes in made for outcome in outcomes]
    assert shown == "101010101010 ... 313131313131: 6 keys; a pipe or a file gets them all"


# -- one incomplete cell ------------------------------------------------------------------------------------------


@pytest.fixture
def three(store: Store) -> Store:
    """te and id are whole, sw lacks synthetic rows and a test, and az has nothing."""

    def make(new: Store) -> None:
        fill(new, "te")
        fill(new, "sw", synthetic=0, test=0)
        fill(new, "id")

    once.store("three", lambda path: make(Store(path)), store.path)
    return store


FLAGS = ("--lang", "te,az,sw,id", "--task", "sentiment")


def chain(invoke: Invoke, *command: str) -> Any:
    return invoke(*command, *FLAGS)


def test_every_command_does_the_other_cells_and_names_the_incomplete_ones(three: Store, invoke: Invoke) -> None:
    steps: list[tuple[tuple[str, ...], int, list[str]]] = [
        (("gen", "--quota", "2", "--num-texts", "2"), 3, ["no human train examples of az/sentiment"]),
        (("judge", "--gates-only"), 3, ["no gen artifact of az/sentiment"]),
        (("sample", "--repeats", "1", "--sizes", "all"), 3, ["no gen artifact of az/sentiment"]),
        (("train",), 2, ["no sample draws of az/sentiment", "no human test examples of sw/sentiment"]),
        (("icl", "--shots", "0"), 2, ["no human test examples of az/sentiment", "test examples of sw/sentiment"]),
        (("eval",), 4, ["no runs of az/sentiment", "no runs of sw/sentiment"]),
    ]
    for command, made, named in steps:
        dry = chain(invoke, *command, "--dry-run") if command[0] != "eval" else None
        done = chain(invoke, *command)
        for result in (dry, done):
            if result is None:
                continue
            assert result.exit_code == 5, result.stderr
            errors = [line for line in result.stderr.splitlines() if line.startswith("sdc: ")]
            assert len(errors) == len(named), errors
            for line, words in zip(errors, named, strict=True):
                assert words in line
            assert f"{len(named)} of 4 are incomplete" in result.stderr
        assert len(done.stdout.split()) == made, command
    assert "no test examples of az/sentiment, sw/sentiment" in chain(invoke, "sample", "--repeats", "1").stderr


def test_report_shows_the_others_and_names_what_is_missing(three: Store, invoke: Invoke) -> None:
    invoke("sample", "--lang", "te,id", "--task", "sentiment", "--repeats", "1", "--sizes", "all")
    invoke("train", "--lang", "te,id", "--task", "sentiment")
    invoke("eval", "--lang", "te", "--task", "sentiment")
    done = chain(invoke, "report", "--format", "json")
    assert done.exit_code == 5
    assert {row["lang"] for row in json.loads(done.stdout)} == {"te"}
    assert "no runs of az/sentiment; run `sdc train --lang az --task sentiment`" in done.stderr
    assert "1 run of id/sentiment, and none is evaluated; run `sdc eval --lang id" in done.stderr
    assert invoke("report", "--lang", "te", "--task", "sentiment").exit_code == 0
    cards = chain(invoke, "report", "data", "--format", "json")
    assert cards.exit_code == 5
    assert [card["cell"] for card in json.loads(cards.stdout)] == ["te/sentiment", "id/sentiment"]
    assert "no gen artifact of sw/sentiment" in cards.stderr
    shown = invoke("data", "show", "--lang", "te,az,sw", "--task", "sentiment", "--json")
    assert shown.exit_code == 5
    assert {json.loads(line)["lang"] for line in shown.stdout.splitlines()} == {"te", "sw"}
    assert "no data of az/sentiment" in shown.stderr


ALL = ("--lang", "all", "--task", "all")


def test_all_is_what_there_is_and_what_lacks_something_is_passed_over(three: Store, invoke: Invoke) -> None:
    """No cell has to be named from data to report, and none that the store has nothing of is asked for."""
    steps: list[tuple[tuple[str, ...], int, str]] = [
        (("sample", *ALL, "--repeats", "1", "--sizes", "all"), 2, "sw/sentiment synthetic: no gen artifact"),
        (("train", *ALL), 2, "sw/sentiment: no sample draws"),
        (("icl", *ALL, "--shots", "0"), 2, "sw/sentiment: no human test examples"),
        (("eval",), 4, "sw/sentiment: no runs"),
    ]
    for command, made, said in steps:
        done = invoke(*command)
        assert (done.exit_code, len(done.stdout.split())) == (0, made), done.stderr
        assert f"{command[0]}: passes over {said}\n" in done.stderr and "az" not in done.stderr
    for command in (("report", "--wide", *ALL), ("report", "--wide")):
        shown = invoke(*command)
        assert shown.exit_code == 0 and "linear" in shown.stdout and "sw" not in shown.stdout, shown.stderr


def test_all_that_lack_something_are_an_error(three: Store, invoke: Invoke) -> None:
    done = invoke("judge", "--lang", "sw", "--task", "all", "--gates-only")
    assert (done.exit_code, done.stdout) == (5, "") and "no gen artifact of sw/sentiment" in done.stderr
    nothing = invoke("judge", "--lang", "te-IN", "--task", "all")
    assert nothing.exit_code == 5 and "nothing of --lang te-IN --task all is there; it has te" in nothing.stderr


def test_the_exit_code_is_that_of_the_first_error() -> None:
    for first, second in ((EngineError, DataError), (DataError, EngineError)):
        with pytest.raises(typer.Exit) as ended, Cells("gen", total=2) as doing:
            doing.lacks("te/topic", first("one"))
            doing.lacks("sw/topic", second("two"))
        assert ended.value.exit_code == first.exit_code


def test_another_tag_of_the_language_is_named(three: Store, invoke: Invoke) -> None:
    invoke("sample", "--lang", "te", "--task", "sentiment", "--source", "human", "--repeats", "1", "--sizes", "all")
    flags = ("--lang", "te-IN", "--task", "sentiment")
    for command in ("data show", "sample", "train"):
        assert "the store has te/sentiment: --lang te" in invoke(*command.split(), *flags).stderr, command
    invoke("train", "--lang", "te", "--task", "sentiment")
    assert "the store has te/sentiment: --lang te" in invoke("eval", *flags).stderr
    assert "the store has te: --lang te" in invoke("report", *flags).stderr


def test_keys_that_were_made_are_printed_when_a_later_cell_ends_the_command(three: Store, invoke: Invoke) -> None:
    done = invoke("gen", "--lang", "te,id", "--task", "sentiment", "--quota", "2", "--max-calls", "8")
    assert done.exit_code == 4
    assert len(done.stdout.split()) == 1, done.stderr


def test_an_error_of_the_engine_that_repeats_ends_the_command(three: Store, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    done = invoke("gen", "--lang", "te,id,sw", "--task", "sentiment", "--model", str(tmp_path / "broken"))
    assert done.exit_code in (2, 4) and done.stdout == ""
    assert len([line for line in done.stderr.splitlines() if line.startswith("sdc: ")]) <= 2


def test_an_error_that_ends_the_command_is_said_once(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StoreError, match="no store"), Cells("sample", total=3) as cells:
        for where in (cell(store, lang) for lang in ("te", "sw", "en")):
            with cells.one(where):
                raise StoreError("no store", "x.duckdb", "make one")
    assert capsys.readouterr().err == "sample: 1 of 3 were not begun\n"


def test_hints_fit_the_source(store: Store, invoke: Invoke) -> None:
    where = cell(store, "te")
    add_data(store, where, [(unlike_any(i), 0) for i in range(9)])
    add_import(store, where, [(unlike_any(100 + i), 0) for i in range(9)])
    human = invoke("sample", "--lang", "te", "--task", "sentiment", "--source", "human")
    assert "sdc data add" in human.stderr and "sdc gen" not in human.stderr
    elsewhere = invoke("sample", "--lang", "te", "--task", "sentiment")
    assert "made elsewhere" in elsewhere.stderr and "--top-up" not in elsewhere.stderr


# -- numbers are done or refused ----------------------------------------------------------------------------------


def test_sizes_that_are_named_are_drawn_or_refused(store: Store, invoke: Invoke) -> None:
    fill(store, "te", synthetic=900)
    sample = ("sample", "--lang", "te", "--task", "sentiment", "--repeats", "1", "--json")
    made = lines(invoke(*sample, "--sizes", "500,800"))  # the task's own grid ends at 400
    assert made[0]["real_sizes"] == {"500": 500, "800": 800}
    refused = invoke(*sample, "--sizes", "10,5000")
    assert (refused.exit_code, refused.stdout) == (5, "")
    assert "5000 synthetic rows of te/sentiment are asked for, and there are 900" in refused.stderr
    # Those of a preset are wishes.
    assert max(map(int, {*lines(invoke(*sample))[0]["real_sizes"]} - {"all"})) <= 400
    # One cell that cannot stops no other.
    fill(store, "sw", synthetic=10)
    both = invoke("sample", "--lang", "sw,te", "--task", "sentiment", "--repeats", "1", "--sizes", "100", "--json")
    assert both.exit_code == 5
    assert [line["real_sizes"] for line in lines(both)] == [{"100": 100}]
    seeds = invoke(*sample, "--sizes", "4", "--source", "seeds", "--seeds-from", "human", "--per-label", "5")
    assert lines(seeds)[0]["real_sizes"] == {"4": 4}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("train", "--sizes", "10,4000"), "no draw of size 4000"),
        (("train", "--repeats", "9"), "9 repeats are asked for, and there are 2"),
        (("icl", "--sizes", "10,4000"), "no draw of size 4000"),
        (("icl", "--shots", "50"), "50 shots per label, and a draw of size 10 has 5 of each in it"),
        (("icl", "--shots", "50", "--shot-strategy", "nearest"), "a draw of size 10 has 5 of each in it"),
        (("icl", "--select", "0,4"), "4 shots per label, and a draw of size 10 has 3 of each beside"),
        (("icl", "--select", "0,1", "--dev-rows", "1"), "1 held-out rows, and te/sentiment has 2 labels"),
        (("gen", "--num-seeds", "7"), "7 seed examples of 'negative' are asked for te/sentiment, and 6 are there"),
        (("sample", "--source", "seeds", "--seeds-from", "human", "--per-label", "7"), "7 seeds of 'negative'"),
        (("sample", "--per-label", "3"), "add --seeds-from human"),
        (("sample", "--source", "human", "--seeds-from", "human"), "source human has no seeds"),
    ],
)
def test_numbers_that_are_named_are_refused_where_they_cannot_be(
    store: Store, invoke: Invoke, command: tuple[str, ...], message: str
) -> None:
    where = ("--lang", "te", "--task", "sentiment")

    def make(new: Store) -> None:
        fill(new, "te")
        words = ("sample", *where, "--sizes", "10", "--repeats", "2", "--store", str(new.path))
        assert program.sdc(words).exit_code == 0

    once.store("te_drawn", lambda path: make(Store(path)), store.path)
    done = invoke(*command, *where)
    assert (done.exit_code, done.stdout) in ((5, ""), (2, ""))
    assert message in done.stderr


def test_a_presets_shots_are_kept_as_they_were_shown(store: Store, invoke: Invoke) -> None:
    where = ("--lang", "te", "--task", "sentiment")
    add_import(store, cell(store, "te"), [(unlike_any(i), int(i == 3)) for i in range(4)])
    add_data(store, cell(store, "te"), rows(400, 6), split="test")
    invoke("sample", *where, "--repeats", "1")
    keys = invoke("icl", *where, "--decoding", "scores")  # two shots per label, and each draw has one of `positive`
    assert keys.exit_code == 0, keys.stderr
    found = store.query("select num_rows, num_shots, len(json_extract(details, '$.shots[*]')) from runs order by all")
    assert found == [(2, 1, 2), (4, 1, 2)]
    assert invoke("icl", *where, "--decoding", "scores", "--shots", "1").stdout == keys.stdout  # the same runs
    refused = invoke("icl", *where, "--decoding", "scores", "--shots", "2")
    assert (refused.exit_code, refused.stdout) == (5, "")


# -- rows of two artifacts ----------------------------------------------------------------------------------------


def _rows_of(store: Store, size: str) -> list[tuple[str, int]]:
    """Counts a draw's rows by source and label."""
    found = store.query(
        """select e.source, e.label from (
            select size, repeat, example_key as key, unnest(members) as idx from draws
            union all select size, repeat, human_key, unnest(human_members) from draws
        ) d join examples e using (key, idx) where d.size = ? and d.repeat = 0""",
        [size],
    )
    return sorted(Counter(f"{source} {label}" for source, label in found).items())


def test_human_and_synthetic_rows_in_one_draw(store: Store, invoke: Invoke) -> None:
    fill(store, "te")
    where = ("--lang", "te", "--task", "sentiment")
    sample = invoke("sample", *where, "--source", "human+synthetic", "--sizes", "10,all", "--repeats", "2", "--json")
    assert lines(sample)[0]["real_sizes"] == {"10": 22, "all": 32}
    assert _rows_of(store, "10") == [("human 0", 6), ("human 1", 6), ("synthetic 0", 5), ("synthetic 1", 5)]
    trained = invoke("train", *where, "--json")
    assert [(line["source"], line["num_rows"]) for line in lines(trained)] == [
        ("human+synthetic", 22), ("human+synthetic", 22), ("human+synthetic", 32)
    ]  # fmt: skip
    asked = invoke("icl", *where, "--source", "human+synthetic", "--sizes", "10", "--select", "0,2")
    assert asked.exit_code == 0, asked.stderr
    assert invoke("eval", *where).exit_code == 0
    report = json.loads(invoke("report", *where, "--format", "json").stdout)
    assert {row["rows"] for row in report if row["method"] == "linear"} == {22, 32}
    assert invoke("store", "verify").exit_code == 0


def test_seeds_of_a_generation_made_elsewhere_come_from_human_data(store: Store, invoke: Invoke) -> None:
    fill(store, "te")
    sample = (
        "sample",
        "--lang",
        "te",
        "--task",
        "sentiment",
        "--source",
        "seeds+synthetic",
        "--repeats",
        "1",
        "--json",
    )
    assert "--seeds-from human" in invoke(*sample).stderr
    made = [
        lines(invoke(*sample, "--sizes", "10", "--seeds-from", "human", "--per-label", "4", "--seed", seed))[0]
        for seed in ("1", "1", "2")
    ]
    assert [line["hit"] for line in made] == [False, True, False]
    assert (made[0]["real_sizes"], made[0]["seeds"], made[0]["seeds_from"]) == ({"10": 18}, "4", "human")
    chosen = {tuple(ids) for (ids,) in store.query("select human_members from draws")}
    assert len(chosen) == 2 and all(len(ids) == 8 for ids in chosen)
    (config,) = store.query("select config from artifacts where key = ?", [made[0]["key"]])[0]
    assert json.loads(config)["per_label"] == 4
    assert store.query("select distinct seeds from origins") == [("4",)]


# -- test texts among training rows -------------------------------------------------------------------------------


def test_leaks_are_said_at_once_and_marked_in_the_report(store: Store, invoke: Invoke) -> None:
    fill(store, "te", test=0)
    where = ("--lang", "te", "--task", "sentiment")
    start = 1000 * sum(map(ord, "te"))
    add_data(store, cell(store, "te"), [*rows(start, 3), *rows(start + 400, 3)], split="test")  # 3 of 6 in train
    said = "3 of 6 test texts (50.0%, 3 word for word) stand among human rows it learns from"
    sample = invoke("sample", *where, "--source", "human,human+synthetic,synthetic", "--sizes", "all", "--repeats", "1")
    assert sample.exit_code == 0, sample.stderr
    assert f"sample te/sentiment: {said}" in sample.stderr
    assert "stand among synthetic" not in sample.stderr
    assert f"train te/sentiment: {said}" in invoke("train", *where).stderr
    asked = invoke("icl", *where, "--source", "human", "--shots", "1")
    assert f"icl te/sentiment: {said}" in asked.stderr
    invoke("eval", *where)
    done = invoke("report", *where, "--format", "json")
    found = {(row["method"], row["source"]): row["leaked"] for row in json.loads(done.stdout)}
    assert found["linear", "human"] == found["linear", "human+synthetic"] == found["icl", "human"] == 0.5
    assert found["linear", "synthetic"] == 0.0
    assert "te/sentiment linear tfidf-logreg human 12: 50.0% of the test stand among its training rows" in done.stderr
    table = invoke("report", *where, "--format", "md").stdout
    assert "test leaked" in table
    # Runs of before say nothing themselves: they are counted when they are reported.
    with store.open(write=True) as con:
        con.execute("update runs set details = '{}'")
    again = json.loads(invoke("report", *where, "--format", "json").stdout)
    assert {(row["method"], row["source"]): row["leaked"] for row in again} == found


# -- the data card ------------------------------------------------------------------------------------------------


def test_a_card_says_what_was_rejected_and_needs_no_human_rows(store: Store, invoke: Invoke) -> None:
    broken = [("यह एक हिन्दी वाक्य है और कुछ नहीं", 0)]
    add_import(store, cell(store, "te"), [*rows(0, 9), *broken])
    done = invoke("report", "data", "--lang", "te", "--task", "sentiment", "--format", "json")
    assert done.exit_code == 0, done.stderr
    (card,) = json.loads(done.stdout)
    assert card["rows"]["human"] == 0 and card["figures"]["rejected"]["human"] is None
    assert card["figures"]["rejected"]["synthetic"]["value"] > 0
    stopped = {row["gate"]: (row["rows"], row["human_share"]) for row in card["examples"]["rejected"]}
    assert "script" in stopped and stopped["script"][1] is None
    html = invoke("report", "data", "--lang", "te", "--task", "sentiment", "--format", "html")
    assert html.exit_code == 0, html.stderr
    assert "<h3>Rejected rows</h3>" in html.stdout and "no human rows to hold them against" in html.stdout
    assert all(f"<bdi>{gate}</bdi>" in html.stdout for gate in stopped)
