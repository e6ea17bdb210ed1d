"""The report's page: which student it names, what stands on it, how it is written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from report_store import Shelf, evaluate, fill, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.cli import defaults
from sdc.errors import DataError
from sdc.pipelines import report
from sdc.pipelines.records import examples
from sdc.pipelines.records.draws import HUMAN_SOURCES, SOURCES
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.report import page as report_page
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.page import Page, Picture, SampleText, Section, parts, registers
from sdc.pipelines.report.page.choice import choices
from sdc.pipelines.report.page.practice import Practice
from sdc.pipelines.report.page.registers import Register
from sdc.pipelines.report.pay_off import PayOff
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import Resampled, _Runs
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.report.statistics.resampling import accuracy, resample
from sdc.pipelines.stage import Context


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    made = fill(tmp_path_factory.mktemp("page") / "s.duckdb")
    evaluate(made, ("te", "topic"), ("sw", "topic"))
    return made


@pytest.fixture(scope="module")
def store(context: Context) -> Store:
    return context.store


@pytest.fixture(scope="module")
def page(context: Context) -> Page:
    return parts.page(context, report.find(context, ReportConfig()), title="Title")


def _point(method: str, mean: float, *, half: float = 0.02, rows: int = 100, source: str = "synthetic") -> Point:
    member: Any = RunResult(
        task="t", lang="te", method=method, eval_key=method, run=f"{method} {source} {rows}", sizes=(),
        model_identity=None, authors=(), value=mean, low=None, high=None, majority=None, below_chance=False,
    )  # fmt: skip
    return Point(
        task="t", lang="te", method=method, model="m", source=source, rows=rows, n=1, mean=mean, low=mean - half,
        high=mean + half, metric="accuracy", members=(member,),
    )  # fmt: skip


class _Known(Resampled):
    """Scores by method, of runs that a test makes up; without any there are no readings."""

    def __init__(self, **right: list[list[int]]) -> None:
        self._means, self._found, self._of_points = {}, {}, {}
        self._places: dict[str, list[int]] = {}
        made, num = [], 0
        for method, runs in right.items():
            self._places[method] = list(range(num, num := num + len(runs)))
            made.append(accuracy(np.array(runs), resample({"te": range(len(runs[0]))}, test="t", seed=0)["te"]))
        whole: Any = SimpleNamespace(on=lambda what: SimpleNamespace(
            of_runs_R=np.concatenate([scores.of_runs_R for scores in made]),
            resampled_RB=np.concatenate([scores.resampled_RB for scores in made]),
        ))  # fmt: skip
        self._scores = whole

    def _look_up(self, members: Sequence[RunResult]) -> _Runs | None:
        places = self._places.get(str(members[0].method))
        if places is None:
            return None
        return _Runs(what=("t", "accuracy"), places=places, repeats=list(range(len(places))), of_draws=True)


NOTHING = _Known()


def test_who_is_worse_on_equal_draws_is_not_taken_for_being_cheap() -> None:
    """Both are within each other's intervals, but of 100 rows 12 only the best got right, and none only the cheap."""
    points = [_point("best", 0.80, half=0.14), _point("cheap", 0.68, half=0.14), _point("alike", 0.78, half=0.03)]
    best, cheap = [1] * 80 + [0] * 20, [1] * 68 + [0] * 32
    alike = [0] * 3 + [1] * 78 + [0] * 19
    seconds = {"best synthetic 100": 50.0, "cheap synthetic 100": 0.1, "alike synthetic 100": 5.0}
    known = _Known(best=[best, best], cheap=[cheap, cheap], alike=[alike, alike])
    (choice,) = choices(points, seconds, known)
    assert (choice.point.method, choice.best.method) == ("alike", "best")
    (choice,) = choices(points, seconds, NOTHING)  # as an older sdc left it: intervals alone
    assert choice.point.method == "cheap"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.11, "te/t: take a m on"),
        (-0.04, 0.11, "te/t: no student is shown to be better than the generator (74.0 %): stay with it, or take a m"),
        (-0.11, -0.02, "te/t: even the best student is below the generator (74.0 %): stay with it, or take a m on"),
    ],
)
def test_where_no_student_is_shown_to_be_better_than_the_generator_that_is_said(
    page: Page, low: float, high: float, said: str
) -> None:
    held = {"reference": 0.74, "difference": (low + high) / 2, "difference_low": low, "difference_high": high}
    (choice,) = choices([replace(_point("a", 0.80), **held)], {}, NOTHING)  # type: ignore[arg-type]
    assert choice.sentence.startswith(said)
    text = report_page.as_html(replace(page, chosen=[choice]), beside=None)
    assert ("the generator, or a m</td>" in text) == (low < 0)


