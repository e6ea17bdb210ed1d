"""Languages that are close to that of a cell: what people write lowers the limit, and unknown ones are told apart."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest
from scripted import small_task

from sdc.pipelines.cells import Cell
from sdc.pipelines.gates import GATES, language
from sdc.pipelines.gates.letters import Letters
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.usual import Scale
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.identifier import Identifier, known

#: Rows of people: two labels, ten rows each.
PEOPLE: dict[str, Sequence[str]] = {
    "sl": (
        "Včeraj smo se z otroki peljali na morje in bilo je zelo lepo.",
        "Kdaj odpelje naslednji vlak proti Mariboru?",
        "Sosed mi je povedal, da bodo cesto zaprli do konca meseca.",
        "Rad bi kupil novo kolo, vendar nimam dovolj denarja.",
        "V nedeljo bomo praznovali babičin rojstni dan.",
        "Učiteljica je rekla, naj doma preberemo vso knjigo.",
        "Danes zjutraj je deževalo, popoldne pa bo sončno.",
        "Ne pozabi ugasniti luči, preden greš spat.",
        "Mesto bo prihodnje leto zgradilo nov vrtec ob reki.",
        "Ta film mi ni bil všeč, ker je predolg.",
        "Zdravnik pravi, da moram več hoditi in manj sedeti.",
        "Kje lahko najdem najboljšo juho v tem mestu?",
        "Moja sestra študira pravo in dela v knjižnici.",
        "Jutri zjutraj me zbudi ob pol sedmih.",
        "Predsednik je obiskal vas, ki jo je prizadela poplava.",
        "Otroci so se ves dan igrali na dvorišču.",
        "Kruh je še topel, vzemi si ga, če si lačen.",
        "Pozimi hodimo smučat na bližnji hrib.",
        "Avto se je pokvaril sredi poti in čakali smo tri ure.",
        "Za kosilo bomo imeli ribe s krompirjem.",
    ),
    "he": (
        "אתמול נסענו עם הילדים לים והיה נעים מאוד",
        "מתי יוצאת הרכבת הבאה לחיפה",
        "השכן אמר לי שהכביש יהיה סגור עד סוף החודש",
        "אני רוצה לקנות אופניים חדשים אבל אין לי מספיק כסף",
        "ביום שבת נחגוג את יום ההולדת של סבתא",
        "המורה ביקשה שנקרא את כל הספר בבית",
        "הבוקר ירד גשם ואחר הצהריים תזרח השמש",
        "אל תשכח לכבות את האור לפני השינה",
        "העירייה תבנה בשנה הבאה גן ילדים חדש ליד הנחל",
        "לא אהבתי את הסרט כי הוא ארוך מדי",
        "הרופא אומר שאני צריך ללכת יותר ולשבת פחות",
        "איפה אפשר למצוא את המרק הטוב בעיר",
        "אחותי לומדת משפטים ועובדת בספרייה",
        "תעיר אותי מחר בשש וחצי בבוקר",
        "הנשיא ביקר בכפר שנפגע מן השיטפון",
        "הילדים שיחקו בחצר כל היום",
        "הלחם עדיין חם, קח לך אם אתה רעב",
        "בחורף אנחנו נוסעים לגלוש בהר",
        "המכונית התקלקלה באמצע הדרך וחיכינו שלוש שעות",
        "לארוחת צהריים נאכל דגים עם תפוחי אדמה",
    ),
    "id": (
        "Kemarin kami pergi ke pantai bersama anak-anak dan senang sekali.",
        "Kapan kereta berikutnya ke Bandung berangkat?",
        "Tetangga saya bilang jalan itu ditutup sampai akhir bulan.",
        "Saya ingin beli sepeda baru tapi uangnya belum cukup.",
        "Hari Minggu kami akan merayakan ulang tahun nenek.",
        "Ibu guru menyuruh kami membaca seluruh buku di rumah.",
        "Tadi pagi hujan, tapi nanti sore akan cerah.",
        "Jangan lupa matikan lampu sebelum tidur.",
        "Tahun depan pemerintah kota akan membangun taman di dekat sungai.",
        "Saya tidak suka film itu karena terlalu lama.",
        "Dokter bilang saya harus lebih banyak jalan kaki.",
        "Di mana saya bisa menemukan soto paling enak di kota ini?",
        "Adik saya kuliah hukum dan bekerja di perpustakaan.",
        "Bangunkan saya besok pagi jam setengah tujuh.",
        "Presiden mengunjungi desa yang terkena banjir.",
        "Anak-anak bermain di halaman sepanjang hari.",
        "Rotinya masih hangat, ambil saja kalau lapar.",
        "Mobilnya mogok di tengah jalan dan kami menunggu tiga jam.",
        "Untuk makan siang kita masak ikan dengan kentang.",
        "Tolong belikan saya susu dan telur di warung.",
    ),
}

#: Others of the same people, and what is written next door.
MORE = {
    "sl": ("Sestra mi je poslala sliko svojega novega stanovanja.", "Vlak je zamujal, zato smo prišli prepozno."),
    "he": ("אחותי שלחה לי תמונה של הדירה החדשה שלה", "הרכבת איחרה ולכן הגענו מאוחר מדי"),
    "id": ("Kakak mengirim foto rumah barunya kepada saya.", "Keretanya terlambat, jadi kami datang kesiangan."),
}
CLOSE = (
    ("sl", "Susjed mi je rekao da će cesta biti zatvorena do kraja mjeseca jer se gradi novi most."),
    (
        "sl",
        "Jučer smo se s djecom vozili na more i bilo je vrlo lijepo, a susjed će sljedeći tjedan kupiti novo vozilo.",
    ),
    ("he", "נעכטן זענען מיר געפֿאָרן מיט די קינדער צום ים און עס איז געווען זייער שיין, און דער זיידע האט געזונגען"),
    (
        "he",
        "דער שכן האט מיר געזאגט אז די גאס וועט זיין פארמאכט ביז סוף חודש, און פארגעס נישט אויסצולעשן די ליכט איידער דו",
    ),
    ("id", "Wingi awake dhewe lunga menyang segara karo bocah-bocah lan seneng banget atine."),
    ("id", "Tanggaku kandha yen dalan kuwi ditutup nganti pungkasan sasi amarga ana kreteg anyar."),
)


@cache
def gate(lang: str) -> object:
    return GATES["language"].build(Reference(cell=cell(lang), human=PEOPLE[lang]), language.THRESHOLD)


def cell(lang: str) -> Cell:
    return Cell(language=languages.load(lang), task=small_task())


def reason(lang: str, text: str) -> str | None:
    check = gate(lang)
    assert callable(check)
    found = check(text)
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize(("lang", "text"), CLOSE)
def test_with_ten_rows_per_label_a_close_language_is_another_one(lang: str, text: str) -> None:
    assert reason(lang, text)


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in MORE.items() for text in texts])
def test_other_texts_of_the_same_people_pass(lang: str, text: str) -> None:
    assert reason(lang, text) is None


@pytest.mark.parametrize("times", [1, 30])
def test_rows_that_are_one_sentence_with_other_fillings_are_no_norm(times: int) -> None:
    """Reviews called "good film number 1" to 10: 98 % of other people's English was said to read like no English."""
    filled = [f"Včeraj je bil {word} film številka {i} zelo lep" for word in ("dober", "slab") for i in range(10)]
    check = language.LanguageCheck(Reference(cell=cell("sl"), human=filled * times), language.THRESHOLD)
    assert [text for text in (*PEOPLE["sl"], *MORE["sl"]) if check(text)] == []
    assert check("Yesterday we went to the sea with the children, and it was wonderful.")


