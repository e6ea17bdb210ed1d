"""All gates together on texts of many languages: with and without spaces, right to left, with marks, with mixed words.

The texts were written for this file. None of them is in any data set that a threshold was chosen on.
"""

from functools import cache

import pytest
from scripted import small_task

from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates import Gates
from sdc.pipelines.tasks import languages

#: Natural texts: questions, news, posts. With names in Latin letters, acronyms, digits, emoji, hashtags, addresses.
GOOD = {
    "am": ("ነገ ጠዋት ስብሰባ እንዳለኝ አስታውሰኝ።", "የኢትዮጵያ ቡድን ትናንት 2-1 አሸነፈ! 🎉"),
    "ar": (
        "ذكّرني غداً صباحاً بموعد الطبيب.",
        "هاتف iPhone الجديد ممتاز جداً 😍 #تقنية",
        "أعلنت منظمة NATO عن قمة جديدة في عام 2024.",
    ),
    "az": (
        "Sabah səhər saat yeddidə məni oyat.",
        "COVID-19 peyvəndi haqqında yeni məlumat var.",
        "Kafedə WiFi yaxşı işləyir, təşəkkürlər! 👍",
    ),
    "bn": ("আগামীকাল সকালে আমাকে ডাক্তারের কথা মনে করিয়ে দিও।", "নতুন iPhone টা সত্যিই দারুণ!"),
    "cy": (
        "Fedri di fy neffro am saith bore fory?",
        "Mae'r tywydd yng Nghaerdydd yn braf heddiw.",
        "Dw i newydd brynu iPhone newydd 😀 #hapus",
    ),
    "de": ("Erinnere mich morgen früh an den Termin beim Arzt.", "Die S-Bahn fällt wegen COVID-19 aus… 🙄 #bahn"),
    "el": ("Ξύπνησέ με αύριο το πρωί στις επτά.", "Το νέο iPhone είναι καταπληκτικό 😍"),
    "en": (
        "Please remind me tomorrow that I have a meeting.",
        "@sam I told you so... https://example.org/x #monday",
        "NATO met in Brussels; β-carotene was not discussed.",
    ),
    "fa": ("لطفاً فردا صبح ساعت هفت بیدارم کن.", "این گوشی iPhone واقعاً عالیه 😊"),
    "he": (
        "תזכיר לי מחר בבוקר שיש לי פגישה עם הרופא.",
        "קניתי iPhone חדש בחנות של Apple, ממש מרוצה 😀",
        "בWhatsApp כתבו שהרכבת לירושלים מאחרת ב-20 דקות",
        "וואו, איזה יום מושלם לעמוד בפקקים #תודה",
        "קניתי Samsung Galaxy S21 Ultra ו-AirPods Pro",
    ),
    "hi": ("कल सुबह सात बजे मुझे जगा देना।", "नया iPhone बहुत अच्छा है 😍 #खुश", "COVID-19 के टीके पर नई जानकारी आई है।"),
    "hu": ("Ébressz fel holnap reggel hétkor!", "Az új COVID-19 oltásról írt a BBC."),
    "id": (
        "Tolong bangunkan saya besok jam tujuh pagi.",
        "Film barunya bagus banget, wajib nonton 😍",
        "Harga tiket kereta ke Bandung naik jadi Rp150.000",
    ),
    "ja": (
        "明日の朝7時に起こしてください。",
        "新しいiPhoneを買いました！とても満足です😊",
        "WHOは新型コロナウイルスについて発表した。",
        "Tシャツ安かったw #買い物",
    ),
    "ka": ("ხვალ დილით შვიდ საათზე გამაღვიძე.", "ახალი iPhone ძალიან მომწონს!"),
    "km": ("សូមដាស់ខ្ញុំនៅម៉ោងប្រាំពីរព្រឹកស្អែក។",),
    "ko": (
        "내일 아침 7시에 깨워 줘.",
        "새로 산 iPhone은 정말 마음에 들어요 😊",
        "SK하이닉스의 주가가 3% 올랐다.",
        "오늘 날씨 왜 이래ㅠㅠ #월요일",
    ),
    "my": ("မနက်ဖြန် မနက်ခုနစ်နာရီမှာ နှိုးပေးပါ။",),
    "pl": ("Obudź mnie jutro o siódmej rano.", "Zażółć gęślą jaźń – to zdanie zna każdy."),
    "ro": (
        "Trezește-mă mâine dimineață la șapte.",
        "Am cumparat casti noi si sunt foarte multumit de ele",
        "Ședința NATO de la Bruxelles a durat 3 ore.",
    ),
    "ru": (
        "Разбуди меня завтра в семь утра.",
        "Купил новый iPhone, очень доволен 😀",
        "1С снова не работает, а SMS не приходят",
    ),
    "sl": (
        "Zbudi me jutri zjutraj ob sedmih.",
        "3. aprila odpirajo novo knjižnico v Mariboru.",
        "Telefon je v redu, ampak baterija zdrži samo 1 dan :(",
    ),
    "sr-Latn": ("Probudi me sutra ujutru u sedam sati.",),
    "sw": (
        "Niamshe kesho asubuhi saa moja.",
        "Simba SC wameshinda 2-0, safi sana! 🔥 #NguvuMoja",
        "Yaani hii app ni mbaya sana, haifunguki kabisa",
    ),
    "ta": ("நாளை காலை ஏழு மணிக்கு என்னை எழுப்பு.", "புதிய iPhone மிகவும் நன்றாக உள்ளது!"),
    "te": (
        "రేపు ఉదయం ఏడు గంటలకు నన్ను నిద్ర లేపు",
        "కొత్త iPhone చాలా బాగుంది 😍",
        "COVID-19 టీకాపై WHO ప్రకటన చేసింది.",
        "Los Angelesకు విమాన టికెట్ బుక్ చేయి",
    ),
    "th": ("ช่วยปลุกฉันพรุ่งนี้ตอนเจ็ดโมงเช้าหน่อย", "เพิ่งซื้อiPhoneใหม่มา ดีมากๆ 555 😂", "รัฐบาลประกาศมาตรการ COVID-19 ฉบับใหม่"),
    "tr": ("Beni yarın sabah saat yedide uyandır.", "Yeni telefon çok güzel, herkese tavsiye ederim 👍"),
    "uk": ("Розбуди мене завтра о сьомій ранку.", "Купив новий iPhone, дуже задоволений!"),
    "ur": ("مجھے کل صبح سات بجے جگا دینا۔",),
    "vi": ("Sáng mai gọi tôi dậy lúc bảy giờ nhé.", "Điện thoại mới dùng rất tốt, pin trâu 👍"),
    "zh": ("明天早上七点叫我起床。", "新买的iPhone非常好用，推荐！😀", "世卫组织（WHO）公布了COVID-19的最新数据。"),
}

