"""The statistics commands of `sdc report` as they are typed: formats, flags, what they say where nothing is there."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import program
import pytest
from report_store import TEACHER, fill_evaluated, fill_more


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(tmp_path_factory.mktemp("statistics")) / "s.duckdb"
    fill_evaluated(path)
    return path


def _csv(store: Path, *arguments: str) -> list[dict[str, str]]:
    found = program.sdc(["report", *arguments, "--store", str(store), "--format", "csv"])
    assert found.exit_code == 0, found.stderr
    return list(csv.DictReader(io.StringIO(found.stdout)))


def test_break_even(store: Path) -> None:
    rows = _csv(store, "break-even", "--task", "topic", "--by", "lang")
    assert {row["lang"] for row in rows} == {"te", "sw"}
    synthetic = [row for row in rows if (row["method"], row["source"]) == ("linear", "synthetic")]
    assert [row["high"] for row in synthetic] == ["never", "never"]
    shown = program.sdc(["report", "break-even", "--store", str(store), "--task", "topic", "--by", ""])
    assert "never" in shown.stdout
    assert "lang" not in shown.stdout.splitlines()[2]


def test_gap_and_failed(store: Path) -> None:
    (topic,) = _csv(store, "gap", "--task", "topic", "--by", "")
    assert topic["human_minus_synthetic"] == "15.0"
    assert sum(int(row["broke_off"]) for row in _csv(store, "failed", "--lang", "te")) == 1


def test_whom_to_reach_is_named(store: Path) -> None:
    words = ["report", "break-even", "--store", str(store), "--by", ""]
    done = program.sdc([*words, "--reference", "nobody"])
    assert (done.exit_code, "no student has rows and a generator to reach" in done.stderr) == (5, True)
    assert program.sdc([*words, "--reference", TEACHER]).stdout == program.sdc(words).stdout
    gap = [_csv(store, "gap", "--by", "", "--task", "topic", *more)[0]["closed"] for more in ([], ["--reference", "x"])]
    assert gap == ["25.0", ""]


@pytest.mark.parametrize("command", ["gap", "break-even", "failed", "compare", "compare source=human source=synthetic"])
def test_a_terminal_of_80_columns_has_a_row_a_line(store: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = program.sdc(["report", *command.split(), "--store", str(store)]).stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if "─" in line or "━" in line)
    assert at <= 8 and max(map(len, lines)) <= 80
    assert len(_csv(store, *command.split())) == sum(1 for line in lines[at + 1 :] if line.strip())


_EVERY = ("gap", "break-even", "failed", "compare", "compare source=human source=synthetic", "costs", "deviations",
          "claims", "generators", "variance")  # fmt: skip


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that every command has something to say of."""
    path = Path(tmp_path_factory.mktemp("more")) / "s.duckdb"
    fill_more(path)
    return path


@pytest.mark.parametrize("command", _EVERY)
def test_every_format_has_the_same_numbers(more: Path, command: str) -> None:
    pandas = pytest.importorskip("pandas")
    form = {
        name: program.sdc(["report", *command.split(), "--store", str(more), "--format", name]).stdout
        for name in ("csv", "json", "md", "latex")
    }
    rows, records = list(csv.DictReader(io.StringIO(form["csv"]))), json.loads(form["json"])
    assert len(rows) == len(records) > 0
    for row, record in zip(rows, records, strict=True):
        for name, value in record.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            assert float(row[name]) == value if is_number else row[name] == ("" if value is None else str(value))
    assert len(pandas.read_csv(io.StringIO(form["csv"]))) == len(pandas.read_json(io.StringIO(form["json"])))
    assert sum(line.startswith("| ") for line in form["md"].splitlines()) == len(records) + 1
    assert sum(line.endswith("\\\\") for line in form["latex"].splitlines()) == len(records) + 1


