"""What a review sheet asks about, and the page as a file."""

import html
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from reviews import add_judgement
from scripted import World, add_import, small_task, world

from sdc.errors import DataError, UsageError
from sdc.pipelines.judge.review import page, sheet


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path / "world")


def _judged(small: World, accepted: dict[int, tuple[int, int]]) -> sheet.Sheet:
    """Returns the sheet, 4 texts per label, of a judgement with {label: (accepted, rejected)} rows."""
    rows = [(label, True) for label, (yes, _) in accepted.items() for _ in range(yes)]
    rows += [(label, False) for label, (_, no) in accepted.items() for _ in range(no)]
    generation = add_import(small.store, small.cell, [(f"text {i}", label) for i, (label, _) in enumerate(rows)])
    judgement = add_judgement(small, generation, [(good, "llm") for _, good in rows])
    return sheet.choose(small.context, small.cell, judgement, sample_size=4)


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        ((9, 9), (2, 2)),
        ((9, 1), (3, 1)),
        ((9, 0), (4, 0)),
        ((1, 9), (1, 3)),
        ((0, 9), (0, 4)),
        ((1, 1), (1, 1)),
    ],
)
def test_half_of_a_label_is_what_the_judge_rejected(
    small: World, there: tuple[int, int], shown: tuple[int, int]
) -> None:
    made = _judged(small, {0: there, 1: (9, 9)})
    counts = Counter((row.label, row.accepted) for row in made.rows)
    assert (counts[0, True], counts[0, False]) == shown
    assert (counts[1, True], counts[1, False]) == (2, 2)
    assert len({row.idx for row in made.rows}) == len(made.rows)


def test_the_same_sheet_comes_every_time_and_another_seed_gives_another(small: World) -> None:
    first = _judged(small, {0: (30, 30), 1: (30, 30)})
    again = sheet.choose(small.context, small.cell, first.judgement or first.generation, sample_size=4)
    assert page.render(first) == page.render(again)
    base = first.judgement or first.generation
    other = sheet.choose(small.context, small.cell, base, sample_size=4, seed=2)
    assert [row.idx for row in other.rows] != [row.idx for row in first.rows]
    assert other.name != first.name


def test_labels_and_verdicts_are_mixed(small: World) -> None:
    made = _judged(small, {0: (30, 30), 1: (30, 30)})
    assert [row.label for row in made.rows] != sorted(row.label for row in made.rows)
    made = sheet.choose(small.context, small.cell, made.judgement or made.generation, sample_size=40)
    kinds = [(row.label, row.accepted) for row in made.rows]
    assert len(set(kinds[:20])) == 4


def test_a_generation_is_shown_as_judged_last_or_unjudged(small: World) -> None:
    generation = add_import(small.store, small.cell, [("one", 0), ("two", 1)])
    plain = sheet.choose(small.context, small.cell, generation)
    assert (plain.judgement, {row.accepted for row in plain.rows}) == (None, {None})
    judgement = add_judgement(small, generation, [(True, "llm"), (False, "gate:length")])
    judged = sheet.choose(small.context, small.cell, generation)
    assert judged.judgement is not None and judged.judgement.key == judgement.key
    assert {row.idx: row.accepted for row in judged.rows} == {0: True, 1: False}


def test_nothing_to_review_is_an_error(small: World) -> None:
    with pytest.raises(DataError, match="has no text to review"):
        sheet.choose(small.context, small.cell, add_import(small.store, small.cell, []))
    with pytest.raises(UsageError, match="--sample-size"):
        sheet.choose(small.context, small.cell, add_import(small.store, small.cell, [("one", 0)]), sample_size=0)


def test_a_judgement_of_another_store_cannot_be_shown(small: World, tmp_path: Path) -> None:
    other = world(tmp_path / "other")
    judgement = add_judgement(other, add_import(other.store, other.cell, [("one", 0)]), [(True, "llm")])
    with pytest.raises(DataError, match="sdc store merge"):
        sheet.choose(small.context, small.cell, judgement)


# -- the page -----------------------------------------------------------------------------------------------------

NASTY = [
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; & \u2028 \u2029 \x07 {{ 7 * 7 }}",
    "‮txt.exe",
    "x" * 50_000,
]


def test_texts_stand_in_the_page_as_data_only(tmp_path: Path) -> None:
    evil = '"><script>alert(2)</script>'
    task = small_task(labels=[{"name": evil, "description": evil}, {"name": "fine"}])
    small = world(tmp_path, task=task)
    generation = add_import(small.store, small.cell, [(text, i % 2) for i, text in enumerate(NASTY)])
    text = page.render(sheet.choose(small.context, small.cell, generation), reviewer=evil)
    assert len(re.findall(r"<script", text, re.IGNORECASE)) == 2  # the data, and the page's own
    assert "<img" not in text and evil not in text and "49 " not in text
    found = re.search(r'<script type="application/json" id="sheet">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert sorted(row["text"] for row in data["rows"]) == sorted(NASTY)
    assert (data["reviewer"], data["labels"][0]["name"]) == (evil, evil)


def test_the_page_is_one_file_without_a_network(small: World) -> None:
    generation = add_import(small.store, small.cell, [("one", 0)])
    text = page.render(sheet.choose(small.context, small.cell, generation))
    assert not re.findall(r"""(?:src|href|action)\s*=\s*["']|url\(|@import|https?:""", text)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = html.unescape(policy[1])
    assert rules.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in rules and "connect-src" not in rules


def test_only_a_review_page_is_written_over(small: World, tmp_path: Path) -> None:
    text = page.render(sheet.choose(small.context, small.cell, add_import(small.store, small.cell, [("one", 0)])))
    path = tmp_path / "page.html"
    page.write(path, text)
    page.write(path, text)
    assert path.read_text("utf-8") == text
    path.write_text("my thesis", "utf-8")
    with pytest.raises(UsageError, match="is no review sheet"):
        page.write(path, text)
    assert path.read_text("utf-8") == "my thesis"
    page.write(path, text, force=True)
    assert path.read_text("utf-8") == text
    assert {item.name for item in tmp_path.iterdir() if item.is_file()} == {"page.html"}


@pytest.mark.parametrize("name", ["missing/page.html", "folder", "a\0b"])
def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="cannot write the sheet"):
        page.write(tmp_path / name, "text")
    assert [item.name for item in tmp_path.iterdir()] == ["folder"]
