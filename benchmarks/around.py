"""What sdc takes around its models, beside what others need for the same: `python benchmarks/around.py DATA`.

DATA is a folder in the layout of the paper's repository. In one run, each part as processes of its own, in user CPU
seconds with one thread, start-up and imports included:

- `data`: `sdc data add --paper DATA`, beside a script that reads the same files with polars and puts the same rows into
  a table with DuckDB (`pip install polars`; without it there is no peer). The script looks for no row that cannot be
  used, no test row among train rows and no duplicate, and makes no key. The target is about this one. A second script
  (`checked_peer_s`) does of that what polars does by itself: empty texts, label ids that are not their names, a sha256
  of the rows, duplicates, test texts that stand word for word among train rows; but for case and white space. Neither
  finds what stands there nearly, which sdc does.
- `fits`: 280 fits of the linear student through `sdc sample`, `train` and `eval`, beside the bare fits on the same
  draws: the rows' products, their eigenvectors, and scikit-learn's regression on as many columns as there are rows.
- `gates`: synthetic rows a second through all gates of all cells, with what the gates take to learn from people's rows.
- `hit`: which libraries a command imports whose result is there.

Exits with 1 if a target is missed: twice the peer, 1.3 times the bare fits, 2,000 rows a second, no library of
`UNWANTED`. `--part` measures one of them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MOST_DATA, MOST_FITS, LEAST_ROWS = 2.0, 1.3, 2000
TASKS, LANG = ("intent", "topic"), "te"
CELLS = ["--lang", LANG, "--task", ",".join(TASKS)]
SIZES, REPEATS = "20,50,100,150,200,300,400", 20
UNWANTED = ("pydantic", "langcodes", "numpy", "pyarrow", "scipy", "sklearn", "pandas", "torch", "transformers", "regex")
_IMPORTED = f"""
import sys
from sdc.cli.main import main
try:
    main()
except SystemExit:
    print("imported:", *sorted(set({UNWANTED!r}) & set(sys.modules)), file=sys.stderr)
"""


def cpu(command: Sequence[str], store: Path | None = None) -> tuple[float, str, str]:
    """Returns user CPU seconds, stdout and stderr of a program."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "SDC_STORE": str(store)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([*command], env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, done.stdout, done.stderr


def sdc(*arguments: str) -> list[str]:
    """Returns the command line of an sdc command."""
    return [sys.executable, "-m", "sdc", *arguments]


def child(part: str, *arguments: str) -> list[str]:
    """Returns the command line of a part that this program computes in a process of its own."""
    return [sys.executable, __file__, "--child", part, *arguments]


# -- data ------------------------------------------------------------------------------------------------------------


def data(folder: Path, work: Path) -> tuple[dict[str, Any], bool]:
    """Returns the figures of `data add`, and whether the target is met."""
    ours = cpu(sdc("data", "add", "--paper", str(folder)), work / "data.duckdb")[0]
    found: dict[str, Any] = {"sdc_s": round(ours, 2)}
    if find_spec("polars") is None:
        return found | {"peer_s": None, "note": "polars is not installed"}, True
    peer, rows, _ = cpu(child("data", str(folder), str(work / "peer.duckdb")))
    checked, _, _ = cpu(child("checked", str(folder), str(work / "checked.duckdb")))
    return found | {
        "peer_s": round(peer, 2),
        "ratio": round(ours / peer, 2),
        "checked_peer_s": round(checked, 2),
        "checked_ratio": round(ours / checked, 2),
        "rows": int(rows),
    }, ours <= MOST_DATA * peer


def checked_peer(folder: str, store: str) -> None:
    """Does what `peer_data` does, and looks for what polars finds by itself."""
    peer_data(folder, store, is_checked=True)


