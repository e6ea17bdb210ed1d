"""The card as a whole: it says all it promises, the same every time, and says so where rows are too few."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from sdc.errors import UsageError
from sdc.pipelines.report import card
from sdc.pipelines.report.card import conditions, formats, page
from sdc.pipelines.report.card.sides import Example, Sides

from .conftest import SidesOf, Writer


@pytest.fixture
def sides(write: Writer, sides_of: SidesOf) -> Sides:
    human = write(200, "human")
    return sides_of(
        write(200, "new"), human, seeds=tuple(text for text, _ in human[:20]),
        test=tuple(text for text, _ in write(50, "test")), quotas={0: 100, 1: 100},
    )  # fmt: skip


def test_every_figure_in_order_and_the_same_again(sides: Sides) -> None:
    steps: list[int] = []
    one = card.build(sides, about={}, done=steps.append)
    assert tuple(figure.name for figure in one.figures) == card.NAMES
    assert steps == list(range(1, len(card.MEASURES) + 1))
    assert all(figure.synthetic is not None for figure in one.figures)
    two = card.build(replace(sides), about={})
    assert one == two
    other = card.build(replace(sides, seed=7), about={})
    assert other.figure("auc") != one.figure("auc")


def test_every_figure_is_explained() -> None:
    page_text = (Path(__file__).parents[4] / "docs" / "data-card.md").read_text("utf-8")
    assert [name for name in card.NAMES if f"`{name}`" not in page_text] == []


def test_ten_human_rows_per_label(write: Writer, sides_of: SidesOf) -> None:
    """What a user has: all of them seeds, and no test. No figure may pretend to know what 20 rows cannot tell."""
    human = write(20, "human")
    found = card.build(sides_of(write(400, "new"), human, seeds=tuple(text for text, _ in human)), about={})
    missing = {figure.name: figure.note for figure in found.figures if figure.synthetic is None}
    few = "too few human rows to compare: 20, wants 50"
    compared = ("auc", "nearest_human", "self_similarity", "vocabulary_coverage", "vocabulary_overlap")
    assert missing == {
        **dict.fromkeys(compared, few),
        "human_copies": "all human rows are seed examples",
        "leaks": "no test rows in the store",
        "quota": "no quota",
    }
    for name in ("distinct_2", "openings"):
        assert found.figure(name).human is None and found.figure(name).note.startswith("too few human")
    assert found.figure("seed_copies").synthetic is not None
    assert "neighbours" not in found.series
    (condition,) = conditions.parse(["auc>0.1"])
    assert condition.holds(found) is None


@pytest.mark.parametrize("num_ours", [1, 3])
def test_a_handful_of_rows(num_ours: int, write: Writer, sides_of: SidesOf) -> None:
    found = card.build(sides_of(write(num_ours, "new"), write(1, "human")), about={})
    assert tuple(figure.name for figure in found.figures) == card.NAMES
    assert all(figure.note for figure in found.figures if figure.synthetic is None)
    assert found.notes == ("not compared, for one side has no row of it: bad",)


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (["the same"] * 60, "too few different texts on one side"),
        ([chr(0x4E00 + i) for i in range(60)], ""),
        (["!? 😀 \u200d \ufffd", " ", "\x00\x07", "a\nb\r\n", "word " * 3000] * 12, ""),
    ],
)
def test_odd_rows(texts: list[str], note: str, write: Writer, sides_of: SidesOf) -> None:
    """A generator may write anything; the card must stand."""
    for lang in ("en", "tlh"):
        ours = [Example(text, i % 2) for i, text in enumerate(texts)]
        found = card.build(sides_of(ours, write(60, "human"), lang=lang), about={})
        assert all(figure.synthetic is not None or figure.note for figure in found.figures)
        assert found.figure("auc").note == note or not note
        assert json.loads(formats.as_json([found])) and page.as_html([found])


@pytest.mark.parametrize(
    ("lang", "letters", "space"),
    [
        ("th", "กขคงจชดตนบปพมยรลวสหอ", ""),
        ("zh", "的一是不了人我在有他这中大来上国个到说们", ""),
        ("ko", "가나다라마바사아자차카타파하고노도로모보", " "),
        ("he", "אבגדהוזחטיכלמנסעפצקר", " "),
        ("id", "abdegiklmnoprstuwy", " "),
    ],
)
def test_any_script(lang: str, letters: str, space: str, sides_of: SidesOf) -> None:
    words = ["".join(random.Random(i).choices(letters, k=2 + i % 4)) for i in range(200)]

    def rows(seed: str, number: int) -> list[Example]:
        draw = random.Random(seed)
        return [Example(space.join(draw.choices(words, k=12)), i % 2) for i in range(number)]

    found = card.build(sides_of(rows("new", 120), rows("human", 120), lang=lang), about={})
    for name in ("auc", "distinct_1", "distinct_2", "vocabulary_coverage", "openings", "script"):
        assert found.figure(name).synthetic is not None and found.figure(name).human is not None, name
    distinct, openings = found.figure("distinct_2").synthetic, found.figure("openings").synthetic
    assert distinct is not None and 0.05 < distinct.value < 1
    assert openings is not None and openings.value < 0.5  # a row is not one long word


def test_conditions(sides: Sides) -> None:
    found = card.build(sides, about={})
    value = found.figure("length_median").synthetic
    assert value is not None
    held = {
        expression: conditions.parse([f"length_median{expression}"])[0].holds(found)
        for expression in ("> 1", ">1e9", "<1", "< 1e9", *(f"{sign}{value.value}" for sign in (">", ">=", "<=", "<")))
    }
    assert list(held.values()) == [True, False, False, True, False, True, True, False]


@pytest.mark.parametrize(
    "text", ["", "auc", "auc>", ">1", "auc=1", "auc>nan", "auc>inf", "auc>1;leaks>0", "auc>0.5,", "moon>1", "AUC>1"]
)
def test_conditions_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match="--fail-on"):
        conditions.parse([text])
