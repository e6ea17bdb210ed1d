import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from older import as_version

from sdc.cache import content, freshness, migrations, upkeep
from sdc.cache.key import recipe_key
from sdc.cache.migrations import ROW_TABLES
from sdc.cache.store import Artifact, Rows, Store
from sdc.cache.verify import verify

Chain = dict[str, Artifact]
Make = Callable[..., Artifact]


def _rows(store: Store, key: str) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table in ROW_TABLES:
        names = [
            row[0] for row in store.query(f"select column_name from duckdb_columns() where table_name = '{table}'")
        ]
        found[table] = [
            dict(zip(names, row, strict=True)) for row in store.query(f"select * from {table} where key = ?", [key])
        ]
        for row in found[table]:
            del row["key"]
            row.pop("no", None)
    return found


# -- the content of rows ----------------------------------------------------------------------------------------------


def test_every_column_counts_or_is_left_out_on_purpose(store: Store) -> None:
    with store.open(write=True) as con:
        columns = con.execute("select table_name, column_name from duckdb_columns() where not internal").fetchall()
    for table, name in columns:
        if table in ROW_TABLES and table not in ("blobs", "readings", "sentence_ids"):
            assert (name in content.COLUMNS[table]) is not (name in content.LEFT_OUT), (table, name)


def test_the_content_is_the_same_before_and_after_the_store(store: Store, chain: Chain, make: Make) -> None:
    rows: Rows = {
        "runs": [{"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s",
                  "test_key": chain["test"].key, "status": "ok", "details": '{"label_tokens": [1, 2], "s": 1}'}],
        "outputs": [{"idx": 0, "scores": [0.1, -1e-30], "reply": None}, {"idx": 1, "scores": None, "reply": "e\u0301"}],
        "metrics": [{"run": "r", "reader": "scores", "metric": "accuracy", "value": 1, "low": 0.1, "high": None}],
    }  # fmt: skip
    run = make("icl", config={"n": 1})
    store.put(run, rows)
    with store.open() as con:
        keys = [run.key, *(artifact.key for artifact in chain.values())]
        assert content.in_store(con, keys) == dict(
            con.execute("select key, content from artifacts where list_contains(?, key)", [keys]).fetchall()
        )


@pytest.mark.parametrize(
    ("table", "change", "same"),
    [
        ("outputs", {"scores": [0.25, 0.5]}, False),
        ("outputs", {"reply": "x"}, False),
        ("runs", {"status": "failed"}, False),
        ("runs", {"details": '{"label_tokens": [3]}'}, False),
        ("runs", {"details": '{"loss": 3}'}, True),
        ("runs", {"seconds": 99.0}, True),
        ("runs", {"reason": "other words"}, True),
    ],
)
def test_what_changes_the_content(store: Store, chain: Chain, table: str, change: dict[str, Any], same: bool) -> None:
    rows = _rows(store, chain["train"].key)
    before = content.of_rows(rows)
    rows[table][0] |= change
    assert (content.of_rows(rows) == before) is same


def test_the_order_of_rows_does_not_matter_and_kept_files_do_not_count(store: Store, chain: Chain) -> None:
    rows = _rows(store, chain["train"].key)
    before = content.of_rows(rows)
    blobs = [{"name": "w", "digest": "d", "bytes": 3}]
    assert content.of_rows({**rows, "outputs": rows["outputs"][::-1], "blobs": blobs}) == before


# -- replacing --------------------------------------------------------------------------------------------------------


def test_replacing_makes_all_that_hangs_on_it_stale_and_the_old_rows_undo_it(store: Store, chain: Chain) -> None:
    rows = _rows(store, chain["gen"].key)
    assert freshness.stale(store) == {}
    num = store.put(chain["gen"], {"examples": rows["examples"][:2]}, replace=True)
    found = freshness.stale(store)
    assert (num, set(found)) == (2, {chain["judge"].key, chain["sample"].key})
    assert set(map(tuple, found.values())) == {(chain["gen"].key,)}
    assert set(freshness.hits(store, [a.key for a in chain.values()])) == {
        artifact.key for name, artifact in chain.items() if name not in ("judge", "sample")
    }
    assert len([fault for fault in verify(store).faults if "is stale" in fault]) == 2
    assert store.put(chain["gen"], rows, replace=True) == 0
    assert freshness.stale(store) == {}
    assert verify(store).faults == ()


