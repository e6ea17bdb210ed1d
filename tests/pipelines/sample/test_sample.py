"""sample: sizes, nesting, sources and what names a draw. The strategies are in test_strategies.py."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, add_data, add_import, obliging, small_task, unlike_any, world

from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import judge, sample, tasks
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.sample.strategies import STRATEGIES


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


@pytest.fixture
def topic(tmp_path: Path) -> World:
    """A world of the paper's topic task, with 30 rows per label, 40 of the first."""
    made = world(tmp_path, task=tasks.load("topic"))
    labels = [i % 7 for i in range(210)] + [0] * 10
    made.train = add_data(made.store, made.cell, [(unlike_any(i), label) for i, label in enumerate(labels)])
    return made


def draws(small: World, examples: Artifact | None = None, **config: Any) -> list[dict[str, Any]]:
    settings = SampleConfig(**{"source": "human", "repeats": 2, **config})
    outcome = sample.run(small.context, settings, small.cell, examples=examples or small.train)
    names = ("draw", "source", "strategy", "size", "repeat", "num_rows", "example_key", "members")
    found = small.store.query(f"select {', '.join(names)} from draws where key = ?", [outcome.key])
    return [dict(zip(names, row, strict=True)) for row in found]


def labels_of(small: World, draw: dict[str, Any]) -> Counter[int]:
    found = small.store.query(
        "select label from examples where key = ? and list_contains(?, idx)", [draw["example_key"], draw["members"]]
    )
    return Counter(label for (label,) in found)


# -- sizes --------------------------------------------------------------------------------------------------------


def test_the_real_number_of_rows_is_recorded(topic: World) -> None:
    """B10: with seven labels, topic "10" and "20" are both 14 rows."""
    found = draws(topic, sizes=("10", "20", "30", "50", "all"), repeats=1)
    assert {draw["size"]: draw["num_rows"] for draw in found} == {"10": 14, "20": 14, "30": 28, "50": 49, "all": 220}
    assert all(len(draw["members"]) == draw["num_rows"] for draw in found)
    ten, twenty = (next(draw for draw in found if draw["size"] == size) for size in ("10", "20"))
    assert ten["draw"] == twenty["draw"]  # the same rows: one training run, not two


def test_every_draw_is_balanced(topic: World) -> None:
    for draw in draws(topic, sizes=("10", "50", "100")):
        assert len(set(labels_of(topic, draw).values())) == 1
        assert len(labels_of(topic, draw)) == 7


def test_draws_are_nested_over_sizes_and_differ_over_repeats(topic: World) -> None:
    found = draws(topic, sizes=("10", "50", "100", "200"), repeats=3)
    for repeat in range(3):
        members = [draw["members"] for draw in found if draw["repeat"] == repeat]
        for smaller, larger in pairwise(members):
            assert larger[: len(smaller)] == smaller
    assert len({draw["draw"] for draw in found if draw["size"] == "10"}) == 3


def test_no_larger_size_follows_the_one_that_takes_all(topic: World) -> None:
    found = draws(topic, sizes=("100", "200", "250", "300", "1000"), repeats=1)
    assert [(draw["size"], draw["num_rows"]) for draw in found] == [("100", 98), ("200", 196), ("250", 210)]


def test_the_tasks_grid_ends_its_sizes(small: World) -> None:
    small.cell = world(small.root / "b", task=small_task(sizes_up_to=4)).cell
    assert {draw["size"] for draw in draws(small, sizes=("2", "4", "5"))} == {"2", "4"}


def test_when_every_size_is_too_large_all_rows_are_drawn(small: World) -> None:
    small.cell = world(small.root / "b", task=small_task(sizes_up_to=4)).cell
    assert {(draw["size"], draw["num_rows"]) for draw in draws(small, sizes=("50",))} == {("all", 6)}


def test_random_draws_count_rows(small: World) -> None:
    found = draws(small, sizes=("3", "5", "100", "200"), strategy="random", repeats=1)
    assert [(draw["size"], draw["num_rows"]) for draw in found] == [("3", 3), ("5", 5), ("100", 6)]


def test_a_repeat_of_all_is_the_same_rows(small: World) -> None:
    found = draws(small, repeats=4)
    assert [draw["repeat"] for draw in found] == [0, 1, 2, 3]
    assert len({draw["draw"] for draw in found}) == 1


# -- names --------------------------------------------------------------------------------------------------------


def test_adding_sizes_or_repeats_keeps_the_draws_that_were_there(topic: World) -> None:
    few = {(draw["size"], draw["repeat"]): draw["draw"] for draw in draws(topic, sizes=("50",), repeats=2)}
    many = {
        (draw["size"], draw["repeat"]): draw["draw"]
        for draw in draws(topic, sizes=("10", "50", "100", "all"), repeats=4)
    }
    assert few.items() <= many.items()


def test_a_draw_is_named_by_its_content_alone(small: World) -> None:
    rows = [(text, label) for text, label in small.rows(small.train, "text, label")]
    elsewhere = world(small.root / "b")
    copy = add_import(elsewhere.store, elsewhere.cell, rows)
    human, synthetic = draws(small)[0], draws(elsewhere, copy, source="synthetic")[0]
    assert human["draw"] == synthetic["draw"]
    changed = add_import(elsewhere.store, elsewhere.cell, [(rows[0][0], 1 - rows[0][1]), *rows[1:]])
    assert draws(elsewhere, changed, source="synthetic")[0]["draw"] != human["draw"]


def test_another_data_seed_draws_other_rows(topic: World) -> None:
    one, other = (draws(topic, sizes=("50",), seed=seed) for seed in (1, 2))
    assert not {draw["draw"] for draw in one} & {draw["draw"] for draw in other}
    assert [draw["members"] for draw in one] == [draw["members"] for draw in draws(topic, sizes=("50", "10"), seed=1)
                                                 if draw["size"] == "50"]  # fmt: skip


