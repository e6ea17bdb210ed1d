"""The report page in a real browser: no network, all widths and colours, read by axe, texts that would act."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from report_store import Shelf, evaluate, fill, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report import page as report_page
from sdc.pipelines.report.page import parts
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

Opened = Callable[..., "Page"]
EVIL = "</script><img src=x onerror=alert(1)><b>"


def _written(context: Context, path: Path) -> Path:
    page = parts.page(context, report.find(context, ReportConfig()), title=f"A report {EVIL}")
    report_page.write(page, path)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    context = fill(folder / "s.duckdb")
    evaluate(context, ("te", "topic"), ("sw", "topic"), ("en", "sarcasm"))
    return _written(context, folder / "report.html")


@pytest.fixture(scope="module")
def hebrew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with texts, labels and a model whose names would act."""
    folder = tmp_path_factory.mktemp("hebrew")
    shelf = Shelf(Store(folder / "s.duckdb"))
    rows = [
        {"idx": idx, "lang": "he", "task": "topic", "text": f"שלום <script>alert({idx})</script> עולם",
         "label": idx % 2, "label_name": f"ספורט {EVIL}", "source": "synthetic", "status": "ok"} for idx in range(14)
    ]  # fmt: skip
    test, written = (
        put_test(shelf, "he", "topic"),
        put(shelf, "gen", "gen", "he", "topic", {"model": EVIL}, examples=rows),
    )
    for name, draw in put_sample(shelf, "he", "topic", "synthetic", written, {"10": 14}).items():
        put_run(shelf, test, "he", "topic", method="linear", model=EVIL, right=0.5 + int(name[-1]) / 10, draw=draw,
                source="synthetic", num_rows=14)  # fmt: skip
    put_run(shelf, test, "he", "topic", method="icl", model=EVIL, right=0.6, shots=0, reply="{name}")
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("he", "topic"))
    return _written(context, folder / "report.html")


def _axe(page: "Page") -> list[str]:
    api: Any = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = api.Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_axe_finds_nothing_serious_and_nothing_leaves_the_page(
    opened: Opened, path: Path, width: int, scheme: str
) -> None:
    page = opened(path, viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    assert _axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_texts_say_is_shown_and_not_run(opened: Opened, path: Path) -> None:
    page = opened(path, offline=True)
    assert page.locator("h1").inner_text() == f"A report {EVIL}"
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", [1280, 420])
def test_texts_from_right_to_left_are_shown_so_and_not_run(opened: Opened, hebrew: Path, width: int) -> None:
    page = opened(hebrew, viewport={"width": width, "height": 900}, offline=True)
    texts = page.locator('td[lang="he"]')
    assert texts.all_inner_texts()[0] == "שלום <script>alert(0)</script> עולם"
    assert texts.first.evaluate("cell => getComputedStyle(cell).direction") == "rtl"
    label = page.locator("#synthetic-texts td").first
    assert (label.inner_text(), label.evaluate("cell => getComputedStyle(cell).direction")) == (f"ספורט {EVIL}", "rtl")
    assert page.locator("img").count() == 0 and page.locator("script").count() == 2  # its own, and its data
    assert _axe(page) == []


@pytest.mark.parametrize("width", [1280, 420])
def test_a_figure_is_as_large_as_it_is_read_and_scrolls_in_a_box_of_its_own(
    opened: Opened, path: Path, width: int
) -> None:
    page = opened(path, viewport={"width": width, "height": 900}, offline=True)
    drawn = page.locator(".drawn")
    assert drawn.count() >= 4
    shares = drawn.locator("svg").evaluate_all(
        "all => all.map(svg => svg.getBoundingClientRect().width / svg.width.baseVal.value)"
    )
    assert min(shares) > 0.7  # 8 px at least for what is written with 11
    inside = "all => all.every(each => each.getBoundingClientRect().right <= innerWidth)"
    assert page.locator("figcaption, figure > p, .drawn").evaluate_all(inside)


def test_rows_are_found_sorted_and_explained(opened: Opened, path: Path) -> None:
    page = opened(path, offline=True)
    rows = page.locator("#table tbody tr")
    assert rows.count() == 18
    page.fill("#filter", "te linear synthetic")
    assert rows.count() == 2
    assert page.locator("#count").inner_text() == "2 of 18 rows"
    mean = page.locator("#table thead th", has_text="mean %")
    mean.locator("button").press("Enter")  # by keyboard
    assert mean.get_attribute("aria-sort") == "descending"
    at = page.locator("#table thead th").all_inner_texts().index("mean %")
    assert rows.locator(f"td:nth-child({at + 1})").all_inner_texts() == ["65.0", "45.0"]
    rows.first.locator("button").click()
    shown = page.locator("#table pre").inner_text()
    assert shown.startswith('sdc store sql "select run, reader, metric, value')
    assert shown.count("'") == 4  # two runs


def test_print_shows_every_row(opened: Opened, path: Path) -> None:
    page = opened(path, offline=True)
    page.emulate_media(media="print")
    assert page.locator(".tools").evaluate("element => getComputedStyle(element).display") == "none"
    page.set_viewport_size({"width": 1030, "height": 700})  # A4 across, less its margins
    wide = "tables => tables.filter(each => each.getBoundingClientRect().right > 1030).length"
    assert page.locator("table").evaluate_all(wide) == 0
    heads = page.locator("#table thead th:visible")
    assert heads.count() > 10 and "mean %" in heads.all_inner_texts()  # no button: those are not repeated on paper
    assert page.pdf().startswith(b"%PDF")


def test_thousands_of_rows_are_drawn_as_they_are_looked_at(opened: Opened, tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    gen = put(shelf, "gen", "gen", "te", "topic", {"model": "g"})
    (draw, *_) = put_sample(shelf, "te", "topic", "synthetic", gen, {"10": 14}).values()
    for number in range(450):
        put_run(shelf, test, "te", "topic", method="finetune", model=f"m{number}{EVIL}", right=0.5, draw=draw,
                source="synthetic", num_rows=14)  # fmt: skip
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    page = opened(_written(context, tmp_path / "report.html"), offline=True)
    rows = page.locator("#table tbody tr")
    assert rows.count() == 200
    page.locator(".tall").evaluate("element => element.scrollTo(0, element.scrollHeight)")
    rows.nth(399).wait_for(state="attached")  # the page's own rules forbid scripts that a test waits with
    assert rows.count() == 400
