"""The paper's data, whole: counts and the profile that its README states, line by line."""

import csv
import re
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines import data
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import profile as data_profile
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.tasks import languages, load

#: A minute of work on an idle machine, most of it the search for leaks.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
_LINE = re.compile(
    r"^\| (?P<task>\w+) \| (?P<lang>\w\w) \| (\d+)/(\d+)/(\d+) \| (\d+)–(\d+) \| (\d+)/(\d+)/(\d+)"
    r" \| (\d+) \| (\d+) \| (\d+) \| (\d+)/(\d+) \|",
    re.M,
)


@pytest.fixture(scope="module")
def paper(paper_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, dict[str, Outcome]]:
    context = Context(store=Store(tmp_path_factory.mktemp("paper") / "store.duckdb"))
    outcomes = {outcome.summary["file"]: outcome for outcome in data.add_paper(context, paper_data)}
    return context, outcomes


def test_row_counts_and_the_one_empty_text(paper: tuple[Context, dict[str, Outcome]], paper_data: Path) -> None:
    context, outcomes = paper
    assert len(outcomes) == 57
    table = re.findall(
        r"^\| (\w+) \| (\w\w) \| (\d+)/(\d+)/(\d+) \|", (paper_data / "README.md").read_text("utf-8"), re.M
    )
    assert len(table) == 19
    for task, lang, test, human, synthetic in table:
        for kind, rows in (("test", test), ("train_human_parsed", human), ("train_full", synthetic)):
            assert outcomes[f"{task}/{lang}-{kind}.csv"].summary["rows"] == int(rows)
    odd = {name: o.summary["statuses"] for name, o in outcomes.items() if o.summary["ok"] != o.summary["rows"]}
    assert odd == {"sarcasm/en-train_human_parsed.csv": {"ok": 3467, "empty": 1}}
    empty = context.store.query("select idx, label, reason, text from examples where status = 'empty'")
    assert empty == [(1062, 0, "empty text", "")]
    # An independent reading of one file with quotes, commas and line breaks.
    with (paper_data / "sarcasm" / "en-test.csv").open(encoding="utf-8", newline="") as file:
        expected = [(row["text"], int(row["label"])) for row in csv.DictReader(file)]
    stored = context.store.query(
        "select text, label from examples where key = ? order by idx", [outcomes["sarcasm/en-test.csv"].key]
    )
    assert stored == expected


#: Two thirds of the time of all cells.
_LONGEST = ("az/sentiment", "de/sentiment", "ro/sentiment")


@pytest.mark.parametrize("left_out", [_LONGEST, pytest.param((), marks=pytest.mark.campaign)], ids=["most", "all"])
def test_the_lines_of_the_profile(
    paper: tuple[Context, dict[str, Outcome]], paper_data: Path, left_out: tuple[str, ...]
) -> None:
    context, _ = paper
    lines = list(_LINE.finditer((paper_data / "README.md").read_text("utf-8")))
    assert len(lines) == 19
    profiles = {}
    for line in lines:
        cell = Cell(language=languages.load(line["lang"]), task=load(line["task"]))
        if str(cell) in left_out:
            continue
        train, test, synthetic = data_profile.profile(context.store, data_profile.newest(context, cell))
        profiles[str(cell)] = (train, test, synthetic)
        measured = [
            test.rows, train.rows, synthetic.rows,
            min(synthetic.labels.values()), max(synthetic.labels.values()),
            test.duplicates, train.duplicates, synthetic.duplicates,
            test.found_in["train"], synthetic.found_in["train"], synthetic.found_in["test"],
            round(train.chars_median), round(synthetic.chars_median),
        ]  # fmt: skip
        assert measured == [int(number) for number in line.groups()[2:]], str(cell)
    assert profiles["te/intent"][2].found_in["train"] == 87

    def odd(cell: str, what: str) -> list[int]:
        return [profile.odd.get(next(n for n in data_profile.ODD if what in n), 0) for profile in profiles[cell][:2]]

    def majority(cell: str) -> float:
        return round(100 * profiles[cell][1].majority_rate, 1)

    assert odd("te/sentiment", "spreadsheet") == [128, 43]
    assert odd("en/sarcasm", "HTML") == [90, 19]
    assert [majority(cell) for cell in ("en/sarcasm", "sw/sentiment")] == [85.7, 73.7]
    assert [p.chars_max for p in profiles["sw/sentiment"][:2]] == [277, 274]
    if not left_out:
        assert odd("de/sentiment", "U+FFFD") == [79, 9]
        assert odd("az/sentiment", "carriage") == [2, 0]
        assert majority("de/sentiment") == 85.7
        assert [p.chars_max for p in profiles["de/sentiment"][:2]] == [15575, 12036]