#: Texts that are broken, and the first gate that must see it.
BAD = (
    # letters of a foreign script
    ("az", "Sabah hava neсə olacaq, yağış yağacaqmı?", "script"),
    ("az", "Bakıda qatar bileti брон etmək istəyirəm", "script"),
    ("sl", "Jutri bo v Ljubljani дождь in mrzlo.", "script"),
    ("id", "Besok cuaca di Jakarta 晴れ dan panas.", "script"),
    ("te", "రేపు హైదరాబాద్‌లో వాతావరణం ఎలా ఉంటుంदో చెప్పు", "script"),
    ("te", "ఈ సినిమా చాలా ఆసక్తికarమైనది అని అనిపించింది", "script"),
    ("he", "מחר יהיה מזג אוויר יפה в Тель-Авиве", "script"),
    ("th", "พรุ่งนี้อากาศที่กรุงเทพ будет ดีมาก", "script"),
    ("zh", "明天的天气будет很好，适合出门。", "script"),
    ("ko", "내일 서울 날씨는 завтра 맑습니다", "script"),
    ("hi", "कल दिल्ली का मौसम कैसा రహेगा", "script"),
    # another language
    ("te", "Please remind me tomorrow morning to call the doctor.", "script"),
    ("th", "Please remind me tomorrow morning to call the doctor.", "script"),
    ("he", "Bitte erinnere mich morgen früh an den Termin beim Arzt.", "script"),
    ("ru", "Please remind me tomorrow morning to call the doctor.", "script"),
    ("sw", "Please remind me tomorrow morning to call the doctor.", "language"),
    ("sl", "Please remind me tomorrow morning to call the doctor.", "language"),
    ("id", "Bitte erinnere mich morgen früh an den Termin beim Arzt.", "language"),
    ("cy", "Please remind me tomorrow morning to call the doctor.", "language"),
    ("az", "Te rog să mă trezești mâine dimineață la ora șapte.", "language"),
    ("en", "Recuérdame mañana por la mañana que tengo cita con el médico de la clínica.", "language"),
    ("zh", "明日の朝、医者との約束があることを思い出させてください。", "script"),
    ("ja", "내일 아침 일곱 시에 저를 깨워 주세요.", "script"),
    ("ar", "Будь ласка, нагадай мені завтра про зустріч.", "script"),
    # several answers
    ("sl", "Zbudi me ob sedmih zjutraj.\nNastavi budilko za jutri.\nKdaj zvoni moj alarm?", "glued"),
    ("zh", "明天早上七点叫我起床。\n帮我关掉所有的闹钟。\n我的闹钟几点响？", "glued"),
    ("th", "ช่วยปลุกฉันพรุ่งนี้ตอนเจ็ดโมงเช้า\nปิดนาฬิกาปลุกทั้งหมดให้หน่อย", "glued"),
    ("he", "תעיר אותי מחר בשבע בבוקר.\nכבה את כל השעונים המעוררים.", "glued"),
    ("ko", "내일 아침 일곱 시에 깨워 줘. 2. 알람을 모두 꺼 줘. 3. 알람이 몇 시야?", "glued"),
    # form that was left over
    ("ja", "1. 明日の朝7時に起こしてください。", "separator"),
    ("zh", "3、明天早上七点叫我起床。", "separator"),
    ("zh", "①明天早上七点叫我起床。", "separator"),
    ("ar", "٣. ذكّرني غداً بموعد الطبيب.", "separator"),
    ("hi", "(2) कल सुबह सात बजे मुझे जगा देना।", "separator"),
    ("sl", "3. Zbudi me jutri ob sedmih.", "separator"),
    ("en", "3. wake me at seven tomorrow", "separator"),
    ("ko", "- 내일 아침 일곱 시에 깨워 줘.", "separator"),
    ("th", "---\nช่วยปลุกฉันพรุ่งนี้ตอนเจ็ดโมงเช้า", "separator"),
    ("he", "תעיר אותי מחר בשבע בבוקר ---", "separator"),
    # talk of the generator, in any language
    ("he", "(הערה: הטקסטים נכתבו לפי הבקשה)", "chatter"),
    ("zh", "（注：以下文本均为虚构）", "chatter"),
    ("sl", "Primer 3: Zbudi me jutri zjutraj ob sedmih.", "chatter"),
    ("id", "Berikut sepuluh teks baru tentang olahraga:", "chatter"),
    ("th", "ช่วยปลุกฉันพรุ่งนี้<|eot_id|>", "chatter"),
    ("ko", "Here are ten texts in Korean:", "chatter"),
    # characters
    ("te", "రేపు ఉదయం ఏడు గంటల\ufffdకు లేపు", "characters"),
    ("zh", "明天早上七\ufffd点叫我起床。", "characters"),
    ("vi", "SÃ¡ng mai gá»\x8di tÃ´i dáº\xady", "characters"),
    ("de", "Die ZÃ¼ge sind schon wieder voll.", "characters"),
    ("ru", "Ð Ð°Ð·Ð±ÑƒÐ´Ð¸ Ð¼ÐµÐ½Ñ\x8f", "characters"),
    ("hi", "\u093eल सुबह मुझे जगा देना", "characters"),
    # nothing in it
    ("ja", "！？…😀 12:30", "empty"),
)