@pytest.mark.parametrize(
    ("majority", "said"),
    [
        (0.70, ""),
        (0.78, "; not shown to be better than always saying the most frequent label (78.0 %)"),
        (0.90, "; worse than always saying the most frequent label (90.0 %)"),
    ],
)
def test_who_may_be_no_better_than_the_most_frequent_label_is_said_to_be(majority: float, said: str) -> None:
    (choice,) = choices([replace(_point("a", 0.80, half=0.05), majority=majority)], {}, NOTHING)
    assert choice.sentence.endswith(f"(75.0 to 85.0){said}.")


def test_rows_that_people_wrote_are_no_choice_whatever_they_are_called() -> None:
    points = [_point("a", 0.9, rows=30, source="seeds"), _point("a", 0.8), _point("b", 0.7, source="human+synthetic")]
    (choice,) = choices(points, {}, NOTHING)
    assert choice.point.source == "synthetic" and choice.best.source == "synthetic"
    assert "; 30 human (seeds) rows give 10.0 points more" in choice.sentence
    assert set(HUMAN_SOURCES) == {source for source in SOURCES if "synthetic" not in source}


def test_the_cheapest_of_those_that_are_not_clearly_worse() -> None:
    points = [_point("a", 0.80), _point("b", 0.79), _point("c", 0.70), _point("a", 0.9, source="human")]
    seconds = {"a synthetic 100": 50.0, "b synthetic 100": 5.0, "c synthetic 100": 0.1}
    (choice,) = choices(points, seconds, NOTHING)
    assert (choice.point.method, choice.best.method, choice.seconds, choice.human) == ("b", "a", 5.0, None)
    (choice,) = choices([*points[:3:2], points[3]], seconds, NOTHING)
    assert choice.point.method == "a"
    assert choice.sentence == (
        "te/t: take a m on 100 synthetic rows: accuracy 80.0 % (78.0 to 82.0); 100 human rows give 10.0 points more."
    )


def test_each_student_is_judged_with_all_its_rows() -> None:
    points = [_point("a", 0.9, rows=10), _point("a", 0.7, rows=100), _point("b", 0.8, rows=100)]
    assert choices(points, {}, NOTHING)[0].point.method == "b"


def test_only_people_wrote_the_rows() -> None:
    assert choices([_point("a", 0.9, source="human")], {}, NOTHING) == []


def test_what_stands_on_it(page: Page) -> None:
    text = report_page.as_html(page, beside=None)
    assert "te/topic: take icl student &amp; co on 60 synthetic rows: accuracy 90.0 %" in text
    assert "16 runs" not in text
    assert "of which 1 broke off" in text
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\'' in text.replace("&#39;", "'")
    assert "@inproceedings" in text


def test_sections_hold_figures_with_their_numbers_and_tables(page: Page) -> None:
    table = Table(columns=("a", "b"), rows=(("<i>", "2"),), title="A table")
    picture = Picture(name="Figure 2", title="What & why", caption="How", svg="<svg></svg>", numbers=table)
    section = Section(title="Figures & co", words="Read <so>.", pictures=[picture], tables=[table], code="a < b")
    text = report_page.as_html(Page(title="T", found=page.found, sections=[section]), beside=None)
    assert '<section id="figures---co"' in text
    assert "<svg></svg>" in text and "Numbers behind figure 2" in text
    assert "<figcaption><strong>Figure 2.</strong> What &amp; why</figcaption>" in text
    assert '<td class="number">2</td>' in text
    assert text.count("&lt;i&gt;") == 2 and "Read &lt;so&gt;." in text and "a &lt; b" in text


def test_tables_of_the_paper_stand_on_it(page: Page) -> None:
    (section,) = [section for section in page.sections if section.title == "Tables of the paper"]
    prompts, hours = section.tables
    assert [row[0] for row in hours.rows][:2] == ["generator", "fine-tuning"]
    assert [row[0] for row in prompts.rows] == ["generation", "sentiment", "topic", "intent", "sarcasm"]


