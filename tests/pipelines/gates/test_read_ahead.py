"""Texts that gates read ahead get the verdicts that they get one by one."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import small_task

from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.identifier import Identifier
from sdc.pipelines.text.similarity import Index

CELL = Cell(language=languages.load("en"), task=small_task())
HUMAN = ["The old bridge over the river was closed for repairs", "A new tunnel will be opened by the mayor tomorrow"]
TEST = ["Nobody saw the train that left the station at noon", HUMAN[1]]
#: Copies, near copies and near ones of each other, in other spellings and order, and texts of which there are several.
SOME = [
    HUMAN[0], f"{HUMAN[0]} again", HUMAN[1].upper(), TEST[0], f"{TEST[0]}!",
    "The mayor opened nothing at all this year.", "the mayor  opened nothing at all this year.",
    "The mayor opened nothing at all last year.", "My dog ate the cake.", "My dog ate the cake.",
    "My dog ate the cakes.", "", "???", "Der Hund hat den ganzen Kuchen gefressen, so ein Tier.",
]  # fmt: skip


def _verdicts(check: gates.Gates, texts: Sequence[str]) -> list[object]:
    found = []
    for text in texts:
        found.append(check(text))
        if found[-1] is None:
            check.accept(text)
    return [*found, [check.all_reasons(text) for text in texts]]


@settings(deadline=None)
@given(st.lists(st.sampled_from(SOME), max_size=20), st.data(), st.sampled_from([0.5, 0.8, 1.0, 1.01]))
def test_verdicts_are_the_same(texts: list[str], data: st.DataObject, threshold: float) -> None:
    thresholds = dict.fromkeys(("copy", "test", "duplicate"), threshold)
    one, many = (gates.build(CELL, HUMAN, TEST, thresholds=thresholds) for _ in range(2))
    many.read_ahead([text for text in texts if data.draw(st.booleans())])  # the rest is a surprise
    assert _verdicts(many, texts) == _verdicts(one, texts)


@pytest.mark.parametrize("first", [True, False])
def test_accepted_texts_count_also_if_they_were_not_read_ahead(first: bool) -> None:
    text, near = "The mayor of the old town opened nothing at all", "The mayor of the old town opened nothing at all!"
    check = gates.build(CELL, HUMAN)
    if first:
        check.accept(text)
        check.read_ahead([near, "something else"])
    else:
        check.read_ahead([near, "something else"])
        check.accept(text)
    assert check(near) == ("duplicate", "similarity 0.98 to an earlier text")


def test_texts_that_were_read_ahead_before_count_too() -> None:
    text, near = "The mayor of the old town opened nothing at all", "The mayor of the old town opened nothing at all!"
    check = gates.build(CELL, HUMAN)
    check.read_ahead([text])
    check.accept(text)
    check.read_ahead([near])
    assert check(near) == ("duplicate", "similarity 0.98 to an earlier text")


def test_gates_that_are_not_asked_do_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    nearest = Index.nearest_of_known

    def watched(self: Index, folded: Sequence[str]) -> list[tuple[int, float] | None]:
        asked.append(len(folded))
        return nearest(self, folded)

    monkeypatch.setattr(Index, "nearest_of_known", watched)
    gates.build(CELL, HUMAN, TEST).read_ahead(SOME, without=("copy",))
    assert asked == [len(SOME)]


def test_gates_are_as_they_were_before_any_text_was_accepted() -> None:
    check = gates.build(CELL, HUMAN)
    first = _verdicts(check, SOME)
    again = check.anew()
    again.read_ahead(SOME)
    assert _verdicts(again, SOME) == first


@given(st.lists(st.text(alphabet="ab C", max_size=14), max_size=9), st.lists(st.text(alphabet="ab C", max_size=14)))
def test_the_nearest_of_many_is_that_of_each(known: list[str], texts: list[str]) -> None:
    for threshold in (0.3, 0.8, 1.01):
        index = Index(known, threshold=threshold)
        folded = [" ".join(text.casefold().split()) for text in texts]
        assert index.nearest_of_known(folded) == [index.nearest(text) for text in texts]


@pytest.mark.parametrize("more", [0, 9])
def test_of_equally_similar_texts_the_first_is_the_nearest(more: int) -> None:
    """Whichever side is the larger."""
    index = Index(["zzabcdefgh", "abcdefghzz", *["other"] * more], threshold=0.1)
    found = index.nearest_of_known(["abcdefgh", "abcdefghzz", "nothing", "of", "it"])
    assert found[0] is not None and [near and near[0] for near in found] == [0, 1, None, None, None]


def test_the_identifier_says_the_same_of_many_as_of_each() -> None:
    texts = [*SOME, "ALL OF THIS IS LOUD AND CLEAR", "x" * 3000, "1234", "ஒரு புதிய சுரங்கப்பாதை நாளை திறக்கப்படும்"]
    identifier = Identifier("en")
    guesses = identifier.guesses(texts * 9)
    assert guesses == [identifier.guess(text) for text in texts] * 9
    assert len({guess.tag for guess in guesses}) > 3 and not all(guess.num_bytes for guess in guesses)


def test_a_human_row_is_a_habit_only_if_more_than_the_few_odd_ones_have_it() -> None:
    rows = [f"{'!' * (i < 3)} row number {i}" for i in range(1000)]
    reference = Reference(cell=CELL, human=rows)
    assert reference.is_habit(lambda text: text.startswith("!"))  # three of a thousand, and two may be odd
    assert not Reference(cell=CELL, human=rows[1:]).is_habit(lambda text: text.startswith("!"))
    assert not Reference(cell=CELL).is_habit(lambda text: True)