def test_letters_that_people_do_not_write_are_evidence_and_those_they_write_are_against_it() -> None:
    check = language.LanguageCheck(Reference(cell=cell("sl"), human=PEOPLE["sl"]), language.THRESHOLD)
    (_, own), (_, other) = (check._read(text) for text in (MORE["sl"][0], CLOSE[0][1]))
    assert own is not None and other is not None
    for guess, letters, refused in ((own, 0.0, False), (other, 2.0, True), (other, -2.0, False)):
        found = replace(guess, evidence=check._limit - (0.5 if letters >= 0 else -0.5), margin=0.0)
        assert (check._reason(found, letters, False) is not None) == refused
    # The letters alone are never another language, however strange.
    assert check._reason(replace(own, evidence=0.0), 99.0, False) is None
    assert check._reason(replace(own, num_bytes=0, evidence=99.0), 2.0, False) is None


def test_another_genre_of_the_same_language_is_no_other_language() -> None:
    """Of a hundred Telugu commands a third of news was said to read like no Telugu."""
    check = language.LanguageCheck(Reference(cell=cell("he"), human=PEOPLE["he"]), language.THRESHOLD)
    guess = check._read(PEOPLE["he"][0])[1]
    assert guess is not None and guess.evidence < -language.THRESHOLD
    assert check._reason(guess, 2.9, True) is None and check._reason(guess, 3.1, True)
    assert check._reason(replace(guess, evidence=-3.0), 0.0, True)
    assert check._reason(None, None, True)  # a language that the identifier does not know


