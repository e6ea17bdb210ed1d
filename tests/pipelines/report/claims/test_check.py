"""Claims against stores: numbers, their runs and queries, verdicts by interval; those of the paper: `test_verdicts`."""

import math
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from report_store import EVERY, evaluate, fill

from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig
from sdc.pipelines.report.claims import claim, formats
from sdc.pipelines.report.claims.check import CANNOT_TELL, DOES_NOT, HOLDS, NOT_RUN, CheckedClaim, check, verdict
from sdc.pipelines.report.claims.claim import Claim
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.report.statistics.resampling import Interval
from sdc.pipelines.stage import Context

Simulated = Callable[..., tuple[Context, Found]]
_CHECKED: dict[tuple[str, ...], dict[str, CheckedClaim]] = {}


def _checked(simulated: Simulated, *broken: str) -> dict[str, CheckedClaim]:
    context, found = simulated(*broken)
    if broken not in _CHECKED:
        _CHECKED[broken] = {checked.claim.id: checked for checked in check(context.store, found, claim.load())}
    return _CHECKED[broken]


def test_a_number_says_what_is_in_it(simulated: Simulated) -> None:
    found = _checked(simulated)["C4.finetune"]
    assert (found.runs, found.cells, found.of_cells, found.rows) == (9, 3, 15, "400-2000")
    assert found.interval is not None
    assert found.interval.covers == "runs and test rows"
    assert [panel.name for panel in _checked(simulated)["C9.low-medium"].panels] == ["low", "medium"]


def test_the_query_shows_the_runs_behind_a_number(simulated: Simulated) -> None:
    context, _ = simulated()
    found = _checked(simulated)["C9.high"]
    rows = context.store.query(found.query.removeprefix('sdc store sql "').removesuffix('"'))
    assert {row[4] for row in rows} == {"human", "synthetic"}
    at_400 = [row for row in rows if row[7] == "accuracy" and row[5] in (399, 400) and row[4] == "human"]
    assert sum(row[8] for row in at_400) == found.runs


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(4, 6, HOLDS), (3, 7, HOLDS), (2, 6, CANNOT_TELL), (6, 8, CANNOT_TELL), (0, 2.9, DOES_NOT), (7.1, 9, DOES_NOT),
     (5, math.inf, CANNOT_TELL), (8, math.inf, DOES_NOT), (0, 10, CANNOT_TELL)],
)  # fmt: skip
def test_the_verdict_goes_by_the_whole_interval(low: float, high: float, says: str) -> None:
    about = Claim(id="x", where="", text="", statistic="difference", low=3, high=7, about=PointSelection())
    assert verdict(Interval(estimate=low, low=low, high=high, covers="rows"), about) == says


def _of_hand(tmp_path: Path, text: str) -> CheckedClaim:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    path = tmp_path / "mine.toml"
    path.write_text(f'[[claims]]\nid = "mine"\n{text}', "utf-8")
    return check(context.store, report.find(context, ReportConfig()), claim.load(path))[0]


def test_numbers_of_a_store_that_was_filled_by_hand(tmp_path: Path) -> None:
    # Of 70 rows in tens the generator has 6 of 10 right, two runs of the student on 60 synthetic rows 6 and 7.
    found = _of_hand(
        tmp_path,
        'statistic = "difference"\nexpected = [-50, 50]\ntask = "topic"\nmethod = "linear"\nsource = "synthetic"\n'
        'size = "all"',
    )
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx(5)
    assert (found.verdict, found.runs, found.cells, found.rows) == (HOLDS, 4, 2, "60")


def test_human_rows_minus_synthetic_ones(tmp_path: Path) -> None:
    found = _of_hand(
        tmp_path,
        'statistic = "contrast"\nexpected = 100\nagainst = { source = "synthetic" }\ntask = "topic"\n'
        'method = "linear"\nsource = "human"\nsize = "all"',
    )
    assert found.interval is not None
    assert found.interval.estimate == pytest.approx(15)
    assert found.verdict == DOES_NOT


def test_rates_count_runs_that_broke_off(tmp_path: Path) -> None:
    found = _of_hand(
        tmp_path, 'statistic = "broke_off"\nexpected = 25\ntolerance = 50\nmethod = "finetune"\nsize = "all"'
    )
    assert found.interval is not None
    assert found.interval.estimate == 25  # one of four
    assert 0 < found.interval.low < 25 < found.interval.high < 75


def test_what_is_not_there_was_not_run(tmp_path: Path) -> None:
    found = _of_hand(tmp_path, 'statistic = "score"\nexpected = 1\nmethod = "lora"')
    assert (found.verdict, found.interval, found.runs) == (NOT_RUN, None, 0)
    assert formats.table([found]).rows[0][1] == NOT_RUN
    assert formats.records([found])[0]["estimate"] is None


def test_the_papers_claims_are_fifteen_and_say_where_they_stand() -> None:
    claims = claim.load()
    assert sorted({int(one.id.split(".")[0][1:]) for one in claims}) == list(range(1, 16))
    assert all(one.where and one.text and one.low <= one.high for one in claims)
    up_to_5 = next(one for one in claims if one.id == "C7.generator")
    assert (up_to_5.over, up_to_5.low, up_to_5.high) == ("max", 3, 7)
    assert len(tomllib.loads(claim.BUNDLED.read_text("utf-8"))["claims"]) == len(claims)