def peer_data(folder: str, store: str, *, is_checked: bool = False) -> None:
    """Reads all files with polars, and puts their rows into a table like `examples` with DuckDB."""
    import duckdb
    import polars as pl

    folded: dict[tuple[str, str, str], Any] = {}
    con = duckdb.connect(store, config={"threads": 1})
    con.execute(
        """create table examples (key varchar, idx integer, lang varchar, task varchar, text varchar, label integer,
        label_name varchar, source varchar, split varchar, status varchar, reason varchar, origin varchar)"""
    )
    rows = 0
    for path in sorted(Path(folder).glob("*/*-*.csv")):
        lang, _, kind = path.stem.partition("-")
        frame = pl.read_csv(path, infer_schema_length=0).with_row_index("idx")
        texts = {
            "lang": lang,
            "task": path.parent.name,
            "source": kind,
            "split": kind,
            "status": "ok",
            "key": path.stem,
        }
        frame = frame.select(
            pl.col("idx").cast(pl.Int32),
            "text",
            pl.col("label").cast(pl.Int32),
            (pl.col("intent") if "intent" in frame.columns else pl.lit(None, pl.String)).alias("label_name"),
            *(pl.lit(text).alias(column) for column, text in texts.items()),
            *(pl.lit(None, pl.String).alias(column) for column in ("reason", "origin")),
        )
        if is_checked:
            frame, folded[path.parent.name, lang, kind] = _checked(frame)
        con.execute("insert into examples by name select * from frame")
        rows += len(frame)
    for (task, lang, kind), texts in folded.items():
        if kind != "test":
            test = folded[task, lang, "test"]
            test.join(texts.unique(), on="text", how="semi")
    con.close()
    print(rows)


def _checked(frame: Any) -> tuple[Any, Any]:
    """Returns rows of a file with their statuses and their digest as key, and their texts as they are compared."""
    import hashlib

    import polars as pl

    text = pl.col("text").fill_null("").str.normalize("NFC").str.to_lowercase()
    folded = frame.select(text.str.replace_all(r"\s+", " ").str.strip_chars())
    names = frame.group_by("label").agg(pl.col("label_name").drop_nulls().mode().first().alias("usual"))
    frame = frame.join(names, on="label", how="left", maintain_order="left")
    is_labelled = pl.col("label").is_not_null() & (pl.col("label_name") == pl.col("usual")).fill_null(True)
    status = pl.when(folded["text"] == "").then(pl.lit("empty")).when(is_labelled).then(pl.lit("ok"))
    frame = frame.with_columns(status.otherwise(pl.lit("unlabelled")).alias("status")).drop("usual")
    folded.n_unique()  # the others are duplicates
    lines = frame.select(pl.concat_str(["text", "label", "status"], separator="\x1f", ignore_nulls=True))
    key = hashlib.sha256("\x1e".join(lines.to_series().to_list()).encode()).hexdigest()
    return frame.with_columns(pl.lit(key).alias("key")), folded


# -- fits ------------------------------------------------------------------------------------------------------------


def fits(folder: Path, work: Path) -> tuple[dict[str, Any], bool]:
    """Returns the figures of 280 fits through three commands, and whether the target is met."""
    store = work / "fits.duckdb"
    for task in TASKS:
        for split, kind in (("train", "train_human_parsed"), ("test", "test")):
            path = folder / task / f"{LANG}-{kind}.csv"
            cpu(sdc("data", "add", str(path), "--lang", LANG, "--task", task, "--split", split), store)
    sample = ["sample", *CELLS, "--source", "human", "--sizes", SIZES, "--repeats", str(REPEATS)]
    steps = {
        step[0]: cpu(sdc(*step), store)[0]
        for step in (sample, ["train", *CELLS, "--method", "linear"], ["eval", *CELLS])
    }
    bare, said, _ = cpu(child("fits", str(store)))
    about = json.loads(said)
    through = sum(steps.values())
    found = {name: round(seconds, 2) for name, seconds in steps.items()}
    found |= {"sdc_s": round(through, 2), "bare_s": round(bare, 2), "ratio": round(through / bare, 2), **about}
    return found, through <= MOST_FITS * bare


