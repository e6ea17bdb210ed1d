"""Texts of made-up languages, and the two sides of a cell made of them."""

import random
from collections.abc import Callable, Sequence

import pytest

from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.report.card.sides import Example, Sides
from sdc.pipelines.tasks import languages

Writer = Callable[[int, str], list[Example]]
SidesOf = Callable[..., Sides]


@pytest.fixture
def write() -> Writer:
    """`write(number, seed)` returns rows of two labels in turn, made of 400 made-up words.

    Every seed is another writer. All draw from the same words, so that no classifier can tell them apart.
    """
    words = ["".join(random.Random(i).choices("abdegiklmnoprstu", k=2 + i % 6)) for i in range(400)]

    def rows(number: int, seed: str) -> list[Example]:
        draw = random.Random(seed)
        return [Example(" ".join(draw.choices(words, k=draw.randint(5, 15))), i % 2) for i in range(number)]

    return rows


@pytest.fixture
def sides_of() -> SidesOf:
    """`sides_of(synthetic, human, lang="en")` returns the sides of a cell with two labels."""

    def sides(synthetic: Sequence[Example], human: Sequence[Example], *, lang: str = "en", **fields: object) -> Sides:
        task = tasks.from_mapping(
            {"name": "small", "instruction": "Choose: {options}.", "labels": [{"name": "good"}, {"name": "bad"}]},
            where="test",
        )
        cell = Cell(language=languages.load(lang), task=task)
        about = {"verdicts": tuple((None, "") for _ in synthetic), **fields}
        return Sides(cell=cell, synthetic=tuple(synthetic), human=tuple(human), **about)  # type: ignore[arg-type]

    return sides