# -- sources ------------------------------------------------------------------------------------------------------


@pytest.fixture
def made(small: World, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    ScriptedEngine(obliging).install(monkeypatch)
    return small.gen(num_seeds=2, num_texts=5)


def sources(small: World, draw: dict[str, Any]) -> Counter[tuple[str, str]]:
    found = small.store.query(
        "select source, status from examples where key = ? and list_contains(?, idx)",
        [draw["example_key"], draw["members"]],
    )
    return Counter((source, status) for source, status in found)


def test_synthetic_draws_hold_accepted_rows_only(small: World, made: Artifact) -> None:
    (draw, _) = draws(small, made, source="synthetic")
    assert sources(small, draw) == {("synthetic", "ok"): 12}
    judgement = small.get(judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=made))
    accepted = {
        idx for (idx,) in small.store.query("select idx from verdicts where key = ? and accepted", [judgement.key])
    }
    with small.store.open(write=True) as con:
        con.execute("update verdicts set accepted = idx % 2 = 0 where key = ?", [judgement.key])
    (judged, _) = draws(small, judgement, source="synthetic")
    assert judged["example_key"] == made.key
    assert judged["members"] == [idx for idx in draw["members"] if idx % 2 == 0]
    assert len(accepted) <= 12


def test_seeds_are_what_the_generator_was_shown(small: World, made: Artifact) -> None:
    found = draws(small, made, source="seeds", sizes=("2", "4", "all"))
    assert {draw["size"] for draw in found} == {"all"}
    assert sources(small, found[0]) == {("human", "seed"): 4}


def test_seeds_plus_synthetic_count_the_synthetic_ones(small: World, made: Artifact) -> None:
    found = draws(small, made, source="seeds+synthetic", sizes=("4", "all"), repeats=1)
    assert [(draw["size"], draw["num_rows"]) for draw in found] == [("4", 8), ("all", 16)]
    assert sources(small, found[0]) == {("human", "seed"): 4, ("synthetic", "ok"): 4}


@pytest.mark.parametrize("source", ["seeds", "seeds+synthetic"])
def test_a_generation_made_elsewhere_has_no_seeds(small: World, source: str) -> None:
    imported = add_import(small.store, small.cell, [(unlike_any(i), i % 2) for i in range(4)])
    with pytest.raises(DataError, match="made elsewhere has none: take human examples with --seeds-from human"):
        draws(small, imported, source=source)


def test_a_source_that_the_input_does_not_have_is_a_data_error(small: World, made: Artifact) -> None:
    with pytest.raises(DataError, match="no synthetic rows for en/small"):
        draws(small, small.train, source="synthetic")
    with pytest.raises(DataError, match="no human rows for en/small"):
        draws(small, made, source="human")


def test_a_judgement_that_accepted_nothing_says_so(small: World) -> None:
    made = add_import(small.store, small.cell, [(unlike_any(i), i % 2) for i in range(4)])
    config = JudgeConfig(llm=False)
    outcome = judge.run(small.context, config, small.cell, generation=made)
    with small.store.open(write=True) as con:
        con.execute("update verdicts set accepted = false")
        con.execute("""update artifacts set summary = '{"rows": 4, "accepted": 0, "rejected": {"length": 4}}'
            where stage = 'judge'""")
    said = "none of 4 texts of en/small was accepted, 4 rejected by length; see why with `sdc store sql"
    with pytest.raises(DataError, match=said):
        draws(small, small.get(outcome), source="synthetic")


def test_a_missing_label_is_a_data_error_unless_all_rows_are_drawn(small: World) -> None:
    one_sided = add_data(small.store, small.cell, [(unlike_any(i), 0) for i in range(5)])
    with pytest.raises(DataError, match="no human row of 'second'"):
        draws(small, one_sided, sizes=("2",))
    assert draws(small, one_sided)[0]["num_rows"] == 5
    assert draws(small, one_sided, sizes=("2",), strategy="random")[0]["num_rows"] == 2


def test_nothing_is_drawn_from_the_test_split(small: World) -> None:
    with pytest.raises(UsageError, match="is the test split"):
        draws(small, small.test)


def test_the_summary_tells_nominal_from_real_sizes(topic: World) -> None:
    config = SampleConfig(source="human", sizes=("10", "20", "all"), repeats=2)
    outcome = sample.run(topic.context, config, topic.cell, examples=topic.train)
    assert outcome.summary["real_sizes"] == {"10": 14, "20": 14, "all": 220}
    assert (outcome.summary["draws"], outcome.summary["rows"]) == (6, 220)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "dreams"}, {"strategy": "stratified"}, {"sizes": ()}, {"sizes": ("0",)}, {"sizes": ("-1",)},
        {"sizes": ("1.5",)}, {"sizes": ("many",)}, {"sizes": ("",)}, {"repeats": 0},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        SampleConfig(**wrong)


def test_a_strategy_of_ones_own_that_balances_labels_is_limited_by_the_rarest(
    topic: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it does so was told by the name `balanced`: another one drew fewer rows than were ordered, in silence."""
    monkeypatch.setitem(STRATEGIES, "mine", STRATEGIES["balanced"])
    with pytest.raises(DataError, match=r"217 human rows of .* are asked for, and there are 210 with as many of every"):
        draws(topic, strategy="mine", sizes=("217",), exact=True)
    (found, _) = draws(topic, strategy="mine", sizes=("210",), exact=True)
    assert found["num_rows"] == 210
    assert draws(topic, strategy="random", sizes=("217",), exact=True)[0]["num_rows"] == 217
