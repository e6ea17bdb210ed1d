"""Each gate alone: what it sees, what it lets pass, and that people's own habits are no defects."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import small_task, unlike_any

from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates import GATES
from sdc.pipelines.gates.reference import Reference, far_out
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.identifier import Identifier, known

HUMAN = ["The old bridge over the river was closed for repairs last week."]
#: Twenty rows of one or two sentences.
TWENTY = [f"{unlike_any(i).capitalize()}. {'And more.' if i % 3 == 0 else ''}".strip() for i in range(20)]
#: So many that what none of them does, few people do.
SIXTY = [f"{unlike_any(i).capitalize()}. {'And more.' if i % 3 == 0 else ''}".strip() for i in range(60)]


def cell(lang: str) -> Cell:
    return Cell(language=languages.load(lang), task=small_task())


def gate(
    name: str, lang: str = "en", human: Sequence[str] = (), *, test: Sequence[str] = (), threshold: float | None = None
) -> Callable[[str], str | None]:
    reference = Reference(cell=cell(lang), human=human, test=test)
    return GATES[name].build(reference, GATES[name].threshold if threshold is None else threshold)


# -- all together -------------------------------------------------------------------------------------------------


def test_the_first_gate_wins_and_all_reasons_are_to_be_had() -> None:
    check = gates.build(cell("en"), HUMAN)
    text = f"1. {HUMAN[0]} ---"
    assert check(text) == ("separator", check.all_reasons(text)["separator"])
    assert list(check.all_reasons(text)) == ["separator", "copy"]
    assert all(check.all_reasons(text).values())
    assert check("Something else was closed.") is None
    assert check.all_reasons("Something else was closed.") == {}


def test_a_text_is_a_duplicate_only_of_accepted_ones() -> None:
    check = gates.build(cell("en"), HUMAN)
    text = "A new tunnel will be opened by the mayor tomorrow."
    assert check(text) is None
    assert check(text) is None  # asking is not accepting
    check.accept(text)
    assert check(text) == ("duplicate", "similarity 1.00 to an earlier text")
    assert (check(text.upper().replace("A NEW", "THE NEW")) or ("",))[0] == "duplicate"
    assert check("The mayor opened nothing at all this year.") is None


def test_thresholds_can_be_set_by_name() -> None:
    text = HUMAN[0].replace("week", "weeks")
    assert (gates.build(cell("en"), HUMAN)(text) or ("",))[0] == "copy"
    assert gates.build(cell("en"), HUMAN, thresholds={"copy": 0.99})(text) is None
    with pytest.raises(ValueError, match="no gate nonsense"):
        gates.build(cell("en"), HUMAN, thresholds={"nonsense": 1})


def test_gates_have_names_thresholds_and_an_order() -> None:
    assert list(GATES) == [
        "empty", "characters", "chatter", "separator", "glued", "length", "script", "language", "copy", "test",
        "duplicate",
    ]  # fmt: skip
    assert all(gate.threshold > 0 and gate.name == name for name, gate in GATES.items())
    assert [name for name, gate in GATES.items() if gate.compares] == ["copy", "test", "duplicate"]


def test_the_page_about_gates_has_their_names_and_thresholds() -> None:
    page = (Path(__file__).parents[3] / "docs" / "gates.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([\d.]+) \| [^|]* \|$", page, re.MULTILINE)
    assert [(name, float(number)) for name, number in rows] == [(g.name, g.threshold) for g in GATES.values()]


@settings(deadline=None)  # the first one loads the identifier
@given(st.text(max_size=60), st.lists(st.text(max_size=30), max_size=6))
def test_no_text_breaks_a_gate(text: str, human: list[str]) -> None:
    check = gates.build(cell("te"), human, human[:1])
    found = check(text)
    assert (found is None) == (check.all_reasons(text) == {})


# -- the text alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  ", "1234 5678 !?", "😀👍", "http://"[4:]])
def test_empty(text: str) -> None:
    assert gate("empty")(text) == "no letter in it"
    assert gate("empty")(f"{text}a") is None
    assert gate("empty", threshold=3)(f"{text}ab") == "only 2 letters"


@pytest.mark.parametrize(
    "text",
    [
        "broken \ufffd letters in here", "bro\ufffdken", "a\x00b", "a\x1bb", "a\x85b", "private \ue000", "\ufffe",
        "GrÃ¼ÃŸe", "Itâ€™s late", "Ð¿Ñ€Ð¸", "à°°à±‡à°ªà±\x81", "ðŸ˜€ fun", "<0xE0><0xB0>", "\\u0c30", "\u0301abc",
    ],
)  # fmt: skip
def test_characters(text: str) -> None:
    assert gate("characters")(text)


@pytest.mark.parametrize(
    "text",
    [
        "naïve café, Ångström, señor, ÃO, »Spaß«, „Öl“, ‘É’, 5×“7”", "ÇOX YAXŞI", "two\nlines\tand a tab\r\n",
        "\u200fעברית\u200e", "క్షమించు\u200c లే", "👩‍👩‍👧 ❤️", "５月", "a\u00a0b", "NÃO, MÃE", "ß»", "Ñandú",
    ],
)  # fmt: skip
def test_characters_that_only_look_odd_pass(text: str) -> None:
    assert gate("characters")(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Here are ten texts about travel", "Sure, here is one about travel", "Certainly! Here's one", "text<|eot_id|>",
        "(Note: this is not a real text)", "Note that all texts are new", "Let me know if you need more!",
        "As an AI I have no opinion", "(Note: I've added the", "I've created six new texts for you", "</s> One more",
        "assistant\nThe train leaves", '" token:\n\nThe train leaves', "token between each text)", "a SEP_TOKEN b",
        '" tokens as requested)', "Example 3: the train leaves", "**Text 2:** the train leaves", "Label: the train",
        "first: the train leaves", "The train leaves (second)", "The train to [city] leaves", "Your {name} is ready",
        "These are ten texts:", "ఇక్కడ కొత్త వాక్యాలు (Translation: here are new sentences)",
    ],
)  # fmt: skip
def test_chatter(text: str) -> None:
    assert gate("chatter")(text)


@pytest.mark.parametrize(
    "text",
    [
        "Surely nobody goes there", "Notebooks are cheap", "Sure, the train is late again", "Take note of the time: 7",
        "Great food here", "He said: go", "It is (still) late", "Chapter one", "The first: nobody", "Token of love",
        "Here is my train", "I've written to them", "Let me know when it leaves", "It leaves at 7:", "[sic] I saw it",
        "A <3 B", "a < b > c", "GMT: 7", "He is the second (or third)", "seconds: 3",
    ],
)  # fmt: skip
def test_what_only_looks_like_chatter_passes(text: str) -> None:
    assert gate("chatter")(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "one text --- another text", "one text\n--\nanother text", "-\nanother text", "a text --", "a text ---",
        "----- text", "The title --\nThe text", "3. Wake me at seven", "(12) Wake me", "3) Wake me", "[3] Wake me",
        "**3.** Wake me", "41.=wake me", "- wake me at seven", "• wake me", "-wake me", "```\nwake me\n```",
        '{"text": "wake me"}', "| wake me | 1 |", "## Wake me", "**Wake me**", "<p>Wake me</p>", "one.\\ntwo",
        "one\\r\\ntwo", "ఒకటి\\nరెండు",
        "Wake_me_up_at_seven",
    ],
)  # fmt: skip
def test_separator(text: str) -> None:
    assert gate("separator")(text)


@pytest.mark.parametrize(
    "text",
    [
        "a-b c", "It opens at 7. Be there", "-LRB- said he -RRB- and left", "- good sound - bad battery",
        "5 stars *****", "wait -- what", "I was--well", "#1_of_us_all_here", "snake_case", "he said – no",
        "C:\\new", "2.5 litres", "7pm. Be there", "1984 was a good year", "*sigh* again", "a | b", "2 + 2 = 4",
        "https://a.org/one_two_three_four", "ద_x005F_x007f_ష్టి", "——他说", "…and so on",
    ],
)  # fmt: skip
def test_what_only_looks_like_form_passes_the_separator_gate(text: str) -> None:
    assert gate("separator")(text) is None


@pytest.mark.parametrize(
    ("lang", "numbered"), [("en", True), ("sw", True), ("sl", False), ("de", False), ("hu", False)]
)
def test_an_ordinal_is_no_number_of_an_answer(lang: str, numbered: bool) -> None:
    assert (gate("separator", lang)("3. aprila odpirajo") is not None) == numbered
    assert gate("separator", lang)("3. Odprto je.")


@pytest.mark.parametrize(
    "text",
    [
        "Wake me at seven tomorrow.\nTurn off the second alarm.",
        "wake me at seven tomorrow\nturn off the second alarm",
        "Wake me at seven.\n\n  Turn off every alarm!\n\nWhich alarms are set?",
        "Wake me at seven.\r\nTurn off all the alarms.",
        "Wake me at seven 2. Turn off the alarm 3. Which alarms are set",
        "Wake me. " * 60,
    ],
)
def test_glued(text: str) -> None:
    assert gate("glued", human=SIXTY)(text)


def test_twenty_rows_do_not_show_that_nobody_breaks_lines() -> None:
    check = gate("glued", human=TWENTY)
    assert check("Wake me at seven tomorrow.\nTurn off the second alarm.") is None  # two answers, or a post
    assert check("Wake me at seven tomorrow, for I have to go.\nTurn off the second alarm in the kitchen.")
    assert check("Wake me at seven.\n" * 5)
    # People who post break lines, also between two that are each as long as a row.
    for post in ("so tired #monday", "good morning 😀", "@sam not again", "First this.\nThen that."):
        posts = [*TWENTY[:19], post]
        check, of_many = gate("glued", human=posts), gate("glued", human=posts * 4)
        two, three = (f"{TWENTY[0]} {TWENTY[1]}\n" * number for number in (2, 3))
        assert check(two) is None and check(three) and of_many(three)
        assert of_many(two) or "\n" in post


def test_few_rows_say_little_about_length_and_lost_emoji() -> None:
    # A post of 60 times the usual length is one of people where only twenty rows are known, and none with many.
    lengths = [20 * 1.5 ** (i % 4) for i in range(2000)]
    assert far_out(lengths[:20], spreads=5) > 2 * far_out(lengths, spreads=5)
    check, of_many = (gate("characters", human=[unlike_any(i) for i in range(rows)]) for rows in (20, 300))
    assert check("on my way home \ufffd\ufffd") is None and of_many("on my way home \ufffd\ufffd")
    assert check("on my way hom\ufffd") and check("\ufffdn my way") and gate("characters")("home \ufffd")


@pytest.mark.parametrize(
    "text",
    [
        "Wake me at seven tomorrow.", "wake me at seven tomorrow\nwhen the alarm rings.", "My alarm\nWake me at seven!",
        "Wake me.\nOk.", "1. Wake me 2. Turn it off 3. Be quiet", "Platform 2. The train 7. leaves", "One. Two. Three.",
    ],
)  # fmt: skip
def test_what_is_one_answer_is_not_glued(text: str) -> None:
    assert gate("glued", human=TWENTY)(text) is None


def test_where_people_break_lines_only_many_lines_or_whole_rows_are_glued() -> None:
    human = [*TWENTY[:17], *("This is how I write.\nLine after line it goes." for _ in range(3))] * 3
    check = gate("glued", human=human)
    assert check("I stood up rather late.\nI missed the early train.") is None
    assert check("\n".join(["This is far too much."] * 5))
    assert check("\n".join(f"{unlike_any(i)} {unlike_any(-i)}" for i in (70, 71)))


def test_length_is_relative_to_what_people_write() -> None:
    check = gate("length", human=TWENTY)
    assert check("word " * 40) is None
    assert "people write" in (check("word " * 1000) or "")
    assert gate("length", human=["word " * 300] * 20)("word " * 1000) is None
    assert gate("length", human=TWENTY, threshold=2)("word " * 60)


def test_length_without_human_rows_has_a_fixed_limit() -> None:
    assert gate("length")("x" * 2000) is None
    assert gate("length")("x" * 2001)


def test_names_and_loan_words_are_no_foreign_script() -> None:
    check = gate("script", "te")
    assert check("రేపు email to joe") is not None
    assert check("రేపు WhatsApp") is None
    assert check("రేపు ఉదయం ఏడు గంటలకు whatsapp తెరవండి") is None
    assert check("12:30") is None
    assert check("WhatsApp") is not None


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("te", "Angelesకు MPలు DNAను వెళ్ళాడు"), ("he", "הiPhone שלי בWhatsApp ובfacebook"), ("ko", "삼성SDI가 iPhone은"),
        ("en", "¯\\_(ツ)_/¯ 5 μm of β-carotene and TGFβ, ಠ_ಠ"), ("ja", "TシャツとiPhone、Ωとα"), ("th", "ใช้iphoneอยู่"),
        ("az", "Ⅷ əsr, ½ pay, № 5"), ("zh", "ㄅㄆㄇ 和 A4 纸"), ("sr", "Ђорђе и WhatsApp"),
    ],
)  # fmt: skip
def test_letters_that_belong_in_words_pass(lang: str, text: str) -> None:
    assert gate("script", lang)(text) is None


@pytest.mark.parametrize(
    ("lang", "text", "letters"),
    [
        ("te", "అసెంబ్లిd లో చర్చ జరిగింది", "d"), ("te", "ఆసక్తికarమైన విషయం ఇది", "ar"), ("az", "hava neсə olacaq", "с"),
        ("az", "kinотеатрda film var", "отеатр"), ("az", "elmimiz宇 önəmli", "宇"), ("sl", "пес laja", "пес"),
        ("ja", "明日はпогодаがいい", "погода"), ("en", "the weαther is fine", "α"),
    ],
)  # fmt: skip
def test_letters_that_have_no_place_in_words(lang: str, text: str, letters: str) -> None:
    assert gate("script", lang)(text) == f"letters of a foreign script: {letters}"


@pytest.mark.parametrize("script", ["Zyyy", "Zzzz", "Zinh", "Qaaa"])
def test_a_language_of_unknown_script_lets_everything_pass(script: str) -> None:
    unknown = replace(cell("en"), language=replace(languages.load("en"), script=script))
    assert GATES["script"].build(Reference(cell=unknown), 0.3)("any text at all, тоже") is None


def test_the_script_that_people_write_in_is_their_own() -> None:
    romanised = ["yeh film bahut achhi hai yaar", "bilkul bakwas hai bhai", "paisa vasool film hai", "kya baat hai"]
    assert gate("script", "hi")(romanised[0])
    assert gate("script", "hi", romanised)("mujhe yeh gaana pasand hai") is None
    assert gate("script", "hi", romanised)("mujhe это gaana pasand hai")


def test_a_language_that_the_identifier_does_not_know_lets_everything_pass() -> None:
    assert gate("language", "tlh")("Please remind me tomorrow morning to call the doctor.") is None


def test_short_texts_are_not_identified() -> None:
    assert gate("language", "sw")("OK Google") is None


def test_close_languages_need_more_evidence_than_others() -> None:
    identifier = Identifier("az")
    factors = identifier._factors
    assert factors["tr"] > factors["fr"] > factors["en"] == 1
    assert "zxx" not in factors and "az" not in factors
    assert gate("language", "az")("Seher tezden ise gedirem, cox yorulmusam") is None
    assert known("nb") == "no"


def test_where_people_mix_languages_more_evidence_is_needed() -> None:
    english = ["best product ever, recommend it", "very good quality for this price", "works as it should"]
    human = [*english, *(f"Produsul este foarte bun și îl recomand, {unlike_any(i)}" for i in range(17))]
    mixed = "super tare, best buy ever, recommend"
    assert gate("language", "ro")(mixed)
    assert gate("language", "ro", human)(mixed) is None
    assert gate("language", "ro", human)("Bitte erinnere mich morgen früh daran, den Arzt in der Stadt anzurufen.")


# -- compared with others -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HUMAN[0], HUMAN[0].upper(), f"{HUMAN[0]}!", f"  {HUMAN[0]} "])
@pytest.mark.parametrize(("name", "of"), [("copy", "human"), ("test", "test")])
def test_copies_of_human_and_of_test_rows(text: str, name: str, of: str) -> None:
    given = {"human": HUMAN} if of == "human" else {"test": HUMAN}
    assert f"to a {of} example" in (gate(name, **given)(text) or "")  # type: ignore[arg-type]
    assert gate(name, **given)("The new bridge over the lake was opened for traffic this month.") is None  # type: ignore[arg-type]
    assert gate(name)(text) is None


# -- the norm that people set -------------------------------------------------------------------------------------


def test_what_people_do_is_no_sign_of_a_broken_text() -> None:
    text = "1. the sound is good"
    assert gate("separator", human=TWENTY)(text)
    assert gate("separator", human=[*TWENTY, "1. the battery is bad"])(text) is None
    many = [unlike_any(i) for i in range(1000)]
    assert gate("separator", human=[*many, "1. the battery is bad"])(text)  # one in a thousand is none
    assert gate("separator", human=[*many, *["1. the battery is bad"] * 5])(text) is None


def test_the_norm_is_taken_from_all_parts_of_a_large_file() -> None:
    reference = Reference(cell=cell("en"), human=[f"row {i}" for i in range(10_001)])
    assert len(reference.sample) == 2000
    numbers = [int(text.split()[1]) for text in reference.sample]
    assert numbers[0] == 0 and numbers[-1] > 9_990 and numbers == sorted(set(numbers))


def test_rows_without_letters_set_no_norm() -> None:
    assert Reference(cell=cell("en"), human=["...", "a", " "]).sample == ["a"]


def test_far_out_follows_the_spread_and_ignores_a_few_extremes() -> None:
    narrow, wide = [90, 100, 110] * 10, [10, 100, 1000] * 10
    assert far_out(narrow, spreads=3) < far_out(wide, spreads=3)
    assert far_out([*narrow, 10**6], spreads=3) == pytest.approx(far_out(narrow, spreads=3), rel=0.05)
