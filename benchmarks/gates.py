"""Measures the gates of the judge: `python benchmarks/gates.py DATA`, DATA in the layout of the paper's data.

Per cell: how many synthetic and human rows each gate flags (every gate, not the first one only), how many of the rows
that are visibly broken are flagged (`broken_rows.toml`; for other cells the number in the README of DATA), whether all
copies of human rows are found, and how long it takes.

The gates of a cell know all its human train rows and test rows. Human rows meet the gates that look at a text alone;
those that compare (copy, test, duplicate) are about synthetic rows, and a human row would be found to be itself. Train
rows set the norm of their cell (up to 2,000 of them); test rows do not. The same is then measured with gates that know
ten human rows per label only, as users have: the mean over files and draws, and the worst (`--ten-only` measures
nothing else). No row sets the limit that it is judged by: human rows are also measured by gates that know the other
four fifths of their file (`held out`), and the rows shown to gates that know ten per label are none of those.

With `--related FOLDER` (files `tur_Latn-test.tsv` with a column `text`, as of SIB-200), sentences of languages that are
close to that of a cell are measured, too: the share that the gates refuse with all human rows, and with ten per label.

Exits with 1 if a target is missed: 95 % of the broken rows, all copies, at most 1 % of the human rows of each file.
"""

import argparse
import csv
import json
import random
import re
import statistics
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gates_alone import ALONE, Alone  # the folder of this script is where Python looks first

from sdc.pipelines import gates, tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.folding import fold