def test_the_view_of_results_leaves_out_stale_ones(store: Store, chain: Chain) -> None:
    rows = _rows(store, chain["train"].key)
    before = store.query("select * from results")
    assert len(before) == 1
    store.put(chain["train"], {**rows, "outputs": rows["outputs"][:1]}, replace=True)
    assert store.query("select * from results") == []
    store.put(chain["train"], rows, replace=True)
    assert store.query("select * from results") == before


def test_many_stale_artifacts_are_one_line(store: Store, chain: Chain, make: Make) -> None:
    for number in range(5):
        store.put(make("eval", config={"reader": str(number)}, inputs=[chain["train"].key]), {})
    rows = _rows(store, chain["train"].key)
    store.put(chain["train"], {**rows, "outputs": rows["outputs"][:1]}, replace=True)
    (fault,) = verify(store).faults
    assert "6 eval artifacts of te/topic are stale" in fault
    assert "`sdc eval --lang te --task topic` makes them again" in fault


def test_faults_come_in_the_order_in_which_they_are_mended(store: Store, chain: Chain) -> None:
    store.put(chain["gen"], {}, replace=True)
    faults = [fault for fault in verify(store).faults if "is stale" in fault]
    assert [fault.split()[0] for fault in faults] == ["judge", "sample"]


def test_an_incomplete_result_is_no_hit_and_gives_way(store: Store, make: Make) -> None:
    whole = make("icl", config={"n": 1})
    lacking = replace(whole, summary={"usage": {"refused": 1, "failed": 2}})
    worse = replace(whole, summary={"usage": {"refused": 4, "failed": 0}})
    store.put(lacking, _GOOD)
    assert freshness.hits(store, [whole.key]) == {}
    store.put(worse, {})
    assert store.get(whole.key) == lacking
    store.put(whole, {})
    assert freshness.hits(store, [whole.key]) == {whole.key: {}}
    store.put(lacking, {})
    assert store.get(whole.key) == whole


# -- stores of older versions -----------------------------------------------------------------------------------------


