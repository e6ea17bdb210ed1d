"""The review page in a real browser, from a file as it comes in a mail: keys, scripts, memory, no network, and back."""

import json
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reviews import add_judgement
from scripted import World, add_import, world

from sdc.pipelines import tasks
from sdc.pipelines.judge.review import form, page, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

Opened = Callable[..., "Page"]

TELUGU = [
    "రేపు హైదరాబాద్‌లో భారీ వర్షాలు కురుస్తాయని వాతావరణ శాఖ తెలిపింది.",
    "భారత జట్టు చివరి ఓవర్‌లో మ్యాచ్ గెలిచింది.",
    "శాస్త్రవేత్తలు కొత్త గ్రహాన్ని కనుగొన్నారు.",
]
HEBREW = [
    "מדענים גילו כוכב לכת חדש במרחק 40 שנות אור (NASA) מכדור הארץ.",
    "הנבחרת ניצחה 2:1 בדקה האחרונה.",
    "מחר צפויים גשמים כבדים בתל אביב.",
]


def made(
    folder: Path, lang: str, texts: Sequence[str], *, judged: bool = True, size: int = 500
) -> tuple[World, sheet.Sheet, Path]:
    """Makes a store, a sheet of the texts (labels 0, 1, 0 ...; each third is rejected), and its page."""
    # `store/store.duckdb` is where `run_sdc` looks.
    small = world(folder / "store", lang=lang, task=tasks.load("sentiment"))
    generation = add_import(small.store, small.cell, [(text, i % 2) for i, text in enumerate(texts)])
    base = generation
    if judged:
        base = add_judgement(
            small, generation, [(i % 3 != 2, "llm" if i % 3 else "gate:all") for i in range(len(texts))]
        )
    of = sheet.choose(small.context, small.cell, base, sample_size=size)
    path = folder / "page.html"
    page.write(path, page.render(of))
    return small, of, path


def saved(shown: "Page", folder: Path, press: Callable[[], object]) -> Path:
    """Returns the file that the page saves."""
    with shown.expect_download() as download:
        press()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def keys(shown: "Page", *names: str) -> None:
    for name in names:
        shown.keyboard.press(name)


def text_of(shown: "Page", identifier: str) -> str:
    return shown.locator(f"#{identifier}").inner_text()


# -- a whole review -------------------------------------------------------------------------------------------------


def test_a_review_with_the_keyboard_alone_comes_back_as_a_judgement(
    opened: Opened, tmp_path: Path, run_sdc: Any
) -> None:
    small, of, path = made(tmp_path, "he", HEBREW * 2)
    shown = opened(path)
    keys(shown, "Tab")
    shown.keyboard.insert_text("נועה")
    keys(shown, "Tab", "Tab", "a")  # over Save to what can be opened
    assert text_of(shown, "count") == "1 of 6 decided"
    keys(shown, "r", "ArrowDown", "Enter")  # the second reason
    assert text_of(shown, "where") == "Text 3 of 6"
    keys(shown, "l", "1" if of.rows[2].label else "2", "c")
    shown.keyboard.insert_text("לא בטוחה")
    keys(shown, "Control+Enter", "ArrowRight", "e", "Control+a")
    shown.keyboard.insert_text("משפט אחר, טוב יותר.")
    keys(shown, "Control+Enter", "n", "a", "a")
    assert text_of(shown, "count") == "6 of 6 decided"
    assert "Everything is decided" in shown.locator("#live").text_content()  # type: ignore[operator]
    file = saved(shown, tmp_path, lambda: keys(shown, "Enter"))  # Save has the focus
    assert file.name == "review-he-sentiment-נועה.json"

    votes = {vote.idx: vote for vote in form.read(file).votes}
    shown_as = [votes[row.idx] for row in of.rows]
    assert [vote.decision for vote in shown_as] == ["accept", "reject", "accept", "accept", "accept", "accept"]
    assert shown_as[1].reason == "unnatural"
    assert (shown_as[2].label, shown_as[2].comment) == (small.cell.task.label_names[1 - of.rows[2].label], "לא בטוחה")
    assert shown_as[3].text == "משפט אחר, טוב יותר."
    assert all(vote.reviewer == "נועה" and vote.blind and vote.decided_at for vote in shown_as)

    done = run_sdc("judge", "--review-import", str(file), "--json")
    assert done.returncode == 0, done.stderr
    review = json.loads(done.stdout)["review"]
    assert [review[name] for name in ("accepted", "changed", "rejected")] == [3, 2, 1]
    again = run_sdc("judge", "--review-import", str(file))
    assert (again.returncode, "already there" in again.stderr) == (0, True)
    sampled = run_sdc("sample", "--lang", "he", "--task", "sentiment", "--sizes", "all", "--repeats", "1",
                      "--strategy", "random")  # fmt: skip
    assert f"draws from judgement {again.stdout.strip()}" in sampled.stderr
    drawn = small.store.query(
        """select e.text from (select example_key, unnest(members) as idx from draws) d
        join examples e on e.key = d.example_key and e.idx = d.idx"""
    )
    assert len(drawn) == 5 and ("משפט אחר, טוב יותר.",) in drawn