def bare_fits(store: str) -> None:
    """Fits every draw of a store with scikit-learn alone, on the eigenvectors of the rows' products, and tests it."""
    import duckdb
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression

    con, accuracies = duckdb.connect(store, read_only=True), []
    usable = "select idx, text, label from examples where task = ? and split = ? and status = 'ok' order by idx"
    for task in TASKS:
        train, test = (con.execute(usable, [task, split]).fetchall() for split in ("train", "test"))
        counting = CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), dtype="float64")
        counts_NV = counting.fit_transform([text for _, text, _ in (*train, *test)])
        gold_T, labels = np.array([label for *_, label in test]), np.array([label for *_, label in train])
        row_of = {idx: row for row, (idx, *_) in enumerate(train)}
        for (members,) in con.execute(
            "select any_value(members) from draws where task = ? group by draw", [task]
        ).fetchall():
            rows = [row_of[idx] for idx in members]
            counts_DV = counts_NV[rows]
            columns_F = np.flatnonzero(np.bincount(counts_DV.indices, minlength=counts_DV.shape[1]) >= 1)
            weighting = TfidfTransformer(sublinear_tf=True)
            features_DF = weighting.fit_transform(counts_DV[:, columns_F])
            values, vectors = np.linalg.eigh((features_DF @ features_DF.T).toarray())
            kept = values > 1e-10 * values[-1]
            roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
            fitted = LogisticRegression(C=10, max_iter=1000).fit(vectors * roots, labels[rows])
            weights_FL = features_DF.T @ (vectors / roots @ fitted.coef_.T)
            scores_TL = weighting.transform(counts_NV[len(train) :, columns_F]) @ weights_FL + fitted.intercept_
            accuracies.append(float((fitted.classes_[scores_TL.argmax(axis=1)] == gold_T).mean()))
    ours = con.execute("select count(*), avg(value) from metrics where metric = 'accuracy'").fetchall()[0]
    print(json.dumps({"fits": len(accuracies), "bare_accuracy": round(float(np.mean(accuracies)), 4),
                      "sdc_fits": ours[0], "sdc_accuracy": round(ours[1], 4)}))  # fmt: skip


# -- gates -----------------------------------------------------------------------------------------------------------


def gates(folder: Path, work: Path) -> tuple[dict[str, Any], bool]:
    """Returns the figures of the gates, and whether the target is met."""
    found = json.loads(cpu(child("gates", str(folder)))[1])
    return found, found["rows_a_second"] >= LEAST_ROWS


def all_gates(folder: str) -> None:
    """Judges the synthetic rows of all cells by gates, as `sdc judge` does."""
    from gates import load  # the folder of this script is where Python looks first

    from sdc.pipelines import gates as the_gates

    cells = list(load(Path(folder), ()))
    rejected = rows = 0
    start = time.process_time()
    for files in cells:
        texts = [text for text, _ in files.rows["synthetic"]]
        check = the_gates.build(files.cell, files.texts("human"), files.texts("test"))
        check.read_ahead(texts)
        for text in texts:
            if check(text) is None:
                check.accept(text)
            else:
                rejected += 1
        rows += len(texts)
    seconds = time.process_time() - start
    print(
        json.dumps(
            {"rows": rows, "rejected": rejected, "cpu_s": round(seconds, 2), "rows_a_second": round(rows / seconds)}
        )
    )


# -- a hit -----------------------------------------------------------------------------------------------------------


def hit(folder: Path, work: Path) -> tuple[dict[str, Any], bool]:
    """Returns what a cached `sdc sample` takes and imports, and whether that is nothing unwanted."""
    store = work / "hit.duckdb"
    path = folder / TASKS[0] / f"{LANG}-train_human_parsed.csv"
    cpu(sdc("data", "add", str(path), "--lang", LANG, "--task", TASKS[0], "--split", "train"), store)
    command = ["sample", "--lang", LANG, "--task", TASKS[0], "--source", "human", "--sizes", "20", "--repeats", "2"]
    cpu(sdc(*command), store)
    seconds, _, said = cpu([sys.executable, "-c", _IMPORTED, *command], store)
    imported = said.rpartition("imported:")[2].split()
    return {"command": f"sdc {command[0]}", "sdc_s": round(seconds, 2), "imported": imported}, not imported


PARTS: Mapping[str, Callable[[Path, Path], tuple[dict[str, Any], bool]]] = {
    "data": data, "fits": fits, "gates": gates, "hit": hit,
}  # fmt: skip
_CHILDREN: Mapping[str, Callable[..., None]] = {
    "data": peer_data,
    "checked": checked_peer,
    "fits": bare_fits,
    "gates": all_gates,
}


def main() -> None:
    """Measures all parts."""
    if sys.argv[1:2] == ["--child"]:
        _CHILDREN[sys.argv[2]](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in the layout of the paper's data")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; repeatable")
    options = parser.parse_args()
    results, missed = {}, []
    for name in options.part or PARTS:
        with tempfile.TemporaryDirectory() as work:
            results[name], is_met = PARTS[name](options.data, Path(work))
        missed += [] if is_met else [name]
        shown = "  ".join(f"{key} {value}" for key, value in results[name].items())
        print(f"{name:<6} {'ok' if is_met else 'MISSED':<7} {shown}", flush=True)
    print(json.dumps({"benchmark": "around", "results": results, "missed": missed}))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
