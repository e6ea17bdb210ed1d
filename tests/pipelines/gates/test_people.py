"""What people write in a cell is no defect there, also where the gates know ten of their rows only."""

from collections.abc import Sequence

import pytest
from scripted import small_task

from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates import Gates
from sdc.pipelines.tasks import languages

#: Rows as people in the cell write them.
ROWS: dict[str, Sequence[str]] = {
    "th": (
        "ร้านนี้อร่อยมาก แนะนำเลย 😍", "รอนานไปหน่อย แต่พนักงานน่ารัก", "ของหมดอีกแล้ว เสียใจ", "วันนี้รถติดมากเลย",
        "ใครเคยไปเชียงใหม่บ้าง", "ชอบมาก จะซื้ออีก 👍", "แพงไปนิด", "ส่งเร็วดีค่ะ", "หนังเรื่องนี้สนุกดีนะ", "ไม่ประทับใจเลย",
    ),
    "hi": (
        "कल सुबह सात बजे मुझे जगा देना", "माँ को कॉल करो", "आज का मौसम कैसा है", "मेरी खरीदारी सूची में दूध जोड़ो",
        "play despacito गाना", "आवाज़ कम करो", "john को ईमेल भेजो", "अगली ट्रेन कब है", "गाना बंद करो",
        "मुझे शाम को पाँच बजे दवा लेने की याद दिलाना", "play hotel गाना",
    ),
    "id": (
        "Bangunkan saya besok pagi jam tujuh", "Putar lagu terbaru", "Bagaimana cuaca hari ini di Bandung",
        "Tambahkan susu ke daftar belanja", "Matikan lampu kamar", "Kapan kereta berikutnya berangkat",
        "Tolong kirim pesan ke ibu", "Apa berita hari ini", "Kecilkan suaranya", "Ingatkan saya rapat jam tiga",
    ),
    "ko": (
        "내일 아침 일곱 시에 깨워 줘", "오늘 날씨 어때", "엄마한테 전화해 줘", "불 좀 꺼 줘", "노래 틀어 줘",
        "장보기 목록에 우유를 추가해 줘", "소리 좀 줄여 줘", "다음 기차는 언제야", "뉴스 읽어 줘", "회의 알려 줘",
    ),
}  # fmt: skip


def of(lang: str, human: Sequence[str] | None = None) -> Gates:
    cell = Cell(language=languages.load(lang), task=small_task())
    return gates.build(cell, ROWS[lang] if human is None else human)


@pytest.mark.parametrize(
    ("lang", "text", "letters"),
    [
        ("th", "อาหาร 好 อร่อยมาก", "好"), ("th", "ร้านนี้ の ดีจริง", "の"), ("th", "ชอบมาก 가", "가"),
        ("id", "Besok 雨 di Jakarta sepanjang hari", "雨"), ("sw", "Habari ya leo ni 新, asante sana", "新"),
        ("az", "Hava и çox soyuq oldu", "и"), ("te", "రేపు ఉదయం 大 వర్షం", "大"), ("ro", "Vremea న este bună azi", "న"),
    ],
)  # fmt: skip
def test_a_single_letter_of_a_foreign_script_between_spaces_is_one(lang: str, text: str, letters: str) -> None:
    assert of(lang, ()).all_reasons(text)["script"] == f"letters of a foreign script: {letters}"


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("th", "ดีมากเลย ㅠㅠ"), ("th", "เหนื่อยมากㅠㅠ"), ("id", "Lucu banget ㅋㅋㅋ pokoknya"),
        ("sw", "Sawa tu ¯\\_(ツ)_/¯ rafiki"), ("az", "α və β şüaları"),
        ("en", "nobody came ツ"), ("en", "this is it ಠ_ಠ again"), ("en", "and the table (ノಠ益ಠ)ノ went"),
        ("de", "so ein Tag (´･ω･`) heute"),
    ],
)  # fmt: skip
def test_emoticons_and_symbols_are_no_foreign_script(lang: str, text: str) -> None:
    assert "script" not in of(lang, ()).all_reasons(text)


def test_emoji_alone_are_a_post_where_people_use_emoji() -> None:
    assert "empty" not in of("th").all_reasons("😍😍😍")
    assert "empty" not in of("th").all_reasons("❤️")
    assert of("hi").all_reasons("😍😍😍")["empty"] == "no letter in it"
    assert all(of("th").all_reasons(text)["empty"] for text in ("", " ", "12:30 !?", "..."))
    assert "empty" not in of("th", [*ROWS["th"], "10/10"]).all_reasons("9/10 !!")
    assert "empty" in of("th", [*ROWS["th"], "10/10"]).all_reasons(" ")


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("hi", "play shape of you by ed sheeran गाना बजाओ"), ("hi", "john.smith at gmail dot com को भेजो"),
        ("hi", "example.com खोलो"), ("ko", "shape of you 틀어 줘"), ("ko", "kim at naver dot com 으로 메일 보내 줘"),
        ("zh", "播放 let it be"), ("ja", "bohemian rhapsodyをかけて"), ("te", "joe at hotmail dot com కి email పంపించు"),
    ],
)  # fmt: skip
def test_titles_and_addresses_in_latin_letters_belong_in_a_command(lang: str, text: str) -> None:
    assert "script" not in of(lang, ROWS.get(lang, ())).all_reasons(text)


@pytest.mark.parametrize("lang", ["hi", "ko"])
def test_a_text_in_latin_letters_alone_is_another_language(lang: str) -> None:
    assert "script" in of(lang).all_reasons("please remind me tomorrow morning to call the doctor")


VOCALISED = (
    ("he", "תַּזְכִּיר לִי מָחָר בַּבֹּקֶר שֶׁיֵּשׁ לִי פְּגִישָׁה עִם הָרוֹפֵא"),
    ("he", "הַיֶּלֶד הָלַךְ לַגַּן עִם אִמָּא וְאַבָּא"),
    ("ar", "ذَكِّرْنِي غَدًا صَبَاحًا بِمَوْعِدِ الطَّبِيبِ"),
    ("vi", "Sa\u0301ng mai go\u0323i to\u0302i da\u0323\u0302y lu\u0301c ba\u0309y gio\u031b\u0300 nhe\u0301"),
)


@pytest.mark.parametrize(("lang", "text"), VOCALISED)
def test_vowel_points_and_decomposed_letters_make_no_other_language(lang: str, text: str) -> None:
    assert "language" not in of(lang, ()).all_reasons(text)


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("de", "Wenn Sie noch ein wenig mehr wagen wollen, nehmen Sie zwei Früchte und mischen Sie daraus:"),
        ("en", "She looked at me for a while. Then she said, quite calmly and without any anger in her voice:"),
        ("sw", "Kama unataka kujaribu kitu kipya zaidi leo jioni nyumbani kwako, tumia nafasi hii kupika:"),
        ("zh", "他看了我很久，然后平静地说："),
    ],
)
def test_a_sentence_that_ends_in_a_colon_is_no_chatter(lang: str, text: str) -> None:
    assert "chatter" not in of(lang, ()).all_reasons(text)
