"""`sdc eval` and `sdc report` as they are typed."""

import csv
import io
import json
from pathlib import Path

import program
import pytest
from typer.testing import Result

from sdc.cache.key import digest
from sdc.cache.store import Artifact, Store

TEST, RUN = digest("test"), digest("run")


def sdc(*arguments: str, store: Path) -> Result:
    return program.sdc([*arguments, "--store", str(store)])


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """One zero-shot run on en/sentiment that answers by number, not evaluated yet."""
    gold = [0, 1, 1, 1]
    about = {"lang": "en", "task": "sentiment"}
    examples = [
        {"idx": i, **about, "text": "x", "label": label, "source": "human", "split": "test", "status": "ok"}
        for i, label in enumerate(gold)
    ]
    run = {
        **about, "method": "icl", "model": "m", "num_rows": 0, "num_shots": 0, "decoding": "generate", "setting": "s",
        "test_key": TEST, "status": "ok",
    }  # fmt: skip
    outputs = [{"idx": i, "reply": str(label + 1)} for i, label in enumerate(gold)]
    path = tmp_path / "store.duckdb"
    data = Artifact(key=TEST, stage="data", version=1, lang="en", task="sentiment", config={}, inputs=())
    icl = Artifact(key=RUN, stage="icl", version=1, lang="en", task="sentiment", config={}, inputs=(TEST,))
    Store(path).put_many([(data, {"examples": examples}), (icl, {"runs": [run], "outputs": outputs})])
    return path


def test_formats(filled: Path) -> None:
    assert sdc("eval", RUN[:12], store=filled).exit_code == 0
    rows = json.loads(sdc("report", "--format", "json", store=filled).stdout)
    assert [(row["method"], row["mean"]) for row in rows] == [("majority", 0.75), ("icl", 1.0)]
    text = sdc("report", "--format", "csv", store=filled).stdout
    assert [row["method"] for row in csv.DictReader(io.StringIO(text))] == ["majority", "icl"]
    assert "| sentiment | en | icl | m |" in sdc("report", "--format", "md", store=filled).stdout
    assert r"\toprule" in sdc("report", "--format", "latex", store=filled).stdout
    assert "100.0 " in sdc("report", store=filled).stdout


def test_a_file_gets_the_format_of_its_name(filled: Path, tmp_path: Path) -> None:
    assert sdc("eval", RUN[:12], store=filled).exit_code == 0
    for name, start in (
        ("r.md", "accuracy in %"), ("r.csv", "task,lang"), ("r.json", "[\n"), ("r.tex", "% accuracy"),
        ("r.txt", "accuracy"),
    ):  # fmt: skip
        done = sdc("report", "--out", str(tmp_path / name), store=filled)
        assert (done.exit_code, done.stdout) == (0, ""), done.stderr
        assert f"Written to {tmp_path / name}" in done.stderr
        assert (tmp_path / name).read_text("utf-8").lstrip().startswith(start), name
    sdc("report", "--out", str(tmp_path / "any.name"), "--format", "json", store=filled)
    assert json.loads((tmp_path / "any.name").read_text("utf-8"))[0]["method"] == "majority"
    loop = tmp_path / "loop.md"
    loop.symlink_to(loop)
    for arguments, message in (
        (("--out", str(tmp_path / "other.name")), "the name does not say a format: 'other.name'"),
        (("--out", str(tmp_path / "none" / "r.md")), "there is no folder for this file"),
        (("--out", str(loop)), "symbolic links; name another file with --out"),
        (("--csv-safe", "--out", str(tmp_path / "r.md")), "only --format csv is CSV"),
    ):
        refused = sdc("report", *arguments, store=filled)
        assert refused.exit_code == 2 and message in refused.stderr
    assert sdc("report", "--csv-safe", "--out", str(tmp_path / "r.csv"), store=filled).exit_code == 0


def test_cells_and_keys(filled: Path) -> None:
    key = sdc("eval", "--lang", "en", "--task", "sentiment", store=filled).stdout.strip()
    assert "100.0" in sdc("report", key, store=filled).stdout
    assert "100.0" in sdc("report", "--lang", "en", store=filled).stdout
    assert "100.0" in sdc("report", "--task", "all", "--by", "task,method", store=filled).stdout
    assert sdc("report", "--lang", "te", store=filled).exit_code == 5


def test_audit(filled: Path) -> None:
    rows = json.loads(sdc("report", "--audit", "--format", "json", store=filled).stdout)
    assert [(row["strict"], row["paper-code"], row["disagree"]) for row in rows] == [("100.0", "0.0", "4")]
    assert rows[0]["commonest disagreement"] == '"2": positive / unparsed'


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["report"], 5, "none is evaluated; run `sdc eval --lang en --task sentiment`"),
        (["report", "--reader", "paper-code"], 5, "run `sdc eval --lang en --task sentiment --reader paper-code`"),
        (["report", "--format", "xml"], 2, "unknown format 'xml'"),
        (["report", "--by", "moon"], 2, "cannot group by 'moon'"),
        (["report", RUN[:12]], 2, "is of stage icl, wanted eval"),
        (["report", "--lang", "xx"], 2, "unknown language 'xx'"),
        (["eval", "--lang", "te"], 5, "nothing of --lang te --task all is there"),
        (["eval", TEST[:12]], 2, "is of stage data, wanted train or icl"),
        (["eval", RUN[:12], "--reader", "scores"], 2, "none of these runs has scores"),
        (["eval", "--lang", "te", "--task", "topic"], 5, "no runs of te/topic"),
    ],
)
def test_bad_input(filled: Path, arguments: list[str], code: int, message: str) -> None:
    done = sdc(*arguments, store=filled)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr.splitlines()[-1]