def test_a_store_of_the_version_before_is_opened_and_keeps_its_hits(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = migrations.MIGRATIONS.index(migrations.m005_freshness)
    run, lacking = (
        make("icl", config={"n": 1}),
        make("icl", config={"n": 2}, summary={"usage": {"refused": 1, "failed": 2}}),
    )
    done = make("eval", inputs=[run.key])
    with monkeypatch.context() as patched:
        as_version(patched, position)
        items: list[tuple[Artifact, Rows]] = [(run, _GOOD), (lacking, {}), (done, {})]
        store.put_many(items)
    again = Store(store.path)
    assert set(freshness.hits(again, [run.key, lacking.key, done.key])) == {run.key, done.key}
    again.put(run, _GOOD, replace=True)
    assert freshness.stale(again) == {}
    again.put(run, _BAD, replace=True)
    assert freshness.stale(again) == {done.key: [run.key]}


def test_an_older_key_over_decomposed_text_is_a_note(store: Store, make: Make) -> None:
    config = {"label": "cafe\u0301"}
    key = recipe_key("icl", 1, {"label": "caf\u00e9"}, [], lang="te", task="topic")
    store.put(replace(make("icl", config=config), key=key), {"runs": []})
    found = verify(store)
    assert not any("was changed" in fault for fault in found.faults)
    assert any("two Unicode forms" in note for note in found.notes)


# -- merging ----------------------------------------------------------------------------------------------------------

_RUN = {"method": "icl", "model": "m", "lang": "te", "task": "topic", "num_rows": 0, "setting": "s", "test_key": "t"}
_GOOD: Rows = {"runs": [{**_RUN, "status": "ok"}], "outputs": [{"idx": 0, "reply": "a"}, {"idx": 1, "reply": "b"}]}
_BAD: Rows = {"runs": [{**_RUN, "status": "ok"}], "outputs": [{"idx": 0, "reply": "a"}, {"idx": 1, "reply": None}]}


def _pair(tmp_path: Path) -> tuple[Store, Store]:
    return Store(tmp_path / "a" / "s.duckdb"), Store(tmp_path / "b" / "s.duckdb")


def _replies(store: Store, key: str) -> list[str | None]:
    return [reply for (reply,) in store.query("select reply from outputs where key = ? order by idx", [key])]


def _as_before(store: Store) -> None:
    with store.open(write=True) as con:
        con.execute("delete from made_from")
        con.execute("update artifacts set content = null")


@pytest.mark.parametrize("older", ["neither", "a", "b", "both"])
@pytest.mark.parametrize("into", ["a", "b"])
def test_the_better_copy_is_kept_in_both_directions(tmp_path: Path, make: Make, into: str, older: str) -> None:
    a, b = _pair(tmp_path)
    run = make("icl", config={"n": 1})
    lacking = replace(run, summary={"usage": {"failed": 1}})
    of_good, of_bad = make("eval", config={"n": 1}, inputs=[run.key]), make("eval", config={"n": 2}, inputs=[run.key])
    a.put_many([(run, _GOOD), (of_good, {})])
    b.put_many([(lacking, _BAD), (of_bad, {})])
    for name, store in (("a", a), ("b", b)):
        if older in (name, "both"):
            _as_before(store)
    target, source = (a, b) if into == "a" else (b, a)
    merged = upkeep.merge(target, source.path)
    assert (merged.artifacts, merged.shared, merged.differing) == (1, 1, 1)
    assert (merged.replaced, merged.stale) == (int(into == "b"), 1)
    assert _replies(target, run.key) == ["a", "b"]
    assert set(freshness.stale(target)) == {of_bad.key}
    assert set(freshness.hits(target, [run.key, of_good.key, of_bad.key])) == {run.key, of_good.key}
    assert any("eval" in fault and "is stale" in fault for fault in verify(target).faults)
    again = upkeep.merge(target, source.path)
    assert (again.artifacts, again.replaced) == (0, 0)
    assert set(freshness.stale(target)) == {of_bad.key}


@pytest.mark.parametrize("into", ["a", "b"])
def test_an_evaluation_goes_with_its_run(tmp_path: Path, make: Make, into: str) -> None:
    a, b = _pair(tmp_path)
    run = make("icl", config={"n": 1})
    done = make("eval", inputs=[run.key])
    metric = {"run": run.key, "reader": "strict", "metric": "accuracy"}
    a.put_many([(run, _GOOD), (done, {"metrics": [{**metric, "value": 1.0}]})])
    lacking = replace(run, summary={"usage": {"failed": 1}})
    b.put_many([(lacking, _BAD), (done, {"metrics": [{**metric, "value": 0.5}]})])  # made later
    target, source = (a, b) if into == "a" else (b, a)
    upkeep.merge(target, source.path)
    assert target.query("select value from metrics") == [(1.0,)]
    assert freshness.stale(target) == {}
    assert verify(target).faults == ()


@pytest.mark.parametrize("into", ["a", "b"])
def test_of_copies_that_are_as_good_the_newer_is_kept(tmp_path: Path, make: Make, into: str) -> None:
    a, b = _pair(tmp_path)
    run = make("icl", config={"n": 1})
    a.put(run, {**_GOOD, "outputs": [{"idx": 0, "reply": "old"}]})
    b.put(run, {**_GOOD, "outputs": [{"idx": 0, "reply": "new"}]})
    target, source = (a, b) if into == "a" else (b, a)
    merged = upkeep.merge(target, source.path)
    assert (merged.differing, merged.replaced) == (1, int(into == "a"))
    assert _replies(target, run.key) == ["new"]


def test_equal_copies_stay(tmp_path: Path, make: Make) -> None:
    a, b = _pair(tmp_path)
    run = make("icl", config={"n": 1})
    a.put(replace(run, seconds=1.0), _GOOD)
    b.put(replace(run, seconds=2.0), _GOOD)
    merged = upkeep.merge(a, b.path)
    assert (merged.differing, merged.replaced, merged.stale) == (0, 0, 0)
    kept = a.get(run.key)
    assert kept is not None and kept.seconds == 1.0


def test_a_merge_says_what_differed(store: Store, tmp_path: Path, make: Make, invoke: Callable[..., Any]) -> None:
    other = Store(tmp_path / "other.duckdb")
    run = make("icl", config={"n": 1})
    store.put_many([(replace(run, summary={"usage": {"failed": 1}}), _BAD), (make("eval", inputs=[run.key]), {})])
    other.put(run, _GOOD)
    result = invoke("store", "merge", str(other.path))
    assert "1 artifact had other rows there; the better copy is kept, in 1 case that from there" in result.stderr
    assert "1 artifact is stale, made from a copy that was not kept" in result.stderr
    assert invoke("store", "verify").exit_code == 3
    listed = [json.loads(line) for line in invoke("store", "ls", "--json").stdout.splitlines()]
    assert {item["stage"]: item["state"] for item in listed} == {"icl": "", "eval": "stale"}
    shown = invoke("store", "show", make("eval", inputs=[run.key]).short).stdout
    assert "state     stale" in shown and f"`sdc eval {run.short}`" in shown