KINDS = {"synthetic": "train_full", "human": "train_human_parsed", "test": "test"}
LEAST_BROKEN, MOST_HUMAN = 0.95, 0.01
PER_LABEL = 10
#: Parts of a file that are held out in turn, and how many rows of one part or draw are shown to the gates.
FOLDS, MOST_SHOWN = 5, 1500
#: Gates that see what the README of the data counts as visibly broken.
FORM = ("characters", "chatter", "separator", "glued", "script")
COMPARING = [name for name, gate in gates.GATES.items() if gate.compares]
_LINE = re.compile(r"^\| (\w+) \| ([\w-]+) \|.*\| (\d+) \([\d.]+%\) \|$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Files:
    """The rows of a cell: (text, label name) by kind."""

    cell: Cell
    rows: dict[str, list[tuple[str, str]]]

    def texts(self, kind: str) -> list[str]:
        """Returns the texts of a kind that are not empty."""
        return [text for text, _ in self.rows[kind] if text.strip()]


def load(data: Path, only: Sequence[str]) -> Iterable[Files]:
    """Yields the cells of a folder that have all three files."""
    for path in sorted(data.glob("*/*-train_full.csv")):
        task, lang = path.parent.name, path.name.removesuffix("-train_full.csv")
        paths = {kind: path.with_name(f"{lang}-{name}.csv") for kind, name in KINDS.items()}
        if all(p.is_file() for p in paths.values()) and (not only or f"{task}/{lang}" in only):
            cell = Cell(language=languages.load(lang), task=tasks.load(task))
            yield Files(cell=cell, rows={kind: read(p) for kind, p in paths.items()})


def read(path: Path) -> list[tuple[str, str]]:
    """Returns (text, label) of a file, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row.get("intent") or row["label"]) for row in csv.DictReader(file)]


def flags(flag: Alone, texts: Sequence[str]) -> dict[str, Any]:
    """Returns how many texts each gate flags, and how many any does."""
    flag.read_ahead(texts)
    found = [flag(text) for text in texts]
    counts = Counter(name for names in found for name in names)
    return {"rows": len(texts), "any": sum(map(bool, found)), "gates": dict(counts)}


def synthetic(files: Files, known: dict[str, Any]) -> dict[str, Any]:
    """Returns what the gates say about the synthetic rows, in their order, as the judge runs them."""
    start, cpu = time.perf_counter(), time.process_time()
    check = gates.build(files.cell, files.texts("human"), files.texts("test"))
    built_s = time.process_time() - cpu
    reasons: list[dict[str, str]] = []
    check.read_ahead([text for text, _ in files.rows["synthetic"]])
    for text, _ in files.rows["synthetic"]:
        reasons.append(check.all_reasons(text))
        if not reasons[-1]:
            check.accept(text)
    counts = Counter(name for found in reasons for name in found)
    human = {fold(text) for text in files.texts("human")}
    copies = [i for i, (text, _) in enumerate(files.rows["synthetic"]) if fold(text) in human]
    measured = {
        "rows": len(reasons),
        "any": sum(map(bool, reasons)),
        "broken_form": sum(any(name in FORM for name in found) for found in reasons),
        "gates": dict(counts),
        "copies": len(copies),
        "copies_found": sum("copy" in reasons[i] for i in copies),
        "build_cpu_s": round(built_s, 2),
        "ms_per_row": round(1000 * (time.process_time() - cpu - built_s) / max(1, len(reasons)), 3),
        "seconds": round(time.perf_counter() - start, 1),
    }
    if known.get("rows") == len(reasons):
        alone_found = [any(name in ALONE for name in found) for found in reasons]
        for name in ("counted", "more"):
            rows = known.get(name, [])
            measured[name] = len(rows)
            measured[f"{name}_found"] = sum(alone_found[i] for i in rows)
            measured[f"{name}_missed"] = [i for i in rows if not alone_found[i]]
    return measured


def held_out(files: Files) -> dict[str, Any]:
    """Returns what gates flag of the human train rows that know all of the file but the fifth which they are shown."""
    texts = files.texts("human")
    counts: list[dict[str, Any]] = []
    for number in range(FOLDS):
        known = [text for i, text in enumerate(texts) if i % FOLDS != number]
        shown = texts[number::FOLDS][:MOST_SHOWN]
        counts.append(flags(Alone(Reference(cell=files.cell, human=known)), shown))
    return {name: sum(found[name] for found in counts) for name in ("rows", "any")}


def few(files: Files, draws: int, related: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Returns the share of human rows, and of close languages, that gates flag which know ten rows per label."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, label in files.rows["human"]:
        if text.strip():
            by_label[label].append(text)
    files_shown = {
        kind: random.Random(0).sample(texts, min(MOST_SHOWN, len(texts)))
        for kind, texts in (("human", files.texts("human")), ("test", files.texts("test")))
    }
    rates, close = [], []
    for draw in range(draws):
        rng = random.Random(draw)
        seeds = [t for texts in by_label.values() for t in rng.sample(texts, min(PER_LABEL, len(texts)))]
        known = set(seeds)
        flag = Alone(Reference(cell=files.cell, human=seeds))
        for kind, texts in files_shown.items():
            counts = flags(flag, [text for text in texts if text not in known])
            rates.append((counts["any"] / counts["rows"], kind, counts["gates"]))
        close.append({name: share(flag, texts) for name, texts in related.items()})
    worst = max(rates, key=lambda rate: rate[0])
    return {
        "mean": statistics.mean(rate for rate, _, _ in rates),
        "worst": worst[0],
        "worst_gates": worst[2],
        "files": {name: [rate for rate, kind, _ in rates if kind == name] for name in files_shown},
        "related": {name: statistics.mean(found[name] for found in close) for name in related},
    }


def share(flag: Alone, texts: Sequence[str]) -> float:
    """Returns the share of texts that any gate flags."""
    flag.read_ahead(texts)
    return sum(bool(flag(text)) for text in texts) / len(texts)


def measure(
    files: Files,
    *,
    known: dict[str, Any],
    counted: int | None,
    draws: int,
    related: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Returns all figures of a cell."""
    reference = Reference(cell=files.cell, human=files.texts("human"), test=files.texts("test"))
    flag = Alone(reference)
    return {
        "cell": str(files.cell),
        "readme_broken": counted,
        "synthetic": synthetic(files, known),
        "human": flags(flag, files.texts("human")),
        "test": flags(flag, files.texts("test")),
        "held_out": held_out(files) if draws else None,
        "ten_per_label": few(files, draws, related) if draws else None,
        "related": {name: share(flag, texts) for name, texts in related.items()},
    }


def problems(found: dict[str, Any]) -> list[str]:
    """Returns the targets that a cell misses."""
    made = found["synthetic"]
    missed = [
        f"{found[kind]['any']} of {found[kind]['rows']} {kind} rows are flagged"
        for kind in ("human", "test", "held_out")
        if found[kind] and found[kind]["any"] > MOST_HUMAN * found[kind]["rows"]
    ]
    if made["copies_found"] < made["copies"]:
        missed.append(f"{made['copies_found']} of {made['copies']} copies are found")
    if "counted" not in made and (found["readme_broken"] or 0) * LEAST_BROKEN > made["broken_form"]:
        missed.append(f"{made['broken_form']} rows flagged as broken, and the README counts {found['readme_broken']}")
    return missed


def summary(results: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Returns the figures over all cells and the targets that are missed."""
    labelled = [found["synthetic"] for found in results if "counted" in found["synthetic"]]
    counted, right = sum(m["counted"] for m in labelled), sum(m["counted_found"] for m in labelled)
    missed = [f"{found['cell']}: {problem}" for found in results for problem in problems(found)]
    if right < LEAST_BROKEN * counted:
        missed.append(f"{right} of {counted} broken rows are flagged")
    rows = sum(found["synthetic"]["rows"] for found in results)
    rates = [
        found[kind]["any"] / max(1, found[kind]["rows"])
        for found in results
        for kind in ("human", "held_out", "test")
        if found[kind]
    ]
    return {
        "broken": counted,
        "broken_found": right,
        "more": sum(m["more"] for m in labelled),
        "more_found": sum(m["more_found"] for m in labelled),
        "copies": sum(found["synthetic"]["copies"] for found in results),
        "copies_found": sum(found["synthetic"]["copies_found"] for found in results),
        "worst_human": max(rates, default=0.0),
        "rows": rows,
        "ms_per_row": sum(f["synthetic"]["ms_per_row"] * f["synthetic"]["rows"] for f in results) / max(1, rows),
        "missed": missed,
    }, missed


def main() -> None:
    """Measures all cells of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in the layout of the paper's data")
    parser.add_argument("--only", action="append", default=[], metavar="TASK/LANG", help="only this cell; repeatable")
    parser.add_argument("--draws", type=int, default=3, help="draws of ten rows per label; 0 leaves them out")
    parser.add_argument("--ten-only", action="store_true", help="only measure gates that know ten rows per label")
    parser.add_argument("--related", type=Path, metavar="FOLDER", help="sentences of close languages")
    parser.add_argument("--json", action="store_true", help="only JSON, with all figures")
    options = parser.parse_args()
    from gates_memory import remember_guesses
    from gates_related import load_related
    from gates_table import table

    readme = options.data / "README.md"
    lines = _LINE.findall(readme.read_text("utf-8")) if readme.is_file() else []
    counted = {f"{lang}/{task}": int(number) for task, lang, number in lines}
    known = tomllib.loads(Path(__file__).with_name("broken_rows.toml").read_text("utf-8"))
    remember_guesses()
    results = []
    for files in load(options.data, options.only):
        name, task = str(files.cell), files.cell.task.name
        rows = known.get(task, {}).get(files.cell.lang, {})
        number = counted.get(name)
        related = load_related(options.related, files.cell.lang)
        if options.ten_only:
            print(json.dumps({"cell": name, **few(files, options.draws, related)}), flush=True)
            continue
        results.append(
            measure(
                files,
                known=rows or ({"rows": -1} if number else {}),
                counted=number,
                draws=options.draws,
                related=related,
            )
        )
        print(f"{name} measured", file=sys.stderr)
    if options.ten_only:
        return
    if not results:
        raise SystemExit(
            f"{options.data}: no cell with the files topic/te-test.csv, -train_human_parsed.csv, -train_full.csv"
        )
    over_all, missed = summary(results)
    if not options.json:
        print("\n".join(table(results, list(gates.GATES), ALONE)))
        print("".join(f"\nmissed: {line}" for line in missed) or "\nall targets are met")
    print(json.dumps({"benchmark": "gates", **over_all, **({"cells": results} if options.json else {})}))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
