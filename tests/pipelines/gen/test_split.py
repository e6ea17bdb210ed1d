"""From a generator's reply to texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.gen import split
from sdc.pipelines.gen.split import Texts


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ("", []),
        ("---", []),
        ("one", ["one"]),
        ("one\n---\ntwo", ["one", "two"]),
        ("---\none\n---\n\n---\ntwo\n---", ["one", "two"]),
        ("one\r\n---\r\ntwo\r\n------\r\nthree\r\n", ["one", "two", "three"]),
        ("one\n \u00a0--- \ntwo", ["one", "two"]),
        ("one\n—\ntwo\n ––– \nthree", ["one", "two", "three"]),
        ("one — with a dash\n---\ntwo", ["one — with a dash", "two"]),
        ("one\ntwo\n\nthree", ["one", "two", "three"]),
        ("one\nmore of one\n---\ntwo", ["one\nmore of one", "two"]),
        ("one\u2028more of one\ntwo", ["one\u2028more of one", "two"]),
        ('"one"\n---\n“two”\n---\n„three“\n---\n«four»', ["one", "two", "three", "four"]),
        ("„unu”\n---\n»zwei«\n---\n「三」", ["unu", "zwei", "三"]),
        ("2024 was a year", ["2024 was a year"]),
        ("7 o'clock", ["7 o'clock"]),
    ],
)
def test_a_reply_is_split_at_its_separators(reply: str, texts: list[str]) -> None:
    assert split.split(reply) == texts


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ("1. one\n2) two\n(3) three\n4: four", ["one", "two", "three", "four"]),
        ("7. seven\n---\n8. eight\n---\n9. nine", ["seven", "eight", "nine"]),
        ("9. nine\n10. ten\n11. eleven", ["nine", "ten", "eleven"]),
        ("1.one\r\n\r\n2.two\r\n", ["one", "two"]),
        ("1- bir\n2- iki\n3 - üç", ["bir", "iki", "üç"]),
        ("[1] one\n[2] two", ["one", "two"]),
        ("٣. ذكّرني غداً\n٤. أطفئ المنبه", ["ذكّرني غداً", "أطفئ المنبه"]),
        ("१. कल मुझे जगा देना\n२) अलार्म बंद करो", ["कल मुझे जगा देना", "अलार्म बंद करो"]),
        ("๑. ปลุกฉัน\n๒. ปิดเสียง", ["ปลุกฉัน", "ปิดเสียง"]),
        ("౧. నన్ను లేపు\n౨. అలారం ఆపు", ["నన్ను లేపు", "అలారం ఆపు"]),
        ("1、叫我起床\n2、关掉闹钟", ["叫我起床", "关掉闹钟"]),
        ("①叫我起床\n②关掉闹钟", ["叫我起床", "关掉闹钟"]),
        ("Hier sind drei Texte:\n1. eins\n2. zwei\n3. drei", ["Hier sind drei Texte:", "eins", "zwei", "drei"]),
        ("1. one\n   and more\n2. two\n   and more", ["one\n   and more", "two\n   and more"]),
        ("1. one\nand more\n\n2. two\nand more", ["one\nand more", "two\nand more"]),
        ('1. "one"\n2. "two"', ["one", "two"]),
        ("1. one\n2. two\n3. three\n\nLet me know!", ["one", "two", "three", "Let me know!"]),
        ("Here you go:\n\n1. one\n2. two\n3. three\n\nBye", ["Here you go:", "one", "two", "three", "Bye"]),
        ("Sure!\n---\n1. one\n---\n2. two\n---\n3. three", ["Sure!", "one", "two", "three"]),
        ("1. one\n---\n2. two\n---\n3. three\n---\nBye", ["one", "two", "three", "Bye"]),
        ("**1.** one\n**2.** two", ["one", "two"]),
        ("**1. one**\n**2. two**", ["**1. one**", "**2. two**"]),
        ("1.\none\n2.\ntwo", ["one", "two"]),
        ("Text 1: one\nText 2: two", ["one", "two"]),
        ("**Example 1:** one\n---\n**Example 2:** two", ["one", "two"]),
        ("**పాఠం 1**: one\n\n**పాఠం 2**: two", ["one", "two"]),
        ("- one\n- two", ["one", "two"]),
        ("• one\r\n\r\n• two - or three", ["one", "two - or three"]),
    ],
)
def test_what_numbers_and_marks_all_texts_is_form(reply: str, texts: list[str]) -> None:
    assert split.split(reply) == texts


@pytest.mark.parametrize(
    "texts",
    [
        ["2. Weltkrieg endete 1945"],
        ["1. eins"],
        ["2. Weltkrieg endete 1945", "Berlin wurde geteilt"],
        ["Berlin wurde geteilt", "2. Weltkrieg endete 1945"],
        ["1. maj je praznik", "1. april tudi"],
        ["1. eins", "3. drei"],
        ["Text 1: eins", "Kapitel 2: zwei"],
        ["Text 1: eins", "zwei"],
        ["Bus 4: late", "Bus 6: never came"],
        ["1. maj je praznik", "2. junij tudi", "Poletje je"],
        ["Poletje je", "1. maj je praznik", "2. junij tudi"],
        ["3. maj", "4. maj", "5. maj", "Poletje je"],
        ["**one**", "**1** two"],
        ["2. zwei", "1. eins"],
        ["5 --- 10 evrov stane", "od 3 --- 4 ure"],
        ["wait --- what", "one"],
        ["2.5 litres", "3.5 litres"],
        ["7:30 wake me", "8:30 wake me again"],
        ["2-ci dünya müharibəsi", "3-cü yer"],
        ["- good sound - bad battery", "- cheap - ugly"],
        ["- said nobody", "one"],
        ["- one", "• two"],
        ['"Wir schaffen das"', "sagte sie"],
        ["'s avonds koud", "'t Is hij'"],
        ['"one" and "two"', '"three" and "four"'],
        ['""', '"a"'],
        ["**one**", "# two", "three ..."],
    ],
)
def test_what_only_some_texts_have_stays(texts: list[str]) -> None:
    assert split.split("\n---\n".join(texts)) == texts
    assert split.split("\n".join(texts)) == texts


def test_a_text_that_was_asked_for_alone_may_have_lines() -> None:
    assert split.read("Two good points:\n- sound\n- battery", asked=1).whole == ["Two good points:\n- sound\n- battery"]
    assert split.read("one\n---\ntwo", asked=1).whole == ["one", "two"]
    assert split.read("one\ntwo", asked=2).whole == ["one", "two"]


@pytest.mark.parametrize(
    ("reply", "whole", "half"),
    [
        ("one\n---\ntwo\n---\nth", ["one", "two"], "th"),
        ("one\n---\ntwo\n--", ["one"], "two\n--"),
        ("one\n---\ntwo\n---", ["one", "two"], ""),  # what stands before a separator is whole
        ("one\ntwo\nth", ["one", "two"], "th"),
        ("one\ntwo\n", ["one", "two"], ""),
        ("1. one\n2. two\n3. th", ["one", "two"], "th"),
        ("1. one\n2. two\n3", ["one", "two"], "3"),
        ("1. one\n   more\n2. two\n3", ["one\n   more", "two"], "3"),
        ("1. one\n---\n2. tw", ["one"], "tw"),
        ("2. Weltkrieg endete 1945\n---\nBer", ["2. Weltkrieg endete 1945"], "Ber"),
        ("2. Welt", [], "2. Welt"),
        ("", [], ""),
    ],
)
def test_a_reply_that_was_cut_has_a_half_text(reply: str, whole: list[str], half: str) -> None:
    found = split.read(reply, cut=True)
    assert (list(found.whole), found.half) == (whole, half)
    assert not split.read(reply).half


@given(st.text(alphabet=st.sampled_from("ab12.):- \n\r\t\"'„“-—•١①")), st.booleans())
def test_no_text_is_empty_or_has_space_around_it_and_nothing_is_added(reply: str, cut: bool) -> None:
    found = split.read(reply, cut=cut)
    for text in [*found.whole, *filter(None, [found.half])]:
        assert text and text == text.strip()
        assert text in reply
    assert isinstance(found, Texts)


@given(st.lists(st.text(alphabet="abc def", min_size=1).map(str.strip).filter(bool), min_size=2))
def test_joined_texts_come_back(texts: list[str]) -> None:
    assert split.split("\n---\n".join(texts)) == texts
