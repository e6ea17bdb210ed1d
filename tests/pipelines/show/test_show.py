"""What `sdc show` gives of each kind of artifact: the right rows, and the right figures."""

from collections.abc import Mapping
from typing import Any

import pytest
from report_store import Shelf, put_run, put_sample, put_test
from scripted import add_data, unlike_any

from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError
from sdc.pipelines import cells, show
from sdc.pipelines.show import ShowChoice, View
from sdc.pipelines.stage import Context
from sdc.pipelines.view import ViewPart


def view(store: Store, artifact: Artifact, **choice: Any) -> View:
    return show.run(Context(store=store), ShowChoice(**choice), artifact)


def titles(found: View) -> list[str]:
    return [part.title for part in found.parts]


def by_title(found: View) -> dict[str, ViewPart]:
    return {part.title: part for part in found.parts}


# -- texts ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(store: Store) -> Artifact:
    """Sentiment in te: 14 usable rows in turn, and two that are leaks."""
    (cell,) = cells.expand(store, ["te"], ["sentiment"])
    found = add_data(store, cell, [(unlike_any(i), i % 2) for i in range(16)])
    with store.open(write=True) as con:
        con.execute("update examples set status = 'leak', reason = 'test row 3' where idx >= 14")
    return found


def test_texts_stand_by_label_the_usable_ones_first(store: Store, data: Artifact) -> None:
    found = view(store, data, most=2)
    first, second = cells.load_task(store, "sentiment").label_names
    assert found.title.startswith(f"data te/sentiment {data.short}: 16 rows, 14 ok, 2 leak; rows.csv")
    assert titles(found) == [f"{first}: 2 of 7 rows", f"{second}: 2 of 7 rows"]
    assert [row["idx"] for part in found.parts for row in part.rows] == [0, 2, 1, 3]
    assert found.parts[0].rows[0]["text"] == unlike_any(0) and found.parts[0].columns() == ["idx", "text"]


def test_rows_are_chosen_by_label_status_and_chance(store: Store, data: Artifact) -> None:
    first, second = cells.load_task(store, "sentiment").label_names
    leaks = view(store, data, statuses=["leak"], labels=[second.upper()])
    assert titles(leaks) == [f"{second}: 1 of 1 row"] and leaks.parts[0].columns() == ["idx", "text", "reason"]
    both = view(store, data, statuses=["all"], labels=["0"], most=1)
    assert titles(both) == [f"{first}, ok: 1 of 7 rows", f"{first}, leak: 1 of 1 row"]
    chosen = [
        [row["idx"] for row in view(store, data, most=3, labels=["0"], seed=seed).parts[0].rows] for seed in (1, 1, 2)
    ]
    assert chosen[0] == chosen[1] == sorted(chosen[0]) and chosen[0] != chosen[2] and len({*chosen[0]}) == 3
    for flags, words in (({"labels": ["x"]}, "no label 'x'"), ({"statuses": ["okay"]}, "did you mean 'ok'")):
        with pytest.raises(UsageError, match=words):
            view(store, data, **flags)


def test_verdicts_have_their_reasons_and_rejected_ones_come_first(store: Store, chain: Mapping[str, Artifact]) -> None:
    with store.open(write=True) as con:
        con.execute("update verdicts set reason = 'a copy', probability = 0.25 where not accepted")
    found = view(store, chain["judge"])
    (label, *_) = cells.load_task(store, "topic").label_names
    assert titles(found) == [f"{label}, rejected: 1 of 1 row", f"{label}, accepted: 2 of 2 rows"]
    (rejected,) = found.parts[0].rows
    assert {name: rejected[name] for name in ("text", "judged_by", "reason", "probability")} == {
        "text": "u", "judged_by": "gate:copy", "reason": "a copy", "probability": 0.25
    }  # fmt: skip
    assert titles(view(store, chain["judge"], statuses=["accepted"])) == [f"{label}: 2 of 2 rows"]