def test_texts_that_are_read_ahead_have_the_reason_that_they_have_alone() -> None:
    texts = [*PEOPLE["sl"], *MORE["sl"], *(text for lang, text in CLOSE), "", "?"]
    one, many = (language.LanguageCheck(Reference(cell=cell("sl"), human=PEOPLE["sl"]), 3.5) for _ in range(2))
    many.read_ahead(texts)
    assert many._ahead == {text: one(text) for text in texts} and any(many._ahead.values())


def test_rows_of_people_lower_the_limit_and_raise_it() -> None:
    assert language._limit([], 3.0) == 3.0
    assert 2.2 < language._limit([-2.0] * 20, 3.0) < 3.0  # so few say little
    assert 1.5 < language._limit([-2.0] * 30, 3.0) < 2.2
    assert language._limit([-2.0] * 2000, 3.0) == 1.0
    assert language._limit([0.5] * 2000, 3.0) == pytest.approx(1.5, abs=0.01)  # others reach a little higher
    assert language._limit([*[-2.0] * 1999, 50.0], 3.0) == 1.0  # one that strayed in
    assert language._limit([7.0] * 20, 3.0) == 7.0


def test_other_stages_of_a_language_are_no_other_language() -> None:
    assert known("he") == "he"
    assert "hbo" not in Identifier("he")._factors and "yue" not in Identifier("zh")._factors
    assert Identifier("he").guess("שלום").num_bytes == 0  # too short
    found = Identifier("sl").guess(CLOSE[0][1])
    assert found.tag in ("hr", "bs", "sr") and found.margin > 0 < found.evidence


def test_letters_of_a_language_are_less_surprising_than_others() -> None:
    model = Letters(PEOPLE["sl"])
    own, other, nothing = model.surprises([MORE["sl"][0], MORE["id"][0], ""])
    assert own[0] < other[0] and own[1] == len(MORE["sl"][0].rstrip(".")) + 1
    assert nothing[1] <= 1 and model.surprises([MORE["id"][0]]) == [other]
    assert Letters([]).surprises(["abc"])[0][0] > 0 and model.surprises([]) == []
    # A text is never among those that it is measured by.
    alone = Letters(["aaaa bbbb", "cccc dddd", "aaaa bbbb"]).held_out(folds=3)
    assert alone[0] == alone[2] and alone[1][0] > alone[0][0]


def test_how_far_few_rows_lower_the_limit_is_how_sure_they_make_it() -> None:
    def sure(rows: int) -> float:
        return language._confidence(rows, int(language._ODD_SHARE * rows))

    # By hand: none of 20 rows is among the highest 1 % with a probability of 0.99 ** 20.
    assert language._confidence(20, 0) == pytest.approx(1 - 0.99**20)
    assert language._confidence(20, 1) == pytest.approx(1 - 0.99**20 - 20 * 0.01 * 0.99**19)
    assert sure(20) < 0.2 < sure(70) < 0.6 < sure(100) < 0.7 and sure(2000) > 0.99
    # A hundred rows that are far from strange do not make a row strange that is only a little so.
    assert language._limit([-1.5, 0.6] * 50, language.THRESHOLD) > 2.0


def test_a_scale_takes_long_texts_to_vary_less_but_not_without_end() -> None:
    scale = Scale([(1.0 + 0.1 * (-1) ** i, 100) for i in range(50)])
    assert scale((1.2, 20)) < scale((1.2, 50)) < scale((1.2, 100)) < scale((1.2, 10_000))
    # Half of what a text of 100 letters is off by is what it is about: a text of any length can be as far off.
    assert scale((1.2, 10_000)) < 2**0.5 * scale((1.2, 100))
    assert scale((0.5, 100)) < 0 < scale((1.5, 100))
