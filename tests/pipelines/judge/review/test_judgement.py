"""Reviews as a judgement: rows, keys, what later stages make of it, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from older import as_version
from reviews import ACCEPT, REJECT, Said, add_judgement, save, six
from scripted import ScriptedEngine, World, add_data, add_import, obliging, small_task, world

from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import DataError, StoreError, UsageError
from sdc.pipelines import gen, judge, sample
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.review import form, judgement, sheet
from sdc.pipelines.judge.review.sheet import Sheet
from sdc.pipelines.records import lineage
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Outcome


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path / "world")


def take(small: World, of: Sheet, *reviews: tuple[str, Said], force: bool = False) -> Outcome:
    """Imports one file per (name, what was said)."""
    context = replace(small.context, force=force)
    paths = [save(small.root / f"{i}.json", of, said, reviewer=name) for i, (name, said) in enumerate(reviews)]
    (outcome,) = judgement.keep(context, judgement.plan(context, [form.read(path) for path in paths]))
    return outcome


def verdicts(small: World, key: str) -> list[tuple[Any, ...]]:
    return small.store.query(
        """select e.text, e.label_name, v.accepted, v.judged_by, v.reason from verdicts v
        join examples e on e.key = v.example_key and e.idx = v.idx where v.key = ? order by v.idx""",
        [key],
    )


def drawn(small: World, judged: Artifact, source: str = "synthetic") -> list[tuple[str, str]]:
    """Returns text and label of the rows of the draw of everything."""
    config = SampleConfig(source=source, repeats=1, strategy="random")
    outcome = sample.run(small.context, config, small.cell, examples=judged)
    return small.store.query(
        """select e.text, e.label_name from (select example_key, unnest(members) as idx from draws where key = ?) d
        join examples e on e.key = d.example_key and e.idx = d.idx order by e.idx""",
        [outcome.key],
    )


def text(idx: int) -> str:
    return f"Text number {idx}, written by a machine."


# -- what it holds ----------------------------------------------------------------------------------------------------


def test_people_overrule_the_judge_and_the_rest_stays(small: World) -> None:
    generation, base, of = six(small)
    outcome = take(small, of, ("Ana", {0: REJECT, 3: ACCEPT, 4: REJECT}))
    assert [(row[0], row[2], row[3], row[4]) for row in verdicts(small, outcome.key)] == [
        (text(0), False, "human:Ana", "unnatural"),
        (text(1), True, "llm", None),
        (text(2), True, "llm", None),
        (text(3), True, "human:Ana", None),
        (text(4), False, "human:Ana", "unnatural"),
        (text(5), False, "gate:copy", "refused by gate:copy"),
    ]
    assert small.get(outcome).inputs == [generation.key, base.key]
    assert small.get(outcome).stage == "judge"
    assert {k: v for k, v in outcome.summary.items() if k != "review"} == {
        "rows": 6,
        "accepted": 3,
        "rejected": {"gate:copy": 1, "human:Ana": 2},
        "labels": {"first": 1, "second": 2},
        "usage": {},
    }
    review = outcome.summary["review"]
    assert [review[name] for name in ("decided", "accepted", "changed", "rejected", "as_before")] == [3, 1, 0, 2, 3]
    assert review["people"] == {
        "Ana": {"decided": 3, "accepted": 1, "changed": 0, "rejected": {"unnatural": 2}, "comments": 0}
    }
    assert [(pair["judge"], pair["rows"], pair["agree"]) for pair in review["agreement"]["judge"]] == [
        ("gates", 3, 0.6667),
        ("llm", 2, 0.0),
        ("both", 3, 0.3333),
    ]
    assert small.store.query("select probability from verdicts where key = ? and idx = 1", [outcome.key]) == [(0.75,)]


def test_sample_draws_what_people_accepted_without_being_told(small: World) -> None:
    generation, _, of = six(small)
    outcome = take(small, of, ("Ana", {0: REJECT, 1: REJECT, 2: ACCEPT, 3: ACCEPT, 4: ACCEPT, 5: REJECT}))
    newest = lineage.newest_judgement(small.context, small.cell, lineage.newest_generation(small.context, small.cell))
    assert newest is not None and newest.key == outcome.key
    assert drawn(small, newest) == [(text(2), "first"), (text(3), "second"), (text(4), "first")]
    assert small.store.find("gen")[0].key == generation.key


def test_changed_texts_become_rows_of_a_corrected_generation(small: World) -> None:
    generation, base, of = six(small)
    said = {
        0: {**ACCEPT, "label": "second"},
        1: {**ACCEPT, "text": "Better."},
        3: {**ACCEPT, "text": "ఇది", "label": "first"},
    }
    outcome = take(small, of, ("Ana", said))
    (corrected,) = [artifact for artifact in small.store.find("gen") if artifact.key != generation.key]
    assert corrected.inputs == [generation.key, base.key]
    assert small.get(outcome).inputs == [corrected.key, base.key]
    by_text = {(row[0], row[1]): row[2:] for row in verdicts(small, outcome.key)}
    assert by_text[text(0), "first"] == (False, "human:Ana", "relabelled as second")
    assert by_text[text(0), "second"] == (True, "human:Ana", None)
    assert by_text[text(1), "second"] == (False, "human:Ana", "edited")
    assert by_text["Better.", "second"] == (True, "human:Ana", None)
    assert by_text[text(3), "second"] == (False, "human:Ana", "edited and relabelled as first")
    assert by_text["ఇది", "first"] == (True, "human:Ana", None)
    newest = lineage.newest_generation(small.context, small.cell)
    assert newest.key == corrected.key
    found = lineage.newest_judgement(small.context, small.cell, newest)
    assert found is not None and found.key == outcome.key
    assert drawn(small, found) == [
        (text(2), "first"),
        (text(0), "second"),
        ("Better.", "second"),
        ("ఇది", "first"),
    ]
    assert corrected.summary["ok"] == 9
    assert corrected.summary["labels"]["second"] == {
        "quota": small.cell.task.quota, "accepted": 5, "stopped": "corrected in review",
    }  # fmt: skip
    assert small.rows(corrected, "origin", "text = 'Better.'") == [(f"row 1 of {generation.key}, edited",)]
    assert verify(small.store).faults == ()


def test_seed_examples_and_the_generator_are_carried_over(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen()
    judged = small.get(
        judge.run(small.context, JudgeConfig(gates=False, model=small.model), small.cell, generation=made)
    )
    of = sheet.choose(small.context, small.cell, judged)
    row = of.rows[0]
    outcome = take(small, of, ("Ana", {row.idx: {**ACCEPT, "text": "Quite another text."}}))
    corrected = small.store.find("gen")[0]
    assert corrected.key != made.key
    human = small.get(outcome)
    seeds = small.rows(made, "text", "status = 'seed'")
    assert seeds and small.rows(corrected, "text", "status = 'seed'") == seeds
    both = drawn(small, human, "seeds+synthetic")
    assert {(text,) for text, _ in both} >= set(seeds)
    assert ("Quite another text.", small.cell.task.label_names[row.label]) in both
    assert lineage.train_data_of(small.context, human) == lineage.train_data_of(small.context, made)
    assert judge.judge_name(JudgeConfig(), corrected) == judge.judge_name(JudgeConfig(), made)
    assert judge.plan(small.context, JudgeConfig(), small.cell, corrected).config["model"] == made.config["model"]


def test_a_top_up_writes_what_people_took_away(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen()
    judged = small.get(
        judge.run(small.context, JudgeConfig(gates=False, model=small.model), small.cell, generation=made)
    )
    of = sheet.choose(small.context, small.cell, judged)
    bad, changed = of.rows[0], of.rows[1]
    human = small.get(take(small, of, ("Ana", {bad.idx: REJECT, changed.idx: {**ACCEPT, "text": "Made right."}})))
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2)
    topped = small.get(gen.run(small.context, config, small.cell, data=small.train, judgement=human))
    texts = [text for (text,) in small.rows(topped, "text", "status = 'ok' and source = 'synthetic'")]
    assert len(texts) == 12 and "Made right." in texts
    assert bad.text not in texts and changed.text not in texts


def test_a_generation_that_nobody_judged_can_be_reviewed(small: World) -> None:
    generation = add_import(small.store, small.cell, [(text(i), i % 2) for i in range(4)])
    of = sheet.choose(small.context, small.cell, generation)
    outcome = take(small, of, ("Ana", {0: REJECT}))
    assert [row[2:4] for row in verdicts(small, outcome.key)] == [(False, "human:Ana"), *[(True, "nobody")] * 3]
    assert small.get(outcome).inputs == [generation.key]
    assert outcome.summary["review"]["agreement"]["judge"] == []


def test_a_text_that_was_changed_back_was_not_changed(small: World) -> None:
    _, _, of = six(small)
    outcome = take(small, of, ("Ana", {0: {**ACCEPT, "text": text(0), "label": "first"}}))
    assert outcome.summary["review"]["changed"] == 0
    assert len(small.store.find("gen")) == 1


def test_a_users_task_is_found_again_through_the_corrected_generation(tmp_path: Path) -> None:
    small = world(tmp_path, task=small_task(3))
    generation = add_import(small.store, small.cell, [(text(i), i % 3) for i in range(3)])
    of = sheet.choose(small.context, small.cell, generation)
    take(small, of, ("Ana", {0: {**ACCEPT, "label": "third"}}))
    corrected, kept = small.store.find("gen")[0], small.store.resolve(generation.key)
    assert corrected.key != kept.key
    assert corrected.summary["task"] == kept.summary["task"]


def test_a_human_judgement_can_be_reviewed_again(small: World) -> None:
    _, _, of = six(small)
    first = small.get(take(small, of, ("Ana", {0: REJECT, 1: {**ACCEPT, "text": "Better."}})))
    again = sheet.choose(small.context, small.cell, first)
    (row,) = [row for row in again.rows if row.text == "Better."]
    outcome = take(small, again, ("Ben", {row.idx: REJECT}))
    assert (outcome.summary["rejected"]["human:Ana"], outcome.summary["rejected"]["human:Ben"]) == (2, 1)
    assert outcome.summary["review"]["agreement"]["judge"][0]["rows"] == 0  # people are not held against people here
    assert verify(small.store).faults == ()


# -- several people -------------------------------------------------------------------------------------------------


def test_votes_are_counted_and_all_of_them_are_kept(small: World) -> None:
    generation, _, of = six(small)
    outcome = take(
        small,
        of,
        ("Ben", {0: ACCEPT, 1: REJECT, 2: {"comment": "నాకు తెలియదు"}}),
        ("Ana", {0: {**ACCEPT, "comment": "good"}, 1: ACCEPT}),
    )
    found = verdicts(small, outcome.key)
    assert found[0][2:] == (True, "human:Ana+Ben", None)
    assert found[1][2:] == (False, "human:Ana+Ben", "the reviewers disagree: 1 of 2 accept it")
    assert found[2][2:] == (True, "llm", None)
    assert outcome.summary["review"]["agreement"]["reviewers"] == [
        {"between": ["Ana", "Ben"], "rows": 2, "agree": 0.5, "kappa": 0.0}
    ]
    assert small.store.query(
        "select idx, reviewer, decision, reason, comment, example_key from reviews where key = ? order by all",
        [outcome.key],
    ) == [
        (0, "Ana", "accept", None, "good", generation.key),
        (0, "Ben", "accept", None, None, generation.key),
        (1, "Ana", "accept", None, None, generation.key),
        (1, "Ben", "reject", "unnatural", None, generation.key),
        (2, "Ben", None, None, "నాకు తెలియదు", generation.key),
    ]


def test_the_order_of_files_and_a_second_save_are_a_hit(small: World) -> None:
    _, _, of = six(small)
    ana: tuple[str, Said] = ("Ana", {0: ACCEPT, 1: {**ACCEPT, "text": "Better."}})
    ben: tuple[str, Said] = ("Ben", {1: {**ACCEPT, "text": "Better."}})
    first = take(small, of, ana, ben)
    later = sheet.choose(small.context, small.cell, add_import(small.store, small.cell, [("newer", 0)]))
    assert lineage.newest_generation(small.context, small.cell).key == later.generation.key
    again = take(small, of, ben, ana)
    assert (again.key, again.hit, again.summary) == (first.key, True, first.summary)
    newest = lineage.newest_generation(small.context, small.cell)
    assert small.get(again).inputs[0] == newest.key  # a hit is a use: its texts are the newest again
    other = take(small, of, ana)
    assert (other.key == first.key, other.hit) == (False, False)
    counts = small.store.query("select count(*) from verdicts where key = ?", [first.key])
    assert take(small, of, ben, ana, force=True).hit is False
    assert small.store.query("select count(*) from verdicts where key = ?", [first.key]) == counts


def test_reviews_of_several_sheets_become_several_judgements(small: World) -> None:
    _, _, of = six(small)
    plain = sheet.choose(small.context, small.cell, add_import(small.store, small.cell, [("one", 0), ("two", 1)]))
    paths = [save(small.root / "a.json", of, {0: REJECT}), save(small.root / "b.json", plain, {1: REJECT})]
    plans = judgement.plan(small.context, [form.read(path) for path in paths])
    assert [outcome.hit for outcome in judgement.keep(small.context, plans)] == [False, False]
    assert [outcome.hit for outcome in judgement.keep(small.context, plans)] == [True, True]


def test_others_who_reviewed_the_same_texts_are_known(small: World) -> None:
    _, _, of = six(small)
    take(small, of, ("Ana", {0: ACCEPT}))
    path = save(small.root / "b.json", of, {0: REJECT}, reviewer="Ben")
    (planned,) = judgement.plan(small.context, [form.read(path)])
    assert judgement.others(small.context, planned) == ["Ana"]


# -- what is refused --------------------------------------------------------------------------------------------------


def _refused(small: World, error: type[Exception], match: str, *paths: Path) -> None:
    before = small.store.everything()
    with pytest.raises(error, match=match):
        judgement.keep(small.context, judgement.plan(small.context, [form.read(path) for path in paths]))
    assert small.store.everything() == before


def test_a_review_of_another_store_is_refused(small: World, tmp_path: Path) -> None:
    _, _, of = six(world(tmp_path / "other", lang="de"))
    _refused(small, DataError, "which is not in", save(small.root / "a.json", of, {0: ACCEPT}))
    empty = replace(small.context, store=Store(tmp_path / "empty" / "store.duckdb"))
    with pytest.raises(DataError, match="which is not in"):
        judgement.plan(empty, [form.read(small.root / "a.json")])


def test_a_judgement_of_something_else_is_refused(small: World) -> None:
    generation, _, of = six(small)
    other = add_import(small.store, small.cell, [("one", 0)])
    for key, message in (
        (add_judgement(small, other, [(True, "llm")]).key, "is not about generation"),
        (generation.key, "about judge"),
        ("0" * 64, "about judge 000000000000, which is not in"),
    ):
        path = save(small.root / "a.json", of, {0: ACCEPT}, judgement=key)
        _refused(small, DataError, message, path)
    path = save(small.root / "a.json", of, {0: ACCEPT}, generation=other.key, judgement=None)
    _refused(small, DataError, "text 0 is not the one", path)


@pytest.mark.parametrize("said", [{99: ACCEPT}, {0: {**ACCEPT, "sha256": "1" * 64}}])
def test_a_text_that_is_not_there_is_refused(small: World, said: Said) -> None:
    _, _, of = six(small)
    _refused(small, DataError, "is not the one in generation", save(small.root / "a.json", of, said))


def test_human_and_rejected_rows_of_the_generation_cannot_be_voted_on(small: World) -> None:
    _, _, of = six(small)
    human = add_data(small.store, small.cell, [("a human text", 0)])
    path = save(small.root / "a.json", of, {0: ACCEPT}, generation=human.key, judgement=None)
    _refused(small, DataError, "about gen", path)


def test_other_labels_are_refused(small: World) -> None:
    _, _, of = six(small)
    path = save(small.root / "a.json", of, {0: ACCEPT}, labels=["second", "first"])
    _refused(small, DataError, "not the labels of task small", path)


def test_one_person_twice_is_refused(small: World) -> None:
    _, _, of = six(small)
    paths = [save(small.root / f"{i}.json", of, {i: ACCEPT}) for i in range(2)]
    _refused(small, UsageError, "two of the reviews are by Ana", *paths)


def test_one_bad_file_among_good_ones_keeps_nothing(small: World, tmp_path: Path) -> None:
    _, _, of = six(small)
    foreign = six(world(tmp_path / "other", lang="de"))[2]
    paths = [save(small.root / "a.json", of, {0: ACCEPT}), save(small.root / "b.json", foreign, {0: ACCEPT})]
    _refused(small, DataError, "which is not in", *paths)


def test_a_crash_between_the_two_artifacts_leaves_neither(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, of = six(small)
    from sdc.cache import store as module

    whole = module._insert

    def dies(con: Any, table: str, batch: Any, **options: Any) -> None:
        if table == "artifacts" and batch is not None:
            raise StoreError("the disk is full")
        whole(con, table, batch, **options)

    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(module, "_insert", dies)
        take(small, of, ("Ana", {1: {**ACCEPT, "text": "Better."}}))
    assert len(small.store.find("gen")) == 1 and len(small.store.find("judge")) == 1
    assert take(small, of, ("Ana", {1: {**ACCEPT, "text": "Better."}})).hit is False
    assert verify(small.store).faults == ()


# -- older stores -----------------------------------------------------------------------------------------------------


def test_a_store_from_before_reviews_takes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        as_version(patch, 2)
        patch.setattr("scripted._STORES", {})
        small = world(tmp_path)
        _, _, of = six(small)
        assert small.store.query("select * from duckdb_tables() where table_name = 'reviews'") == []
    small.context = replace(small.context, store=Store(small.store.path))
    outcome = take(small, of, ("Ana", {0: REJECT}))
    assert small.store.query("select idx, reviewer from reviews where key = ?", [outcome.key]) == [(0, "Ana")]
