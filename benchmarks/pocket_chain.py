"""Measures the pocket teacher in use: `python benchmarks/pocket_chain.py DATA [--card FIELDS]` prints its card's table.

Per task and language, in one store with all data of the paper: `sdc gen` (ten human seed texts per label), `sdc judge`,
and `sdc icl --shots 0` with the teacher. Then of all texts that it wrote: how many copy a human training row; how often
a linear model that knows the human training rows agrees with their labels; and what a linear model learns from the
accepted ones, on the human test. `pocket_quality.py` measures the models alone, on held-out rows, for choices.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from chain import run
from pocket_quality import accuracy, copies, linear, read
from transformers import AutoModelForCausalLM, AutoTokenizer

import sdc.pipelines.pocket
from sdc.cache.store import Artifact, Store
from sdc.pipelines import tasks
from sdc.pipelines.pocket.training.build import SAMPLING
from sdc.pipelines.pocket.training.card import write_card
from sdc.pipelines.pocket.training.texts import LANGUAGES, TASKS


def measured(path: Path, data: Path, *, task: str, lang: str, per_label: int, seed: int) -> dict[str, Any]:
    """Returns the figures of one task and language."""
    cell = ("--lang", lang, "--task", task)
    env = {**os.environ, "SDC_STORE": str(path)}
    store, spec = Store(path), tasks.load(task)

    def made(*arguments: str) -> Artifact:
        (key,), _ = run(list(arguments), env)
        return store.resolve(key)

    generation = made("gen", *cell, "--quota", str(per_label), "--seed", str(seed))
    judgement = made("judge", generation.key)
    classified = made("icl", *cell, "--model", "pocket-teacher", "--shots", "0")
    written = store.query(
        "select text, label from examples where key = ? and source = 'synthetic' and status <> 'empty' order by idx",
        [generation.key],
    )
    accepted = store.query(
        """select e.text, e.label from examples e join verdicts v on v.example_key = e.key and v.idx = e.idx
        where v.key = ? and v.accepted order by e.idx""",
        [judgement.key],
    )
    [(num_judged,)] = store.query("select count(*) from verdicts where key = ?", [judgement.key])
    human = read(data / task / f"{lang}-train_human_parsed.csv", spec)
    test = read(data / task / f"{lang}-test.csv", spec)
    labels = [label for _, label in test]
    reference = linear(human)
    return {
        "rows": len(written),
        "copied": sum(copies([text for text, _ in written], [text for text, _ in human])) / len(written),
        "accepted": len(accepted) / num_judged,
        "fidelity": accuracy(reference, list(dict.fromkeys(written))),
        "fidelity_accepted": accuracy(reference, accepted),
        "student_test": accuracy(linear(accepted), test),
        "majority": max(map(labels.count, labels)) / len(labels),
        "0-shot": made("eval", classified.key).summary["accuracy"],
    }


def main() -> None:
    """Prints one JSON line per task and language, and writes the card if its fields are given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder in the layout of the paper's data")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--langs", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--per-label", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--card", type=json.loads, help="JSON: `data`, `command` and `training` of the model card")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.duckdb"
        run(["data", "add", "--paper", str(options.data)], {**os.environ, "SDC_STORE": str(path)})
        for task in options.tasks:
            for lang in options.langs:
                found = measured(
                    path, options.data, task=task, lang=lang, per_label=options.per_label, seed=options.seed
                )
                rows.append({"task": task, "lang": lang} | {name: round(value, 3) for name, value in found.items()})
                print(json.dumps(rows[-1]), flush=True)
    if options.card:
        teacher = Path(sdc.pipelines.pocket.__path__[0]) / "teacher"
        known = {
            "name": "teacher",
            "parameters": AutoModelForCausalLM.from_pretrained(teacher).num_parameters(),
            "vocabulary": len(AutoTokenizer.from_pretrained(teacher)),
            "sampling": ", ".join(f"{key} {value}" for key, value in SAMPLING.items()),
            "per_label": options.per_label,
        }
        write_card(teacher, rows, fields=known | options.card)


if __name__ == "__main__":
    main()
