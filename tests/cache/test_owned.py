"""Rows of artifacts, and above all the numbers of runs: outputs must never be those of another run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache import browse, content, owned, upkeep
from sdc.cache.store import Artifact, Rows, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError

Make = Callable[..., Artifact]

_RUN = {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s", "test_key": "t"}


def rows_of(words: str) -> Rows:
    """The rows of a run that replied with one letter each."""
    return {"runs": [{**_RUN, "status": "ok"}], "outputs": [{"idx": i, "reply": word} for i, word in enumerate(words)]}


@pytest.fixture
def runs(make: Make) -> list[Artifact]:
    return [make("icl", config={"n": n}) for n in range(6)]


def said(store: Store) -> dict[str, str]:
    """Key of a run -> its replies."""
    return dict(store.query("select key, string_agg(reply, '' order by idx) from outputs group by key"))


def numbers(store: Store) -> list[int]:
    return [no for (no,) in store.query("select no from runs order by no")]


def test_outputs_are_those_of_their_run_whatever_is_kept_with_it(
    store: Store, runs: list[Artifact], make: Make
) -> None:
    a, b, c, d, *_ = runs
    store.put_many([(make("gen"), {}), (a, rows_of("aa")), (make("eval"), {}), (b, rows_of("bbb"))])
    store.put_many([(b, rows_of("xxxx")), (c, rows_of("c")), (a, rows_of("x")), (d, rows_of(""))])  # a and b stay
    assert said(store) == {a.key: "aa", b.key: "bbb", c.key: "c"}
    assert len(set(numbers(store))) == 4
    assert store.query("select count(*) from run_outputs") == [(6,)]


def test_a_run_that_is_replaced_leaves_no_outputs_and_others_keep_theirs(store: Store, runs: list[Artifact]) -> None:
    a, b, c, *_ = runs
    store.put_many([(a, rows_of("aaaa")), (b, rows_of("bb")), (c, rows_of("c"))])
    store.put_many([(c, rows_of("CC")), (a, rows_of("A"))], replace=True)
    assert said(store) == {a.key: "A", b.key: "bb", c.key: "CC"}
    assert store.query("select count(*) from run_outputs") == [(5,)]
    assert len(set(numbers(store))) == 3


@pytest.mark.parametrize("num_runs", [0, 2])
def test_outputs_need_one_run(store: Store, runs: list[Artifact], num_runs: int) -> None:
    rows = rows_of("a")
    with pytest.raises(ValueError, match=f"has outputs, and {num_runs} runs instead of one"):
        store.put(runs[0], {**rows, "runs": list(rows["runs"]) * num_runs})
    assert store.everything() == []


def test_outputs_without_a_run_never_become_those_of_another(store: Store, runs: list[Artifact]) -> None:
    a, b, *_ = runs
    store.put(a, rows_of("aa"))
    with store.open(write=True) as con:
        con.execute("delete from runs")
    store.put(b, rows_of("b"))
    assert said(store) == {b.key: "b"}
    with store.open() as con:
        assert owned.unowned(con) == {"outputs": (2, 1)}
    assert upkeep.gc(store).orphan_rows == 2
    assert said(store) == {b.key: "b"}


def test_rows_are_counted_by_table(store: Store, chain: dict[str, Artifact]) -> None:
    listed = {item.artifact.key: item.num_rows for item in browse.listing(store)}
    assert listed == {
        chain[name].key: rows
        for name, rows in {"data": 4, "test": 2, "gen": 3, "judge": 3, "sample": 1, "train": 3, "eval": 2}.items()
    }
    assert browse.row_counts(store, chain["train"].key) == {"runs": 1, "outputs": 2}
    assert browse.row_counts(store, "0" * 64) == {}
    assert [item.num_rows for item in browse.listing(store, stage="train", limit=5)] == [3]


# -- merging ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other" / "store.duckdb")


def test_runs_of_another_store_get_numbers_of_this_one(store: Store, other: Store, runs: list[Artifact]) -> None:
    a, b, c, d, *_ = runs
    store.put_many([(a, rows_of("a")), (b, rows_of("bb"))])
    other.put_many([(c, rows_of("ccc")), (a, rows_of("a")), (d, rows_of("dddd"))])
    upkeep.merge(store, other.path)
    assert said(store) == {a.key: "a", b.key: "bb", c.key: "ccc", d.key: "dddd"}
    assert numbers(store) == [1, 2, 3, 4]
    kept = dict(store.query("select key, content from artifacts"))
    with store.open() as con:
        assert content.in_store(con, list(kept)) == kept
    assert verify(store).faults == ()


def test_the_better_copy_takes_the_place_of_the_other_with_its_outputs(
    store: Store, other: Store, runs: list[Artifact]
) -> None:
    a, b, *_ = runs
    store.put_many([(a, rows_of("a")), (b, rows_of("bb"))])
    other.put_many([(b, rows_of("BBB")), (a, rows_of("a"))])  # newer
    assert upkeep.merge(store, other.path).replaced == 1
    assert said(store) == {a.key: "a", b.key: "BBB"}
    assert store.query("select count(*) from run_outputs") == [(4,)]


def test_numbers_do_not_grow_however_often_stores_are_merged(store: Store, other: Store, make: Make) -> None:
    for n in range(8):
        target, source = (store, other) if n % 2 else (other, store)
        source.put(make("icl", config={"n": n}), rows_of("ab"))
        upkeep.merge(target, source.path)
    assert numbers(store) == list(range(1, 9))


def _share_a_number(store: Store) -> None:
    with store.open(write=True) as con:
        con.execute("update runs set no = 1")


def _take_a_number(store: Store) -> None:
    with store.open(write=True) as con:
        con.execute("update runs set no = null where no = 1")


@pytest.mark.parametrize("change", [_share_a_number, _take_a_number])
def test_runs_without_a_number_of_their_own_are_a_fault_and_not_merged(
    store: Store, other: Store, runs: list[Artifact], change: Callable[[Store], Any]
) -> None:
    store.put_many([(runs[0], rows_of("a")), (runs[1], rows_of("b"))])
    change(store)
    assert any("has no number of its own" in fault for fault in verify(store).faults)
    with pytest.raises(StoreError, match="its runs have not a number each"):
        upkeep.merge(other, store.path)
    assert other.everything() == []