def test_five_hundred_texts(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "te", [f"{TELUGU[i % 3]} {i}" for i in range(500)])
    shown = opened(path)
    shown.fill("#reviewer", "రమ")
    shown.locator("#where").focus()
    assert shown.locator("*").count() < 1400  # one text at a time, and a square for each
    for number in range(500):
        keys(shown, "a") if number % 5 else keys(shown, "r", "1")
    assert text_of(shown, "count") == "500 of 500 decided"
    votes = form.read(saved(shown, tmp_path, lambda: keys(shown, "s"))).votes
    assert [vote.idx for vote in votes] == list(range(500))
    assert sum(vote.decision == "reject" for vote in votes) == 100
    assert {vote.idx for vote in votes if vote.reason} == {row.idx for i, row in enumerate(of.rows) if i % 5 == 0}


# -- texts are only texts -------------------------------------------------------------------------------------------

NASTY = [
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'><b>bold</b>",
    "{{ 7 * 7 }} ${window.hit = 1} <!-- -->",
    "&lt;i&gt; &amp; \u2028\u2029 end",
    "👩‍👩‍👧 🏳️‍🌈 క్ష क्षि",
    "a\nb\tc  d",
    "word " * 5000 + "end",
    "x" * 20_000,
]


def test_markup_in_a_text_is_shown_and_does_not_run(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "en", NASTY)
    shown = opened(path)
    for row in of.rows:
        assert shown.locator("#text").text_content() == row.text
        assert shown.locator("#text *").count() == 0
        keys(shown, "ArrowRight")
    assert shown.evaluate("window.hit") is None
    assert shown.locator("img, b, i").count() == 0
    shown.fill("#reviewer", "<img src=x onerror='window.hit = 1'>")
    shown.locator("#where").focus()
    keys(shown, "Home", "e", "Control+a")
    shown.keyboard.insert_text(NASTY[0])
    keys(shown, "Control+Enter", "c")
    shown.keyboard.insert_text(NASTY[1])
    keys(shown, "Control+Enter")
    assert text_of(shown, "text") == NASTY[0]
    assert text_of(shown, "remark") == NASTY[1]
    vote = form.read(saved(shown, tmp_path, lambda: keys(shown, "s"))).votes[0]
    assert (vote.text, vote.comment) == (NASTY[0], NASTY[1])
    assert shown.evaluate("window.hit") is None


def test_invisible_characters_are_shown(opened: Opened, tmp_path: Path) -> None:
    texts = [
        "ab\u202ecd\u202c",
        "זה \u200fרגיל\u2069",
        "zero\u200bwidth\u00ad",
        "می\u200cخواهم",
        "bell\x07",
        "tag\U000e0041",
    ]
    marks = [["RLO", "PDF"], ["RLM", "PDI"], ["ZWSP", "SHY"], [], ["U+0007"], ["U+E0041"]]
    _, of, path = made(tmp_path, "he", texts)
    shown = opened(path)
    for row in of.rows:
        assert shown.locator("#text .mark").all_inner_texts() == marks[texts.index(row.text)]
        if "\u202e" in row.text:  # it does not turn the text around any more
            assert "\u202e" not in str(shown.locator("#text").text_content())
            keys(shown, "e")
            assert "RLO, PDF" in text_of(shown, "invisible")
            shown.get_by_role("button", name="Remove invisible characters").click()
            assert shown.locator("#edited").input_value() == "abcd"
            keys(shown, "Escape")
        keys(shown, "ArrowRight")


