"""Folding: which ways take two texts for one, and that folding twice changes nothing."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sdc.pipelines.text import commas
from sdc.pipelines.text.folding import fold, fold_case, fold_compatible, fold_letters, fold_name, one_line, unpointed


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("K\u00f6ln", "Ko\u0308ln", (fold, fold_case, fold_compatible, fold_letters, unpointed)),
        ("STRASSE", "stra\u00dfe", (fold, fold_case, fold_compatible, fold_letters, fold_name)),
        (" a\tb\n", "a b", (one_line, fold, fold_letters)),
        ("\uff39es", "Yes", (fold_compatible,)),
        ("Yes!", "yes", (fold_letters,)),
        ("\u00e9t\u00e9", "ete", (fold_letters,)),
        ("\u05e9\u05b8\u05dc", "\u05e9\u05dc", (unpointed,)),
    ],
)
def test_each_way_takes_for_one_what_it_is_for(one: str, other: str, alike: tuple[Callable[[str], str], ...]) -> None:
    ways = (one_line, fold_case, fold, fold_compatible, fold_name, fold_letters, unpointed)
    assert {way.__name__ for way in ways if way(one) == way(other)} == {way.__name__ for way in alike}


@given(st.text())
@example("\u0345\u0301")
def test_what_is_on_one_line_stays_so(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)
    assert fold(text) == one_line(fold_case(text))
    assert unpointed(unpointed(text)) == unpointed(text)


@given(st.lists(st.text(alphabet="ab ,", max_size=8), max_size=4))
def test_values_between_commas_are_the_same_however_a_flag_is_repeated(values: list[str]) -> None:
    assert commas.parts(values) == commas.parts(",".join(values))
    assert commas.parts(commas.parts(values)) == commas.parts(values)