# -- runs ----------------------------------------------------------------------------------------------------------


def run_of(store: Store, *, right: float | None, reply: str | None = None, broken: bool = False) -> Artifact:
    """A run on 70 rows of te/topic, 35 of which are label 0; wrong ones get the next label."""
    shelf = Shelf(store)
    test = put_test(shelf, "te", "topic")
    draw = put_sample(shelf, "te", "topic", "synthetic", test, {"all": 14})["14/0"]
    key = put_run(shelf, test, "te", "topic", method="linear", right=right, draw=draw, source="synthetic", num_rows=14,
                  reply=reply)  # fmt: skip
    shelf.flush()
    (found,) = store.resolve_many([key])
    return found


def test_a_run_has_scores_of_labels_confusions_and_errors(store: Store) -> None:
    found = view(store, run_of(store, right=0.8), most=3)
    names = cells.load_task(store, "topic").label_names
    assert "linear, m, synthetic, 14 rows; accuracy 80.0 % as read by scores; 56 right, 14 wrong" in found.title
    parts = by_title(found)
    matrix = parts["confusions: gold labels in rows, answers by number"].rows
    assert matrix[0]["gold"] == names[0] and "unparsed" not in matrix[0]
    assert sum(int(row[name]) for row in matrix for name in names) == 70
    assert sum(int(matrix[i][names[i]]) for i in range(7)) == 56
    assert all(row[names[j]] == 0 for i, row in enumerate(matrix) for j in range(7) if j not in (i, (i + 1) % 7))
    for i, row in enumerate(parts["labels"].rows):
        right, gold = matrix[i][names[i]], sum(matrix[i][name] for name in names)
        read = sum(other[names[i]] for other in matrix)
        assert (row["label"], row["rows"], row["read"], row["right"]) == (names[i], gold, read, right)
        assert row["precision"] == round(right / read, 4) and row["recall"] == round(right / gold, 4)
        assert row["f1"] == round(2 * right / (gold + read), 4)
    errors = parts[f"{names[0]}: 3 of {sum(matrix[0][name] for name in names[1:])} rows"]
    assert [(row["answer"], row["text"]) for row in errors.rows] == [
        (names[1], f"text {row['idx']}") for row in errors.rows
    ]
    assert view(store, run_of(store, right=0.8), statuses=["right"], most=1).parts[2].title == (
        f"{names[0]}: 1 of {matrix[0][names[0]]} rows"
    )


def test_replies_that_say_nothing_are_shown_as_they_are(store: Store) -> None:
    found = view(store, run_of(store, right=1.0, reply="I cannot say"), most=1)
    names = cells.load_task(store, "topic").label_names
    assert "accuracy 0.0 % as read by strict; 70 unparsed" in found.title
    matrix = found.parts[1].rows
    assert matrix[0]["unparsed"] == 40 and matrix[0][names[0]] == 0
    (row,) = found.parts[2].rows
    assert (row["reply"], row["answer"], row["probability"]) == ("I cannot say", None, None)


def test_a_row_without_an_answer_is_unparsed(store: Store) -> None:
    run = run_of(store, right=1.0)
    with store.open(write=True) as con:
        con.execute("delete from run_outputs where idx < 3")
    found = view(store, run)
    assert "accuracy 95.7 % as read by scores; 67 right, 3 unparsed" in found.title
    assert [row["idx"] for part in found.parts[2:] for row in part.rows] == [0, 1, 2]


def test_an_evaluation_shows_its_run_as_it_was_read(store: Store, chain: Mapping[str, Artifact]) -> None:
    run, evaluated = view(store, chain["train"]), view(store, chain["eval"])
    assert run == evaluated and "as read by scores" in run.title


def test_a_failed_run_says_why(store: Store) -> None:
    with pytest.raises(DataError, match=r"it failed \(loss is NaN\), and said nothing"):
        view(store, run_of(store, right=None))
