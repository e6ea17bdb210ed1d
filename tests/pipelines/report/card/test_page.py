"""How a card is written: tables, JSON, and a page that no text can break out of."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report import card
from sdc.pipelines.report.card import Card, LabelRow, formats, page, pictures
from sdc.pipelines.report.card.figure import Figure

from .conftest import SidesOf, Writer

EVIL = "<script>alert('x')</script> & \"y\" </td></svg>"
LABELS = (EVIL, "విజ్ఞానం/సాంకేతికత", "נסיעות ותחבורה", "科学 技术")


def made(name: str = "te/small", **fields: object) -> Card:
    figures = tuple(
        Figure(name=figure, what=f"what {figure} is", synthetic=Estimate(value=0.25, low=0.2, high=0.31), note=EVIL)
        for figure in card.NAMES
    )
    parts: dict[str, object] = {
        "cell": name,
        "lang": "te",
        "about": {"generation": "abc", "model": EVIL},
        "rows": {"synthetic": 4, "human": 4},
        "figures": figures,
        "labels": tuple(LabelRow(name=label, synthetic=i + 1, quota=5, human=10 * i) for i, label in enumerate(LABELS)),
        "series": {
            "lengths": {"synthetic": [10, 20, 30], "human": [15, 15, 4000]},
            "neighbours": {
                "synthetic to human": [0.1, 1.0],
                "human to human": [0.5, 0.2],
                "synthetic to synthetic": [0.0],
            },
        },
        "examples": {
            "classifier": [{"side": "synthetic", "characters": " <b>"}, {"side": "human", "characters": "\u0c4d"}],
            "openings": [{"side": "synthetic", "opening": EVIL, "rows": 2}],
            "copies": [{"kind": "leaks", "text": EVIL, "other": "שלום", "similarity": 0.912}],
        },
        "notes": (EVIL,),
        **fields,
    }
    return Card(**parts)  # type: ignore[arg-type]


class _Reader(HTMLParser):
    """Collects the elements of a page, its text, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "action") and not (value or "").startswith("#"):
                self.loads.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_a_page_holds_everything_and_nothing_gets_out() -> None:
    text = page.as_html([made(), made("en/small")])
    reader = read(text)
    assert text.isascii() or text.encode().decode() == text
    assert "script" not in reader.seen and "img" not in reader.seen and reader.loads == []
    assert "url(" not in text and "@import" not in text and "default-src 'none'" in text
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.seen.count("svg") == 6
    for shown in (*LABELS, "what auc is", "␣<b>", "◌\u0c4d", "שלום", "0.91", "test row", "20.0..31.0"):
        assert shown in reader.text, shown
    assert '<td class="words" dir="auto" lang="te">שלום</td>' in text
    boxes = re.findall(r'<div class="wide" tabindex="0"[^>]*>\s*<table[^>]*>', text)
    assert len(boxes) == text.count("<table") > 5  # each scrolls on its own where a screen is narrow
    assert read(page.as_html([made()])).seen.count("h2") == 1  # no overview of one


def test_a_control_character_in_the_name_of_a_label_is_shown_as_its_escape() -> None:
    (first, *others) = made().labels
    drawn = pictures.draw(made(labels=(replace(first, name="\x1b[31m"), *others)))
    assert r"\x1b[31m" in drawn["labels"]
    ElementTree.fromstring(drawn["labels"])


def test_pictures_are_svg_with_the_labels_as_text() -> None:
    drawn = pictures.draw(made())
    assert list(drawn) == ["lengths", "neighbours", "labels"]
    for svg in drawn.values():
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
    texts = [node.text for node in ElementTree.fromstring(drawn["labels"]).iter() if node.tag.endswith("text")]
    assert {"విజ్ఞానం/సాంకేతికత", "נסיעות ותחבורה", "科学 技术"} <= set(texts)
    assert any((text or "").startswith("<script>") for text in texts)
    assert "116 and more" not in drawn["lengths"] and re.search(r"the last bin: \d+ and more", drawn["lengths"])


def test_numbers_of_an_axis_stand_apart() -> None:
    """A browser's font may be half as wide again as the one that they were measured with: ten pixels a digit."""
    rows = tuple(LabelRow(name=name, synthetic=1234, quota=1500, human=123456) for name in LABELS)
    lengths = {side: [float(length) for length in range(1500)] for side in ("synthetic", "human")}
    for svg in pictures.draw(made(labels=rows, series={"lengths": lengths})).values():
        found = re.findall(
            r'<text text-anchor="(?:start|middle|end)" transform="translate\(([\d.]+),15\)".*?>([\d,]+)<', svg
        )
        assert len(found) > 4
        for (x, number), (next_x, other) in pairwise(found):
            gap = float(next_x) - float(x)
            assert gap <= 0 or gap > 5 * (len(number) + len(other)), (number, other)


def test_what_cannot_be_told_is_not_drawn() -> None:
    assert list(pictures.draw(made(series={}))) == ["labels"]
    assert list(pictures.draw(made(series={"lengths": {"synthetic": [3], "human": []}}))) == ["labels"]
    without = tuple(LabelRow(name=name, synthetic=0, quota=None, human=0) for name in ("a", "b"))
    assert "labels" in pictures.draw(made(labels=without))


def test_histogram() -> None:
    shares = pictures.histogram([0.0, 0.05, 0.95, 1.0], [i / 20 for i in range(21)])
    assert shares[0] == 0.25 and shares[1] == 0.25 and shares[19] == 0.5 and sum(shares) == 1


def test_json_has_numbers_and_null(write: Writer, sides_of: SidesOf) -> None:
    (found,) = json.loads(
        formats.as_json([card.build(sides_of(write(60, "new"), write(20, "human")), about={"a": "b"})])
    )
    assert list(found) == ["cell", "about", "rows", "figures", "labels", "examples", "notes"]
    assert list(found["figures"]) == list(card.NAMES)
    assert found["figures"]["auc"]["synthetic"] is None and "too few" in found["figures"]["auc"]["note"]
    assert found["figures"]["length_median"]["synthetic"]["value"] > 0
    assert found["labels"][0] == {"name": "good", "synthetic": 30, "quota": None, "human": 10}


def test_markdown_and_overview() -> None:
    cards = [made(), made("en/small")]
    text = formats.as_markdown(cards)
    assert text.count("| auc |") == 3  # the overview's column, and a row of each
    assert EVIL not in text and "\\<script\\>" in text
    table = formats.overview(cards)
    assert table.columns[:3] == ("cell", "rows", "auc") and table.rows[0][:3] == ("te/small", "4", "25.0")
    assert formats.as_markdown([made()]).startswith("te/small: 4 synthetic, 4 human rows; generation abc")


@pytest.mark.parametrize(
    ("unit", "shown"), [("share", "12.3 %"), ("score", "0.123"), ("ratio", "0.12"), ("characters", "0")]
)
def test_units(unit: str, shown: str) -> None:
    assert formats.value(Estimate(value=0.1234), unit) == shown
    assert formats.value(None, unit) == formats.interval(Estimate(value=1.0), unit) == "-"
