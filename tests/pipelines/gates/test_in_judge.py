"""The gates as `judge` runs them: what they compare with comes from the store, and is part of the key."""

from pathlib import Path

import pytest
from scripted import World, add_data, add_import, world

from sdc.pipelines import judge
from sdc.pipelines.judge.config import JudgeConfig

TEXTS = (
    "The train to the coast leaves early every morning.",
    "Our doctor says that walking helps the heart a lot.",
    "Nobody knows what the river brings in spring.",
)


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


def verdicts(small: World, texts: tuple[str, ...]) -> list[tuple[bool, str, str | None]]:
    generation = add_import(small.store, small.cell, [(text, i % 2) for i, text in enumerate(texts)])
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=generation)
    return small.store.query(
        "select accepted, judged_by, reason from verdicts where key = ? order by idx", [outcome.key]
    )


def test_all_gates_are_needed_to_accept_a_text(small: World) -> None:
    assert verdicts(small, TEXTS) == [(True, "gate:all", None)] * 3


def test_a_text_is_compared_with_those_accepted_before_it(small: World) -> None:
    broken = f"--\n{TEXTS[1]}"
    found = verdicts(small, (TEXTS[0], f"{TEXTS[0]}!", broken, TEXTS[1]))
    assert found[0] == (True, "gate:all", None)
    assert found[1][:2] == (False, "gate:duplicate") and "to an earlier text" in (found[1][2] or "")
    assert found[2][:2] == (False, "gate:separator")
    assert found[3] == (True, "gate:all", None)  # what it is like was not accepted


def test_a_text_of_any_test_split_of_the_cell_is_refused(small: World) -> None:
    add_data(small.store, small.cell, [(TEXTS[0], 0)], split="test")
    add_data(small.store, small.cell, [("Something newer than that, and quite another text.", 0)], split="test")
    found = verdicts(small, (f"{TEXTS[0]}!", TEXTS[1]))
    assert found[0][:2] == (False, "gate:test") and "to a test example" in (found[0][2] or "")
    assert found[1][0]


def test_a_new_test_split_makes_a_new_judgement(small: World) -> None:
    generation = add_import(small.store, small.cell, [(TEXTS[0], 0)])
    before = judge.plan(small.context, JudgeConfig(llm=False), small.cell, generation)
    assert before.inputs == (generation.key, small.train.key, small.test.key)
    without = judge.plan(small.context, JudgeConfig(gates=False, model=small.model), small.cell, generation)
    assert without.inputs == (generation.key,)
    added = add_data(small.store, small.cell, [(TEXTS[1], 0)], split="test")
    after = judge.plan(small.context, JudgeConfig(llm=False), small.cell, generation)
    assert after.key != before.key
    assert after.inputs == (generation.key, small.train.key, *sorted((small.test.key, added.key)))
