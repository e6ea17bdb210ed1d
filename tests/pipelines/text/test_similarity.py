"""Similarity: the index finds what comparing with every text finds."""

import subprocess
import sys
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.text import similarity_join, similarity_many
from sdc.pipelines.text.folding import fold
from sdc.pipelines.text.similarity import Index, jaccard, known, num_near, shingles
from sdc.pipelines.text.similarity_join import Join
from sdc.pipelines.text.similarity_many import numbered

TEXTS = st.lists(st.text(alphabet="ab C", max_size=14), max_size=12)


def brute(texts: list[str], text: str, threshold: float) -> tuple[int, float] | None:
    """The first equal text, else the first of the most similar ones."""
    for number, other in enumerate(texts):
        if fold(other) == fold(text):
            return number, 1.0
    found = [(jaccard(shingles(text), shingles(other)), -number) for number, other in enumerate(texts)]
    best = max(found, default=(-1.0, 0))
    return (-best[1], best[0]) if best[0] >= threshold and threshold <= 1 else None


@given(TEXTS, st.text(alphabet="ab C", max_size=14), st.sampled_from([0.2, 0.5, 0.8, 1.0, 1.01]))
def test_the_index_equals_brute_force(texts: list[str], text: str, threshold: float) -> None:
    assert Index(texts, threshold=threshold).nearest(text) == brute(texts, text, threshold)


@given(TEXTS, TEXTS, st.text(alphabet="ab C", max_size=14), st.sampled_from([0.2, 0.5, 0.8, 1.0, 1.01]))
def test_texts_added_later_are_found_beside_the_first(
    first: list[str], later: list[str], text: str, threshold: float
) -> None:
    index = Index(known(first), threshold=threshold)
    for one in later:
        index.add(one)
    both = [*first, *later]
    assert index.nearest(text) == brute(both, text, threshold)
    alike = [(k, jaccard(shingles(text), shingles(other))) for k, other in enumerate(both)]
    assert index.near(text) == [(k, found) for k, found in alike if found >= threshold and threshold <= 1]


@given(TEXTS, TEXTS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_a_join_finds_what_comparing_all_with_all_finds(known: list[str], texts: list[str], threshold: float) -> None:
    mine, others = list(map(fold, texts)), list(map(fold, known))
    alike = [(i, k, jaccard(shingles(a), shingles(b))) for i, a in enumerate(mine) for k, b in enumerate(others)]
    assert list(Join(others, threshold).pairs(mine)) == [found for found in alike if found[2] >= threshold]


@given(TEXTS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_near_texts_are_counted_as_the_gate_rejects_them(texts: list[str], threshold: float) -> None:
    kept: list[str] = []
    for text in texts:
        if brute(kept, text, threshold) is None:
            kept.append(text)
    assert num_near(texts, threshold=threshold) == len(texts) - len(kept)


@pytest.mark.parametrize("characters", [1, 500, 10**6])
def test_a_join_of_long_texts_is_that_of_the_index(monkeypatch: pytest.MonkeyPatch, characters: int) -> None:
    """Long enough that one common shingle is not sought, but several; in one piece, in several, each by itself."""
    monkeypatch.setattr(similarity_join, "_CHARACTERS", characters)
    random = Random(5)
    words = ["".join(random.choices("abcdefgh", k=random.randint(2, 9))) for _ in range(60)]
    others = [" ".join(random.choices(words, k=random.randint(1, 40))) for _ in range(80)]
    texts = [" ".join(random.choices(words, k=5)) for _ in range(40)]
    for text in random.choices(others, k=60):  # nearly copies
        parts = text.split()
        parts[random.randrange(len(parts))] = random.choice(words)
        texts.append(" ".join(parts))
    index = Index(others)
    expected = [(i, k, similarity) for i, text in enumerate(texts) for k, similarity in index.near(text)]
    assert len(expected) > 20
    assert list(Join(others, 0.8).pairs(texts)) == expected


def test_a_join_with_nothing_finds_nothing() -> None:
    assert list(Join([], 0.8).pairs(["a text"])) == list(Join(["a text"], 0.8).pairs([])) == []


@given(st.lists(st.text(max_size=12), max_size=8))
def test_numbers_of_shingles_are_as_many_as_shingles(texts: list[str]) -> None:
    numbers, rows = numbered(list(map(fold, texts)))
    assert [int((rows == k).sum()) for k in range(len(texts))] == [len(shingles(text)) for text in texts]
    assert len(set(map(int, numbers))) == len(set().union(*map(shingles, texts)))


@pytest.mark.parametrize("length", [0, 1, 1000, similarity_many._CACHED + 1])
def test_numbers_are_ordered_whichever_way_is_sooner(length: int) -> None:
    import numpy as np

    random = np.random.default_rng(5)
    numbers = random.integers(0, 2**64, length, dtype=np.uint64)
    numbers[::3] = random.integers(0, 2**20, len(numbers[::3]), dtype=np.uint64) << np.uint64(30)
    numbers[::7] = 5
    assert (similarity_many._order(numbers) == np.argsort(numbers, kind="stable")).all()


@given(st.text(), st.text())
def test_jaccard_is_symmetric_and_one_for_equal_texts(a: str, b: str) -> None:
    assert jaccard(shingles(a), shingles(b)) == jaccard(shingles(b), shingles(a))
    assert jaccard(shingles(a), shingles(a)) == 1.0
    assert 0 <= jaccard(shingles(a), shingles(b)) <= 1


@given(st.text())
def test_case_form_and_white_space_do_not_make_a_text_new(text: str) -> None:
    assert Index([text]).nearest(f"  {text}\n") == (0, 1.0)


def test_of_equally_similar_texts_the_first_is_found_in_every_process() -> None:
    """Sets of strings are ordered by a hash that each process draws anew."""
    code = (
        "from sdc.pipelines.text.similarity import Index;"
        "print(Index(['zzabcdefgh', 'abcdefghzz'], threshold=.1).nearest('abcdefgh'))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": str(seed)}, capture_output=True, text=True, check=True
        ).stdout
        for seed in range(6)
    }
    assert len(found) == 1 and found.pop().startswith("(0, ")
