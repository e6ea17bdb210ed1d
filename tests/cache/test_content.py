"""What rows come to is the same whatever holds them, and the same as ever: else what was made from them is stale."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.cache import columns, content
from sdc.cache.store import Artifact, Store

Make = Callable[..., Artifact]

_TEXTS = [('ఒకటి\n"a", b', 0), ("e\u0301\u2028\0\\", None), ("], [null", 3)]
ROWS: dict[str, list[dict[str, Any]]] = {
    "examples": [
        {"idx": i, "lang": "te", "task": "topic", "text": text, "label": label, "label_name": "x", "source": "human",
         "split": "train", "status": "ok", "reason": "words", "origin": None}
        for i, (text, label) in enumerate(_TEXTS)
    ],
    "verdicts": [
        {"idx": 1, "example_key": "e", "accepted": True, "judged_by": "llm", "probability": 0.1},
        {"idx": 0, "example_key": "e", "accepted": False, "judged_by": None, "probability": float("nan")},
    ],
    "draws": [
        {"draw": "d", "lang": "te", "task": "topic", "source": "s", "strategy": "balanced", "size": "10", "repeat": 0,
         "num_rows": 2, "example_key": "e", "members": [3, 1], "human_key": None, "human_members": None}
    ],
    "runs": [
        {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s", "test_key": "t",
         "status": "ok", "details": '{"label_tokens": [1, 2], "s": 1}', "seconds": 3.5}
    ],
    "outputs": [
        {"idx": 2, "scores": [0.1, -1e-30], "reply": None}, {"idx": 0, "scores": None, "reply": "e\u0301"},
        {"idx": 1, "scores": [], "reply": "\n"}, {"idx": 3, "scores": None, "reply": None},
    ],
    "metrics": [
        {"run": "r", "reader": "scores", "metric": "accuracy", "value": 1, "low": 0.1, "high": None},
        {"run": "r", "reader": "scores", "metric": "f", "value": float("inf"), "low": None, "high": None},
    ],
}  # fmt: skip
#: As the first sdc that kept contents computed them.
_CONTENTS = {
    "examples": "c0d4526db8a90173844617be91a9da0998037cf4e9a9313279f48c66917e2661",
    "verdicts": "7cbb34e492f3ceb0d47a128bf4974bba8246ce6032e90e2400f828a04e758d5e",
    "draws": "1fccfb4cd4b59009d9676a296937d91602cc40d69602e02a27b38276676a36db",
    "runs": "aaa5302e01209d6c32cc682831d42879ee64bd37a60a43a6f0c8a292c4f6ea7b",
    "outputs": "788991d2ce6d59490acab8b35302b8fdda851009f847206b34221fee04c3cd21",
    "metrics": "a83b7a6a655f92d17f6aab06d5049d5b5af10cc9c07d71cef40c927ef4802e19",
}
_CONTENT = "abebffc9fe878caf2b2ff2223d1b9c6701b4673e19238d5910b26b488f0c0fd2"


def _as_arrow(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {table: columns.table(of_table) for table, of_table in rows.items()}


@pytest.mark.parametrize("table", sorted(ROWS))
def test_the_content_is_what_it_was_and_the_same_of_an_arrow_table(table: str) -> None:
    assert content.of_rows({table: ROWS[table]}) == _CONTENTS[table]
    assert content.of_rows(_as_arrow({table: ROWS[table]})) == _CONTENTS[table]
    assert content.of_rows(_as_arrow({table: ROWS[table][:0]}) | {table: ()}) == content.of_rows({})


def test_tables_and_mappings_together_have_the_content_of_either() -> None:
    assert content.of_rows(ROWS) == content.of_rows(_as_arrow(ROWS)) == _CONTENT
    assert content.of_rows({**ROWS, "outputs": columns.table(ROWS["outputs"])}) == _CONTENT


@pytest.mark.parametrize("table", sorted(ROWS))
def test_a_few_rows_at_a_time_have_the_content_of_all(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_ROWS_A_TIME", 2)
    assert content.of_rows({table: ROWS[table]}) == _CONTENTS[table]
    assert content.of_rows(_as_arrow({table: ROWS[table]})) == _CONTENTS[table]


@settings(deadline=None)
@given(st.lists(st.integers(0, 120), max_size=40), st.integers(0, 3), st.randoms(use_true_random=False))
def test_scores_in_a_table_have_the_content_of_lists(idxs: list[int], num_labels: int, random: Random) -> None:
    scores = [[random.choice([0.5, -0.25, float("nan"), 1e-3]) for _ in range(num_labels)] for _ in idxs]
    rows = [{"idx": idx, "scores": row} for idx, row in zip(idxs, scores, strict=True)]
    table = columns.scored(idxs, np.array(scores).reshape(len(idxs), num_labels))
    assert content.of_rows({"outputs": table}) == content.of_rows({"outputs": rows})


def test_scores_of_every_arrow_type_and_cut_anyhow_have_one_content() -> None:
    scores_NL = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    wanted = content.of_rows({"outputs": [{"idx": i, "scores": row.tolist()} for i, row in enumerate(scores_NL)]})
    idx = pa.array(range(5), pa.int32())
    flat = pa.array(scores_NL.astype(np.float64).ravel())
    whole = columns.scored(range(5), scores_NL)["scores"].combine_chunks()
    kinds = (
        whole,
        pa.FixedSizeListArray.from_arrays(flat, 3),
        whole.cast(pa.large_list(pa.float64())),
        pa.chunked_array([whole.slice(0, 2), whole.slice(2)]),
        columns.scored(range(6), np.vstack([scores_NL[:1], scores_NL]))["scores"].slice(1),
    )
    for scores in kinds:
        assert content.of_rows({"outputs": pa.table({"scores": scores, "idx": idx})}) == wanted, scores.type


def test_a_list_of_scores_without_one_of_them_is_refused() -> None:
    with pytest.raises(ValueError, match="an empty place"):
        content.of_rows({"outputs": pa.table({"idx": [0], "scores": pa.array([[0.5, None]])})})


def test_a_store_keeps_the_same_of_tables_and_mappings_in_one_transaction(store: Store, make: Make) -> None:
    plain, arrow, more = (make("icl", config={"n": n}) for n in range(3))
    outputs = columns.table(ROWS["outputs"])
    of_arrow = {**_as_arrow(ROWS), "outputs": outputs}
    store.put(more, {**ROWS, "outputs": []})
    items = [(plain, ROWS), (arrow, of_arrow), (more, of_arrow)]  # the last is there, and stays
    store.put_many(items)
    for table in ROWS:
        own = "key, no" if table == "runs" else "key"
        sql = f"select * exclude ({own}) from {table} where key = ? order by all"
        found = [store.query(sql, [artifact.key]) for artifact, _ in items]
        assert repr(found[0]) == repr(found[1])
        assert len(found[0]) == len(ROWS[table])
        assert len(found[2]) == (0 if table == "outputs" else len(ROWS[table]))
    kept = dict(store.query("select key, content from artifacts"))
    assert kept[plain.key] == kept[arrow.key] == _CONTENT != kept[more.key]
    with store.open() as con:
        assert content.in_store(con, list(kept)) == kept


def test_scores_are_kept_with_32_bits_however_they_come(store: Store, make: Make) -> None:
    as_lists, as_array = (make("icl", config={"n": n}) for n in range(2))
    values_NL = np.array([[0.1, 1e-45, float("-inf")], [1 / 3, 2.0**-130, 7.0]])
    listed = [{"idx": i, "scores": row.tolist(), "reply": None} for i, row in enumerate(values_NL)]
    store.put_many(
        [
            (as_lists, {**ROWS, "outputs": listed}),
            (as_array, {**ROWS, "outputs": columns.scored([0, 1], values_NL)}),
        ]
    )
    sql = "select idx, scores, reply from outputs where key = ? order by idx"
    found = store.query(sql, [as_lists.key])
    assert found == store.query(sql, [as_array.key])
    assert [scores for _, scores, _ in found] == values_NL.astype(np.float32).astype(float).tolist()


@pytest.mark.parametrize("scores", [[[0.5, 0.5]], [[0.5], [0.5, 0.5]], [], [0.5, 0.5], [[0.5]] * 4])
def test_scores_of_other_rows_are_refused(scores: Any) -> None:
    with pytest.raises(ValueError, match=r"are not those of 2 rows|inhomogeneous"):
        columns.scored([0, 1], scores)
