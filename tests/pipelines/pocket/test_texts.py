"""What a pocket teacher learns from its own texts."""

import random
from pathlib import Path

import pytest
from reviews import add_judgement
from scripted import World, add_import, small_task, world

from sdc.errors import DataError
from sdc.pipelines.pocket.training import texts
from sdc.pipelines.pocket.training.corpus import Corpus
from sdc.pipelines.pocket.training.texts import TextPool

HUMAN: dict[int, tuple[str, ...]] = {
    0: ("rain falls on the old town", "the wind is cold"),
    1: ("the goat eats grass", "a cow is in the old barn"),
}


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path / "world", task=small_task(2))


def _pool(small: World) -> TextPool:
    return TextPool(task=small.cell.task, language=small.cell.language, by_label=HUMAN)


def test_its_own_texts_are_accepted_of_known_words_and_no_copies(small: World) -> None:
    rows = [
        ("Rain falls on the cold barn", 0),
        ("rain falls on the grass", 0),  # refused by the judge
        ("cold wind falls on graas", 0),  # a word that it made up
        ("The goat eats grass!", 1),  # a human text, nearly
        ("the cow eats  grass in the old town", 1),
    ]
    generation = add_import(small.store, small.cell, rows)
    add_judgement(small, generation, [(i != 1, "") for i in range(5)])
    (pool,) = texts.with_own([_pool(small)], small.store.path)
    assert pool.own == {0: ("Rain falls on the cold barn",), 1: ("the cow eats grass in the old town",)}
    assert pool.by_label == HUMAN


def test_they_are_learnt_as_answers_and_never_shown_as_seeds(small: World) -> None:
    own: dict[int, tuple[str, ...]] = {label: tuple(f"own {label} {i}" for i in range(20)) for label in (0, 1)}
    pool = TextPool(task=small.cell.task, language=small.cell.language, by_label=HUMAN, own=own)
    corpus = Corpus([pool], shares={"generate": 1})
    rng = random.Random(0)
    learnt, shown = set[bool](), set[bool]()
    for _ in range(60):
        conversation = corpus.generate(pool, rng, 1.0)
        shown.add("own " in "".join(text for text, _ in conversation.prefix))
        learnt.update("own " in "".join(text for text, _ in branch) for branch in conversation.branches)
    assert learnt == {True, False}
    assert shown == {False}


def test_a_store_without_accepted_texts_is_an_error(small: World) -> None:
    with pytest.raises(DataError, match="no accepted texts"):
        texts.with_own([_pool(small)], small.store.path)