@pytest.mark.parametrize(("lang", "texts", "direction"), [("he", HEBREW, "rtl"), ("te", TELUGU, "ltr")])
def test_scripts_are_laid_out(opened: Opened, tmp_path: Path, lang: str, texts: list[str], direction: str) -> None:
    _, _, path = made(tmp_path, lang, texts)
    shown = opened(path)
    assert shown.evaluate("getComputedStyle(document.getElementById('text')).direction") == direction
    assert shown.locator("#text").get_attribute("lang") == lang
    assert shown.evaluate("getComputedStyle(document.body).direction") == "ltr"
    # Where the text begins: at the right in Hebrew.
    box, first = shown.evaluate(
        """() => {
            const node = document.getElementById("text"), range = document.createRange();
            range.setStart(node.firstChild, 0);
            range.setEnd(node.firstChild, 1);
            const {left, right} = node.getBoundingClientRect(), at = range.getBoundingClientRect();
            return [[left, right], [at.left, at.right]];
        }"""
    )
    assert abs(first[1] - box[1]) < 3 if direction == "rtl" else abs(first[0] - box[0]) < 3


def test_telugu_letters_are_joined(opened: Opened, tmp_path: Path) -> None:
    fonts = subprocess.run(["fc-list", ":lang=te", "family"], capture_output=True, text=True, check=False).stdout
    if not fonts.strip():
        pytest.skip("no font for Telugu here: apt-get install fonts-noto-core")
    _, _, path = made(tmp_path, "te", TELUGU)
    joined, apart = opened(path).evaluate(
        """() => ["క్ష", "క్\\u200cష"].map((text) => {
            const node = document.getElementById("text"), range = document.createRange();
            node.replaceChildren(text);
            range.selectNodeContents(node);
            return range.getBoundingClientRect().width;
        })"""
    )
    assert joined < apart


# -- nothing leaves the page ----------------------------------------------------------------------------------------


