"""Plants errors into good human rows and counts what the judge rejects: `python benchmarks/planted.py [DATA] [--test]`.

Rows come from the bundled examples (their test half; the train half is the human data of the cell). With DATA, a
folder in the layout of the paper's data, also from the train rows that the pocket models never saw (`dev`), and with
`--test` from the test files. Every kind of error becomes an imported generation, which goes through the stages `data`
and `judge` in a temporary store: gates alone, label check alone, yes or no alone, and all of them as the preset says.

Prints the rejected share by kind, and by cell, the good rows that were lost, and all of it as one line of JSON. Exits
with 1 if less than 90 % of the planted rows are rejected. `--choose` shows what other thresholds would do to the `dev`
rows; thresholds are never chosen on anything else.

A label is swapped only where that is plainly wrong: a linear model of the human train rows gives the true label more
than 0.9, and the other less than 0.02. Good rows that are near copies of a row that the gates know are left out
beforehand.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from planted_rows import Row, plant, sources

from sdc.cache.store import Artifact, Store
from sdc.pipelines import data, judge, presets
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.engines import models
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.pocket.training.texts import LANGUAGES, TASKS
from sdc.pipelines.stage import Context

TARGET = 0.9
#: How a judge decides -> how the benchmark names it.
WAYS = ("gates", "label", "yes/no", "model", "all")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What each way of judging made of one row; a probability is None where the model's answer could not be read."""

    text: str
    label: int
    gate: str | None
    p_label: float | None
    p_yes: float | None
    accepted: bool

    def rejected(self, way: str, config: JudgeConfig) -> bool:
        """Returns whether the row is rejected by `way` alone."""
        label = config.label_threshold > 0 and (self.p_label is None or self.p_label < config.label_threshold)
        yes = self.p_yes is None or self.p_yes < config.threshold
        by = {"gates": self.gate is not None, "label": label, "yes/no": yes, "model": label or yes}
        return by[way] if way != "all" else not self.accepted


# -- judging ------------------------------------------------------------------------------------------------------


def imported(context: Context, cell: Cell, rows: Sequence[Row], config: DataConfig) -> Artifact:
    """Returns rows as an artifact that the stage `data` made of a file."""
    names = cell.task.label_names
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        lines = (json.dumps({"text": text, "label": names[label]}, ensure_ascii=False) for text, label in rows)
        path.write_text("\n".join(lines), "utf-8")
        outcome = data.add(context, cell, path, config)
    artifact = context.store.get(outcome.key)
    assert artifact is not None
    return artifact


def judged(context: Context, config: JudgeConfig, cell: Cell, kinds: dict[str, list[Row]]) -> dict[str, list[Judged]]:
    """Returns what each way of judging makes of the rows of each kind."""

    def verdicts(generation: Artifact, **how: Any) -> list[tuple[bool, str, float | None]]:
        settings = JudgeConfig(**{**vars(config), **how})
        outcome = judge.run(context, settings, cell, generation=generation)
        sql = "select accepted, judged_by, probability from verdicts where key = ? order by idx"
        return [(accepted, judged_by, p) for accepted, judged_by, p in context.store.query(sql, [outcome.key])]

    # The model is asked about all kinds at once. Thresholds that nothing passes, and that everything passes, bring its
    # probabilities to light.
    synthetic = DataConfig(source="synthetic")
    everything = imported(context, cell, [row for rows in kinds.values() for row in rows], synthetic)
    by_label = iter(verdicts(everything, gates=False, label_threshold=1.0, threshold=0.0))
    by_answer = iter(verdicts(everything, gates=False, label_threshold=0.0, threshold=0.0))
    found = {}
    for kind, rows in kinds.items():
        # Gates may compare the texts of a generation: spoilt versions of one text must not meet.
        generation = imported(context, cell, rows, synthetic)
        found[kind] = [
            Judged(
                text=text,
                label=label,
                gate=None if passed else gate.removeprefix("gate:"),
                p_label=1.0 if judged_by == "llm" else p_label,
                p_yes=p_yes,
                accepted=accepted,
            )
            for (text, label), (passed, gate, _), (accepted, _, _), (_, judged_by, p_label), (_, _, p_yes) in zip(
                rows,
                verdicts(generation, llm=False),
                verdicts(generation),
                itertools.islice(by_label, len(rows)),
                itertools.islice(by_answer, len(rows)),
                strict=True,
            )
        ]
    return found


def measure(context: Context, config: JudgeConfig, options: argparse.Namespace) -> dict[tuple[str, str], list[Judged]]:
    """Returns (source and cell, kind) -> what became of its rows."""
    found = {}
    asked = {"task_names": options.tasks, "tags": options.langs, "with_test": options.test}
    everything = list(sources(options.data, **asked))
    for number, source in enumerate(everything):
        print(f"{number + 1} of {len(everything)}: {source}", file=sys.stderr, flush=True)
        others = [
            other
            for other in everything
            if other.name == source.name and other.cell.task == source.cell.task and other.cell.lang != source.cell.lang
        ]
        rng = random.Random(f"{options.seed} {source}")
        # A store per source: the newest human data of the cell is this source's.
        with tempfile.TemporaryDirectory() as folder:
            inside = Context(store=Store(Path(folder) / "store.duckdb"), engine=context.engine)
            imported(inside, source.cell, source.human, DataConfig())
            if source.test:
                imported(inside, source.cell, source.test, DataConfig(split="test"))
            kinds = plant(source, others, rng, num=options.per_kind)
            for kind, rows in judged(inside, config, source.cell, kinds).items():
                found[str(source), kind] = rows
    return found


# -- report -------------------------------------------------------------------------------------------------------


