"""Scripts: those of a language and those that people write beside it, and the share of a text that is in them."""

import pytest

from sdc.pipelines.text import scripts

_SEVERAL = {"Telu": {"Telu"}, "Kore": {"Hang", "Hani"}, "Latf": {"Latn"}, "Jpan": {"Hira", "Kana", "Hani"}}


@pytest.mark.parametrize(("code", "found"), _SEVERAL.items())
def test_a_code_may_stand_for_several_scripts(code: str, found: set[str]) -> None:
    own = scripts.of(code)
    assert own is not None and own.scripts == found


@pytest.mark.parametrize("code", ["Zyyy", "Zinh", "Zzzz", "Qaaa"])
def test_an_unknown_script_is_none(code: str) -> None:
    assert scripts.of(code, ["text"]) is None


def test_what_people_write_beside_it_is_an_own_script_from_a_quarter_of_the_letters_on() -> None:
    def found(letters: int) -> set[str]:
        own = scripts.of("Telu", ["\u0c15" * (100 - letters), "a" * letters, "@name #latin https://example.org"])
        assert own is not None
        return set(own.scripts)

    assert found(24) == {"Telu"}
    assert found(25) == {"Telu", "Latn"}


def test_the_share_leaves_out_addresses_and_names_in_latin_letters() -> None:
    own = scripts.of("Cyrl")
    assert own is not None
    assert own.share("\u044f\u044f @sam https://example.org Samsung") == 1
    assert own.share("\u044f\u044f abab") == pytest.approx(2 / 6)
    assert (own.share("abc"), own.share("12!")) == (0, 1)
    latin = scripts.of("Latn")
    assert latin is not None and latin.share("\u044f\u044f @sam https://example.org") == 0


def test_letters_are_weighed_as_the_latin_ones_they_stand_for() -> None:
    own = scripts.of("Hans")
    assert own is not None and own.weight == 3 and not own.spaced
    assert own.share("\u4eca\u5929abc") == pytest.approx(6 / 9)
    beside = scripts.of("Hans", ["\u4eca", "a"])
    assert beside is not None and beside.weight == 1


def test_words_and_foreign_letters_are_found() -> None:
    own = scripts.of("Telu")
    assert own is not None and own.spaced
    assert own.word.findall("\u0c15\u0c3f \u0c15x, \u0c15") == ["\u0c15\u0c3f", "\u0c15"]
    assert own.foreign.search("\u0c15 \u044f") is not None and own.foreign.search("\u0c15 1!") is None