@cache
def of(lang: str) -> Gates:
    """The gates of a cell whose people write what is natural."""
    cell = Cell(language=languages.load(lang), task=small_task())
    return gates.build(cell, [f"{text}" for text in HUMAN.get(lang, ())])


#: A few human rows, so that what is far out can be told.
HUMAN = {
    "sl": (
        "Ugasni vse alarme.",
        "Ob kateri uri me zbudiš?",
        "Kakšno bo jutri vreme?",
        "Predvajaj mi knjigo.",
        "Kupi karto.",
    ),
    "zh": ("关掉所有闹钟。", "明天天气怎么样？", "给我放一本书。", "帮我买一张票。", "推荐一部电影。"),
    "th": ("พรุ่งนี้อากาศเป็นอย่างไร", "เปิดหนังสือเสียงให้หน่อย", "จองตั๋วรถไฟไปเชียงใหม่", "แนะนำหนังหน่อย", "ลดเสียงลง"),
    "he": ("מה מזג האוויר מחר?", "תפעיל את הספר.", "תזמין כרטיס לרכבת.", "תמליץ לי על סרט.", "תנמיך את הקול."),
}


@pytest.mark.parametrize(("lang", "text"), [(lang, text) for lang, texts in GOOD.items() for text in texts])
def test_natural_texts_pass_all_gates(lang: str, text: str) -> None:
    assert of(lang).all_reasons(text) == {}


@pytest.mark.parametrize(("lang", "text", "gate"), BAD)
def test_broken_texts_are_rejected_by_the_gate_that_is_made_for_them(lang: str, text: str, gate: str) -> None:
    found = of(lang)(text)
    assert found is not None
    assert found[0] == gate, found
    assert found[1]


@pytest.mark.parametrize("lang", ["ar", "de", "he", "hi", "id", "ja", "ko", "ro", "ru", "sl", "sw", "te", "th", "zh"])
def test_texts_of_other_languages_are_seen_unless_they_are_short(lang: str) -> None:
    others = [text for other, texts in GOOD.items() for text in texts[:1] if other[:2] != lang and len(text) >= 40]
    relatives = {"sl": {"sr-Latn"}, "ru": {"uk"}, "ar": {"fa", "ur"}, "hi": set()}.get(lang, set())
    others = [text for text in others if not any(text in GOOD[name] for name in relatives)]
    missed = [text for text in others if not {"script", "language"} & set(of(lang).all_reasons(text))]
    assert missed == []