def shares(rows: Sequence[Judged], config: JudgeConfig) -> dict[str, float]:
    """Returns the rejected share by each way of judging."""
    return {way: round(sum(row.rejected(way, config) for row in rows) / len(rows), 3) for way in WAYS}


def table(title: str, groups: dict[str, list[Judged]], config: JudgeConfig) -> dict[str, dict[str, float]]:
    """Prints the rejected share of each group of rows, and returns it."""
    width = max(map(len, [title, *groups])) + 2
    print(f"\n{title:<{width}}{'rows':>6}" + "".join(f"{way:>8}" for way in WAYS))
    found = {}
    for name, rows in groups.items():
        found[name] = {"rows": len(rows), **shares(rows, config)}
        print(f"{name:<{width}}{len(rows):>6}" + "".join(f"{found[name][way]:>8.1%}" for way in WAYS))
    return found


def grouped(found: dict[tuple[str, str], list[Judged]], *, by: str, good: bool) -> dict[str, list[Judged]]:
    """Returns the judged rows by `kind`, by `cell` or by kind and cell (`both`): the good ones, or the planted ones."""
    groups: dict[str, list[Judged]] = defaultdict(list)
    for (cell, kind), rows in found.items():
        if (kind == "good") == good:
            groups[{"kind": kind, "cell": cell, "both": f"{kind} | {cell}"}[by]] += rows
    return dict(groups)


def lines(found: dict[tuple[str, str], list[Judged]]) -> Iterator[str]:
    """Yields one JSON object per row."""
    for (cell, kind), rows in found.items():
        for row in rows:
            yield json.dumps({"cell": cell, "kind": kind, **asdict(row)}, ensure_ascii=False) + "\n"


def choices(found: dict[tuple[str, str], list[Judged]], config: JudgeConfig) -> None:
    """Prints, per task, what thresholds reject of the planted and of the good `dev` rows."""
    for task in TASKS:
        dev = {key: rows for key, rows in found.items() if key[0].startswith("dev ") and key[0].endswith(f"/{task}")}
        planted = [row for (_, kind), rows in dev.items() for row in rows if kind != "good"]
        swapped = [row for (_, kind), rows in dev.items() for row in rows if kind == "label"]
        good = [row for (_, kind), rows in dev.items() for row in rows if kind == "good"]
        if not good:
            continue
        print(f"\n{task:<10}label_threshold  threshold   planted   swapped labels   good lost")
        for label_threshold in (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
            for threshold in (0.1, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.9):
                how = JudgeConfig(**{**vars(config), "label_threshold": label_threshold, "threshold": threshold})

                def lost(rows: Sequence[Judged], how: JudgeConfig = how) -> float:
                    return sum(row.gate is not None or row.rejected("model", how) for row in rows) / max(1, len(rows))

                print(f"{'':<10}{label_threshold:>15}{threshold:>11}{lost(planted):>10.1%}{lost(swapped):>17.1%}"
                      f"{lost(good):>12.1%}")  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="folder with <task>/<language>-train_human_parsed.csv")
    parser.add_argument("--test", action="store_true", help="the human test rows as well")
    parser.add_argument("--model", default=models.TEACHER, help="the judge")
    parser.add_argument("--preset", default=presets.DEFAULT)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--label-threshold", type=float)
    parser.add_argument("--votes", type=int)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--langs", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--per-kind", type=int, default=40, help="most rows of a kind in a cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--choose", action="store_true", help="show other thresholds on the dev rows")
    parser.add_argument("--rows", type=Path, help="file for every row and what became of it, as JSON lines")
    parser.add_argument("--details", action="store_true", help="show every kind in every cell")
    options = parser.parse_args()
    settings = presets.merged(
        presets.load(options.preset, "judge"),
        model=options.model, gates=True, threshold=options.threshold,
        label_threshold=options.label_threshold, votes=options.votes,
    )  # fmt: skip
    config = JudgeConfig(**settings)
    found = measure(Context(store=Store(Path("unused"))), config, options)
    print(f"{config.model}, threshold {config.threshold}, label threshold {config.label_threshold}; rejected by:")
    out: dict[str, Any] = {"benchmark": "planted", "model": config.model, "preset": options.preset}
    out["kinds"] = table("planted", grouped(found, by="kind", good=False), config)
    out["cells"] = table("planted", grouped(found, by="cell", good=False), config)
    if options.details:
        out["details"] = table("planted", grouped(found, by="both", good=False), config)
    out["lost"] = table("good, lost", grouped(found, by="cell", good=True), config)
    names = {cell.partition(" ")[0] for cell, _ in found}
    of_sources = {
        f"{what} {name}": [
            row
            for (cell, kind), rows in found.items()
            if cell.startswith(f"{name} ") and (kind == "good") == (what == "good")
            for row in rows
        ]
        for what in ("planted", "good")
        for name in sorted(names)
    }
    out["sources"] = table("in all", of_sources, config)
    if options.choose:
        choices(found, config)
    if options.rows:
        options.rows.write_text("".join(lines(found)), "utf-8")
    planted = [row for rows in grouped(found, by="kind", good=False).values() for row in rows]
    good = [row for rows in grouped(found, by="kind", good=True).values() for row in rows]
    by_gate: dict[str, int] = defaultdict(int)
    for row in good:
        by_gate[row.gate or "none"] += 1
    out |= {"planted": shares(planted, config)["all"], "good_lost": shares(good, config)["all"]}
    print(
        f"\nplanted rows rejected: {out['planted']:.1%} (target {TARGET:.0%}); good rows lost: {out['good_lost']:.1%}"
    )
    print(f"gates on good rows: {dict(by_gate)}")
    print(json.dumps(out, ensure_ascii=False))
    sys.exit(out["planted"] < TARGET)


if __name__ == "__main__":
    main()