def test_texts_of_the_student_that_is_taken_stand_in_their_direction_and_are_not_run(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    rows = [
        {"idx": idx, "lang": "he", "task": "topic", "text": f"<b>{idx} שלום</b>", "label": label, "source": source,
         "label_name": "כן" if label else None, "status": "ok"}
        for idx, (label, source) in enumerate([(0, "human"), (0, "synthetic"), (1, "synthetic"), (1, "synthetic")])
    ]  # fmt: skip
    written = put(shelf, "gen", "gen", "he", "topic", {}, examples=rows)
    test = put_test(shelf, "he", "topic")
    draws = put_sample(shelf, "he", "topic", "synthetic", written, {"all": 4})
    put_run(shelf, test, "he", "topic", method="linear", right=0.5, draw=draws["4/0"], source="synthetic", num_rows=4)
    shelf.flush()
    evaluate(Context(store=shelf.store), ("he", "topic"))
    context = Context(store=shelf.store)
    found = report.find(context, ReportConfig())
    (point,) = [point for point in found.points if point.method == "linear"]
    run = point.members[0].run
    assert examples.drawn_texts(shelf.store, [run, "no run"], num=1) == {run: [("0", "<b>1 שלום</b>")]}
    (section,) = parts._texts(context, choices(found.points, {}, found.resampled))
    assert section.texts[1] == SampleText(cell="he/topic", lang="he", label="כן", text="<b>2 שלום</b>")
    text = report_page.as_html(Page(title="T", found=found, sections=[section]), beside=None)
    assert '<td class="text" dir="auto" lang="he">&lt;b&gt;2 שלום&lt;/b&gt;</td>' in text


def test_a_page_that_is_too_large_has_its_rows_beside_it(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.html"
    assert report_page.write(page, path) == [path]
    whole = path.stat().st_size
    monkeypatch.setattr(report_page, "MOST_BYTES", whole - 1)
    assert report_page.write(page, path) == [path, tmp_path / "r.csv"]
    assert path.stat().st_size < whole
    assert '<a href="r.csv">r.csv</a>' in path.read_text("utf-8")
    assert (tmp_path / "r.csv").read_text("utf-8").count("\n") == len(page.found.points) + 1
    assert '<a href="a%20%23b.csv">a #b.csv</a>' in report_page.as_html(page, beside="a #b.csv")


def test_what_cannot_be_written_is_one_line(page: Page, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the page"):
        report_page.write(page, tmp_path / "file" / "r.html")


def test_no_points(page: Page) -> None:
    text = report_page.as_html(Page(title="T", found=Found(points=[], resampled=page.found.resampled)), beside=None)
    assert "No student was trained on synthetic rows." in text


def test_means_over_cells_stand_with_their_differences_and_break_even(page: Page) -> None:
    means = next(section for section in page.sections if section.title == "Means over cells")
    titles = [table.title for table in means.tables]
    assert titles == ["low, accuracy (languages: te)", "medium, accuracy (languages: sw)"]
    rows = [row for row in means.tables[0].rows if row[0] == "linear tfidf synthetic"]
    assert [(row[1], row[4], row[6]) for row in rows] == [("14", "45.0", "-15.0"), ("60", "65.0", "+5.0")]
    assert rows[0][8].startswith("42 (") and rows[0][8].endswith("to not reached by 60)")
    assert rows[1][8] == ""
    assert [row[8] for row in means.tables[0].rows if row[0].startswith("icl") and row[1] == "14"] == ["at most 14"]


def test_registers_of_costs_deviations_and_break_even_stand_on_it(page: Page) -> None:
    there = {section.title: section for section in page.sections}
    assert {"Break-even by cell", "Costs and carbon", "Data and model cards"} <= there.keys()
    assert "Deviations from the paper" not in there  # without the defaults of stages nothing can be said of them
    (curves,) = there["Break-even by cell"].tables
    assert {row[:2] for row in curves.rows} == {("topic", "te"), ("topic", "sw")}
    assert there["Costs and carbon"].tables[0].rows[-1][0] == "all"


def test_deviations_are_told_by_the_defaults_of_stages(page: Page, store: Store) -> None:
    (section, *_) = registers.registers(store, page.found, Register(defaults=defaults.of_all()))
    assert section.title == "Deviations from the paper" and section.tables[0].rows


def test_cards_are_linked_from_the_folder_of_the_page(page: Page, tmp_path: Path) -> None:
    (tmp_path / "my student").mkdir()
    card = tmp_path / "my student" / "README.md"
    card.touch()
    register = Register(cards=[card, tmp_path / "te topic.html"])
    (section,) = registers.cards(page.chosen, register, out=tmp_path / "pages" / "report.html")
    assert [(link.text, link.address) for link in section.links] == [
        ("my student", "../my%20student/README.md"),
        ("te topic", "../te%20topic.html"),
    ]
    assert section.tables[0].rows[0][1] == "sdc report data --lang sw --task topic --out sw-topic.html"
    text = report_page.as_html(Page(title="T", found=page.found, sections=[section]), beside=None)
    assert '<a href="../te%20topic.html">te topic</a>' in text


def test_what_was_measured_of_a_student_stands_beside_it(page: Page) -> None:
    never = PayOff(by_time=float("inf"), by_money=None)
    used = replace(page.chosen[0], practice=Practice(fit_s=12.0, text_s=0.04, num_bytes=2_500_000, pay_off=never))
    text = report_page.as_html(replace(page, chosen=[used]), beside=None)
    for shown in ("ms a text</th>", ">40<", ">2.5<", ">never<", "Not measured here: "):
        assert shown in text
    assert ">by money</th>" not in text and "pay-off by money (a price)." in text