def test_no_request_is_made_and_none_could_be(opened: Opened, tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        _, _, path = made(tmp_path, "te", TELUGU)
        shown = opened(path, loud=True)
        requests: list[str] = []
        shown.on("request", lambda request: requests.append(request.url))
        shown.reload()
        shown.fill("#reviewer", "Ana")
        shown.locator("#where").focus()
        keys(shown, "a", "r", "3", "u", "l", "2", "?")
        saved(shown, tmp_path, lambda: keys(shown, "s"))
        assert {url.partition(":")[0] for url in requests} <= {"file", "blob"}
        assert len([url for url in requests if url.startswith("file:")]) == 1
        # Even code that came in could send nothing.
        url = f"http://127.0.0.1:{server.server_port}"
        refused = shown.evaluate(
            f"""async () => {{
                const tried = [];
                await fetch("{url}/fetch").catch(() => tried.push("fetch"));
                await new Promise((done) => {{
                    const image = new Image();
                    image.onload = done;
                    image.onerror = () => done(tried.push("img"));
                    image.src = "{url}/img";
                }});
                const script = document.createElement("script");
                script.textContent = "window.hit = 1";
                document.body.append(script);
                tried.push(window.hit ? "ran" : "script");
                return tried;
            }}""",
        )
        assert refused == ["fetch", "img", "script"]
        assert asked == []
    finally:
        server.shutdown()
        server.server_close()


# -- memory -----------------------------------------------------------------------------------------------------------


def test_a_reload_keeps_what_was_decided(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    shown.fill("#reviewer", "రమ")
    shown.locator("#where").focus()
    keys(shown, "a", "r", "2", "c")
    shown.keyboard.insert_text("సరే")
    keys(shown, "Control+Enter")
    shown.reload()
    assert (text_of(shown, "count"), text_of(shown, "where")) == ("2 of 3 decided", "Text 3 of 3")
    assert (shown.input_value("#reviewer"), text_of(shown, "remark")) == ("రమ", "సరే")
    assert text_of(shown, "kept") == "Not saved as a file yet."
    first = form.read(saved(shown, tmp_path, lambda: keys(shown, "s")))
    assert (len(first.votes), text_of(shown, "kept")) == (3, "")
    shown.reload()
    assert text_of(shown, "kept") == ""


FORBIDDEN = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
)
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"


@pytest.mark.parametrize("before", [FORBIDDEN, FULL])
def test_a_browser_that_keeps_nothing_says_so_and_goes_on_with_a_file(
    opened: Opened, tmp_path: Path, before: str
) -> None:
    _, of, path = made(tmp_path, "te", TELUGU)
    shown = opened(path, before=before)
    assert "This browser keeps nothing" in str(shown.locator("#storage").text_content())
    shown.fill("#reviewer", "రమ")
    shown.locator("#where").focus()
    keys(shown, "a", "e")
    shown.keyboard.insert_text("x")
    keys(shown, "Control+Enter")
    file = saved(shown, tmp_path, lambda: keys(shown, "s"))
    first = form.read(file)
    other = opened(path, before=before)
    assert text_of(other, "count") == "0 of 3 decided"
    other.set_input_files("#load", file)
    other.locator("#count", has_text=re.compile("^2 of 3 decided$")).wait_for()
    assert (other.input_value("#reviewer"), text_of(other, "where")) == ("రమ", "Text 3 of 3")
    keys(other, "a")
    again = form.read(saved(other, tmp_path, lambda: keys(other, "s")))
    known = {vote.idx: vote for vote in again.votes}
    assert [known[vote.idx] for vote in first.votes] == list(first.votes)
    assert len(again.votes) == len(of.rows)


def test_damaged_memory_and_foreign_files_do_not_stop_the_page(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "te", TELUGU)
    (tmp_path / "bad.json").write_text('{"format": "sdc-review", "generation": "other", "rows": []}', "utf-8")
    for kept in ("{", "null", '{"rows": [1, 2]}', '{"rows": [null, 7, {"decision": "x"}], "at": "far"}', "[]"):
        shown = opened(path, before=f"localStorage.setItem('sdc-review:{of.name}', {json.dumps(kept)});")
        assert text_of(shown, "count") == "0 of 3 decided"
        shown.set_input_files("#load", tmp_path / "bad.json")
        shown.wait_for_selector("#problem:not([hidden])")
        assert "no saved review of this sheet" in text_of(shown, "problem")
        shown.locator("#where").focus()
        keys(shown, "a")
        assert text_of(shown, "count") == "1 of 3 decided"


def test_the_saved_text_is_there_for_those_whose_program_saves_no_file(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    keys(shown, "a", "s")
    assert "type your name first" in text_of(shown, "problem")
    assert shown.evaluate("document.activeElement.id") == "reviewer"
    shown.keyboard.insert_text("Ana")
    shown.locator("#where").focus()
    file = saved(shown, tmp_path, lambda: keys(shown, "s"))
    assert shown.locator("#saved-text").input_value() == file.read_text("utf-8")


# -- the judge stays hidden -------------------------------------------------------------------------------------------


def test_the_verdict_is_hidden_unless_asked_for_and_then_it_is_noted(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "te", TELUGU * 2)
    shown = opened(path)
    shown.fill("#reviewer", "Ana")
    shown.locator("#where").focus()
    assert not shown.locator("#verdict").is_visible()
    keys(shown, "a", "?")
    shown.get_by_label("Show what the program's judge said").check()
    second = of.rows[1]
    said = "accepts it" if second.accepted else f"rejects it: {second.reason}"
    assert text_of(shown, "verdict") == f"The judge ({second.judged_by}) {said}"
    shown.get_by_label("Show what the program's judge said").uncheck()
    shown.locator("#where").focus()
    keys(shown, "a", "a")
    votes = {vote.idx: vote.blind for vote in form.read(saved(shown, tmp_path, lambda: keys(shown, "s"))).votes}
    assert [votes[row.idx] for row in of.rows[:3]] == [True, False, True]


def test_an_unjudged_sheet_has_nothing_to_show(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "te", TELUGU, judged=False)
    shown = opened(path)
    keys(shown, "?")
    assert not shown.get_by_label("Show what the program's judge said").is_visible()


# -- handling ---------------------------------------------------------------------------------------------------------


def test_undo_takes_back_one_step_at_a_time(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    assert shown.locator("#undo").is_disabled()
    keys(shown, "a", "r", "1", "u")
    assert (text_of(shown, "count"), text_of(shown, "where")) == ("1 of 3 decided", "Text 2 of 3")
    keys(shown, "e", "Control+a")
    shown.keyboard.insert_text("మార్పు")
    keys(shown, "Control+Enter", "r", "1", "u")
    assert text_of(shown, "text") == "మార్పు"  # a rejection by mistake loses no work
    keys(shown, "u", "u")
    assert (text_of(shown, "text") != "మార్పు", text_of(shown, "count")) == (True, "0 of 3 decided")
    assert shown.locator("#undo").is_disabled()
    assert of.rows[0].text == text_of(shown, "text")


def test_a_text_or_label_that_is_changed_back_is_as_it_was(opened: Opened, tmp_path: Path) -> None:
    small, of, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    own, other = (str(label + 1) for label in (of.rows[0].label, 1 - of.rows[0].label))
    keys(shown, "l", other)
    assert text_of(shown, "state") == "changed and accepted"
    assert text_of(shown, "old-label") == small.cell.task.label_names[of.rows[0].label]
    keys(shown, "l", own)
    assert (text_of(shown, "state"), shown.locator("#old-label").is_visible()) == ("accepted", False)
    keys(shown, "e")
    shown.keyboard.insert_text("x")
    keys(shown, "Escape")
    assert text_of(shown, "text") == of.rows[0].text
    keys(shown, "e", "Control+a", "Delete", "Control+Enter")
    assert "cannot be empty" in text_of(shown, "problem")


def test_keys_of_other_layouts_are_the_keys_in_the_same_place(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "he", HEBREW)
    shown = opened(path)
    press = "(key) => document.body.dispatchEvent(new KeyboardEvent('keydown', {...key, bubbles: true}))"
    shown.evaluate(press, {"key": "ש", "code": "KeyA"})  # A on a Hebrew keyboard
    assert text_of(shown, "count") == "1 of 3 decided"
    shown.evaluate(press, {"key": "ర", "code": "KeyR"})
    shown.evaluate(press, {"key": "౨", "code": "Digit2"})
    assert text_of(shown, "count") == "2 of 3 decided"
    for modifier in ("ctrlKey", "altKey", "metaKey", "isComposing", "repeat"):
        shown.evaluate(press, {"key": "a", "code": "KeyA", modifier: True})
    assert text_of(shown, "count") == "2 of 3 decided"


def test_single_keys_can_be_switched_off_and_letters_in_a_field_are_letters(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    shown.locator("#reviewer").press_sequentially("aras")
    assert (text_of(shown, "count"), shown.input_value("#reviewer")) == ("0 of 3 decided", "aras")
    shown.locator("#where").focus()
    keys(shown, "?")
    shown.get_by_label("Single keys are commands").uncheck()
    keys(shown, "a", "s")
    assert text_of(shown, "count") == "0 of 3 decided"
    shown.get_by_role("button", name="Accept").click()
    assert text_of(shown, "count") == "1 of 3 decided"


def test_everything_has_a_name_and_panels_give_the_focus_back(opened: Opened, tmp_path: Path) -> None:
    _, _, path = made(tmp_path, "te", TELUGU)
    shown = opened(path)
    keys(shown, "?")
    shown.locator("#overview summary").click()
    for panel in ("r", "l", "e", "c"):
        shown.locator("#where").focus()
        keys(shown, panel)
        assert shown.evaluate("document.activeElement.closest('fieldset').id.startsWith('panel-')")
        nameless = shown.evaluate(
            """() => [...document.querySelectorAll("button, input, textarea, progress, summary")]
                .filter((node) => node.checkVisibility())
                .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
                .map((node) => node.outerHTML)"""
        )
        assert nameless == []
        assert shown.locator("nav [aria-expanded=true]").count() == 1
        keys(shown, "Escape")
        assert shown.evaluate("document.activeElement.id") == "where"
        assert shown.locator("nav [aria-expanded=true]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_told_from_their_ground(opened: Opened, tmp_path: Path, scheme: str) -> None:
    _, _, path = made(tmp_path, "te", TELUGU)
    shown = opened(path, color_scheme=scheme)
    colours = shown.evaluate(
        """() => Object.fromEntries(["page", "card", "ink", "soft", "tint", "yes", "no", "changed", "on"].map((name) =>
            [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))"""
    )
    for ink in ("ink", "soft", "yes", "no", "changed"):
        for ground in ("page", "card"):
            assert _contrast(colours[ink], colours[ground]) >= 4.5, (scheme, ink, ground)
    assert _contrast(colours["on"], colours["yes"]) >= 4.5
    assert _contrast(colours["ink"], colours["tint"]) >= 4.5
    assert _contrast(colours["no"], colours["tint"]) >= 4.5


def _contrast(a: str, b: str) -> float:
    """Returns the contrast ratio of two colours (WCAG 2.2), 1 to 21."""

    def luminance(colour: str) -> float:
        digits = colour.removeprefix("#")
        digits = digits if len(digits) == 6 else "".join(c * 2 for c in digits)
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_a_phone_shows_all_of_it(opened: Opened, tmp_path: Path) -> None:
    _, of, path = made(tmp_path, "te", [*TELUGU, "అ" * 300])
    shown = opened(path, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    shown.tap("#overview summary")
    shown.tap("#help summary")
    for _ in of.rows:
        wide = shown.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide
        if shown.locator("#forward").is_enabled():
            shown.tap("#forward")
    small = shown.evaluate(
        """() => [...document.querySelectorAll("button")].filter((node) => node.checkVisibility())
            .filter((node) => node.getBoundingClientRect().height < 44 || node.getBoundingClientRect().width < 40)
            .map((node) => node.id || node.textContent)"""
    )
    assert small == []
    shown.tap("#back")
    shown.tap("#reject")
    shown.get_by_role("button", name="Cut off or garbled").tap()
    assert text_of(shown, "count") == "1 of 4 decided"