@pytest.mark.slow
def test_latex_takes_every_table(more: Path, tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no LaTeX here: apt-get install texlive-latex-base")
    words = ["--store", str(more), "--format", "latex"]
    tables = [program.sdc(["report", *command.split(), *words]).stdout for command in _EVERY]
    assert any(r"$\leq$" in table for table in tables)
    head = r"\documentclass{article}\usepackage{booktabs,longtable}\usepackage[T1]{fontenc}\begin{document}\tiny"
    (tmp_path / "t.tex").write_text("\n\n".join([head, *tables, r"\end{document}"]), "utf-8")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("command", ["gap --by task", "deviations", "costs", "claims C4", "break-even --by task"])
def test_a_file_gets_what_stdout_would(store: Path, tmp_path: Path, command: str) -> None:
    words = ["report", *command.split(), "--store", str(store)]
    done = program.sdc([*words, "--out", str(tmp_path / "t.md")])
    assert (done.stdout, "Written to" in done.stderr) == ("", True), done.stderr
    assert (tmp_path / "t.md").read_text("utf-8") == program.sdc([*words, "--format", "md"]).stdout != ""


def test_compare(store: Path) -> None:
    rows = _csv(
        store, "compare", "method=linear,source=synthetic", f"method=icl,model={TEACHER},shots=0", "--by", "task"
    )
    assert {row["task"] for row in rows} == {"topic", "sarcasm"}
    assert {row["draws"] for row in rows} == {"equal"}
    wrong = program.sdc(["report", "compare", "linear", "method=icl", "--store", str(store)])
    assert (wrong.exit_code, "'linear' says no results" in wrong.stderr) == (2, True)
    half = program.sdc(["report", "compare", "method=linear", "--store", str(store)])
    assert (half.exit_code, "there is only A" in half.stderr) == (2, True)
    nothing = program.sdc(["report", "compare", "method=lora", "method=icl,shots=0", "--store", str(store)])
    assert (nothing.exit_code, "no cell has results of both" in nothing.stderr) == (5, True)


def test_compare_without_names_is_every_two_students(store: Path) -> None:
    rows = _csv(store, "compare", "--task", "topic")
    assert [(row["group"], row["method"], row["source"]) for row in rows] == [
        ("low", "finetune vs icl", "synthetic"), ("low", "finetune vs linear", "synthetic"),
        ("low", "icl vs linear", "synthetic"), ("medium", "finetune vs linear", "synthetic"),
    ]  # fmt: skip
    assert {row["lang"] for row in _csv(store, "compare", "--by", "lang")} == {"te", "sw"}  # sarcasm has one student


def test_variance_says_how_such_a_grid_is_made(store: Path) -> None:
    found = program.sdc(["report", "variance", "--store", str(store)])
    assert (found.exit_code, "sdc run variance" in found.stderr) == (5, True)


def test_costs(store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDC_SITES", str(tmp_path / "sites.toml"))
    (tmp_path / "sites.toml").write_text('[here]\nexecutor = "local"\nkg_co2e_per_kwh = 0.1\n', "utf-8")
    found = program.sdc(["report", "costs", "--store", str(store), "--format", "json", "--on", "here"])
    records = json.loads(found.stdout)
    assert [record["stage"] for record in records][-1] == "all"
    assert records[-1]["energy_kwh"] is None
    assert program.sdc(["report", "costs", "--store", str(store), "--on", "there"]).exit_code == 2
    assert program.sdc(["report", "costs", "--store", str(tmp_path / "none.duckdb")]).exit_code == 3


def test_deviations(store: Path) -> None:
    rows = _csv(store, "deviations", "--lang", "te")
    assert ("linear", "method", "not in the paper") in {(row["stage"], row["setting"], row["paper"]) for row in rows}
    assert {row["kind"] for row in rows} == {"setting", "open"}


def test_generators_needs_two(store: Path) -> None:
    found = program.sdc(["report", "generators", "--store", str(store)])
    assert (found.exit_code, "no cell has two generations" in found.stderr) == (5, True)
    found = program.sdc(["report", "generators", "--store", str(store), "--lang", "te", "--task", "topic"])
    assert (found.exit_code, "no generations of te/topic" in found.stderr) == (5, True)  # this one has no rows


@pytest.mark.parametrize("command", ["claims", "break-even", "gap", "failed", "variance", "costs", "deviations"])
def test_formats_are_checked_before_anything_is_read(command: str, tmp_path: Path) -> None:
    found = program.sdc(["report", command, "--format", "xml", "--store", str(tmp_path / "none.duckdb")])
    assert (found.exit_code, "unknown format 'xml'" in found.stderr) == (2, True)
