"""The rows of `planted.py`: good human rows, and the errors that are planted into them.

Here: reading, what is plainly wrong, each kind of error. Not here: judging and figures (`planted.py`), the phrases of
generators and the texts in other languages (`planted.toml`).
"""

import csv
import json
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.models import POCKET
from sdc.pipelines.pocket.training.texts import held_out
from sdc.pipelines.tasks import languages
from sdc.pipelines.text.similarity import Index

#: Probabilities of the true and of a swapped label, by the linear model of the human rows.
CLEAR, PLAINLY_WRONG = 0.9, 0.02
PLANTED: dict[str, Any] = tomllib.loads(Path(__file__).with_name("planted.toml").read_text("utf-8"))
#: Languages of the bundled examples.
DEMO = ("te", "sw", "en")
#: A text and the id of its label.
Row = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Human rows of one cell: those the gates know (train and test), and those that errors are planted into."""

    name: str
    cell: Cell
    human: list[Row]
    test: list[Row]
    good: list[Row]
    clear: list[tuple[Row, list[int]]]  # good rows whose label is plain, each with the labels that are plainly wrong

    def __str__(self) -> str:
        return f"{self.name} {self.cell}"


# -- rows ---------------------------------------------------------------------------------------------------------


def read(path: Path, task: tasks.Task) -> list[tuple[str, Row]]:
    """Returns (id, row) of a file of the paper or of the bundled examples."""
    with path.open(encoding="utf-8", newline="") as file:
        raw = map(json.loads, file) if path.suffix == ".jsonl" else csv.DictReader(file)
        rows = [(row.get("id", ""), (row["text"], task.label_id(row.get("intent") or row.get("label")))) for row in raw]
    return [(name, (text, label)) for name, (text, label) in rows if label is not None and text.strip()]


def sources(
    folder: Path | None, *, task_names: Sequence[str], tags: Sequence[str], with_test: bool
) -> Iterator[Source]:
    """Yields the sources cell by cell: of the bundled examples, and of the paper's data in `folder` if there is one."""
    for task in map(tasks.load, task_names):
        for tag in tags:
            cell = Cell(language=languages.load(tag), task=task)
            human: dict[str, list[Row]] = {}
            good: dict[str, list[Row]] = {}
            test: list[Row] = []
            if tag in DEMO:
                paths = [POCKET / "examples" / f"{task.name}-{tag}-{part}.jsonl" for part in ("train", "test")]
                human["examples"], good["examples"] = ([row for _, row in read(path, task)] for path in paths)
            if folder is not None:
                train = read(folder / task.name / f"{tag}-train_human_parsed.csv", task)
                test = [row for _, row in read(folder / task.name / f"{tag}-test.csv", task)]
                human["dev"] = human["test"] = [row for name, row in train if not held_out(task.name, name)]
                good["dev"] = [row for name, row in train if held_out(task.name, name)]
                if with_test:
                    good["test"] = test
            if not good:
                continue
            linear = _linear([row for rows in human.values() for row in rows])
            for name, rows in good.items():
                known = test if name == "dev" else []
                index = Index([text for text, _ in [*human[name], *known]])
                new = [row for row in dict.fromkeys(rows) if index.nearest(row[0]) is None]
                clear = _clear(linear, new)
                yield Source(name=name, cell=cell, human=human[name], test=known, good=new, clear=clear)


def _linear(human: Sequence[Row]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    return make_pipeline(vectors, LogisticRegression(C=100, max_iter=1000)).fit(*zip(*human, strict=True))


def _clear(linear: Any, rows: Sequence[Row]) -> list[tuple[Row, list[int]]]:
    found = []
    for row, probabilities in zip(rows, linear.predict_proba([text for text, _ in rows]), strict=True):
        by_label = dict(zip(map(int, linear.classes_), probabilities, strict=True))
        wrong = [label for label, p in by_label.items() if p < PLAINLY_WRONG]
        if by_label.get(row[1], 0.0) > CLEAR and wrong:
            found.append((row, wrong))
    return found


# -- errors -------------------------------------------------------------------------------------------------------


def plant(source: Source, others: Sequence[Source], rng: random.Random, *, num: int) -> dict[str, list[Row]]:
    """Returns kind -> planted rows, at most `num` of each; `good` are as they were."""
    cell, task = source.cell, source.cell.task

    def some(rows: Sequence[Any]) -> list[Any]:
        return rng.sample(list(rows), min(num, len(rows)))

    def foreign(row: Row) -> str:
        pools = [[text for text, label in other.good if label == row[1]] for other in others]
        return rng.choice(rng.choice([pool for pool in pools if pool] or [[row[0]]]))

    written = [
        (text, task.label_id(name))
        for tag, by_label in PLANTED["languages"][task.name].items()
        if tag != cell.lang
        for name, text in by_label.items()
    ]
    kinds: dict[str, list[Any]] = {
        "good": some(source.good),
        "label": [(text, rng.choice(wrong)) for (text, _), wrong in some(source.clear)],
        "language: sister": [(foreign(row), row[1]) for row in some(source.good)] if others else [],
        "language: other": some(written),
        "chatter: English": _chatter(source, PLANTED["chatter"]["en"], rng, num=num),
        "chatter: own": _chatter(source, PLANTED["chatter"].get(cell.lang, []), rng, num=num)
        if cell.lang != "en"
        else [],
        "copy: exact": some(source.human),
        "copy: test": some(source.test),
        "copy: near": [(_touched(text, rng), label) for text, label in some(source.human)],
        "leftover": [(_formed(row, source, "leftover", rng), row[1]) for row in some(source.good)],
        "glued": [(_formed(row, source, "glued", rng), row[1]) for row in some(source.good)],
        "loop": [(_looped(text, rng), label) for text, label in some(source.good)],
    }
    return {kind: list(dict.fromkeys(rows)) for kind, rows in kinds.items() if rows}


def _chatter(source: Source, patterns: Sequence[str], rng: random.Random, *, num: int) -> list[Row]:
    """Returns rows with comments around a text, or only a comment, by patterns that take turns."""
    rows = rng.sample(source.good, min(num, len(source.good)))
    start = rng.randrange(len(patterns))
    return [(_filled(patterns[(start + i) % len(patterns)], row, source, rng), row[1]) for i, row in enumerate(rows)]


def _formed(row: Row, source: Source, kind: str, rng: random.Random) -> str:
    return _filled(rng.choice(PLANTED["form"][kind]), row, source, rng)


def _filled(pattern: str, row: Row, source: Source, rng: random.Random) -> str:
    text, label = row
    others = [other for other, same in source.good if same == label and other != text] or [text]
    return pattern.format(
        text=text, other=rng.choice(others), label=source.cell.task.labels[label].name,
        language=source.cell.language.name, n=rng.randint(2, 10),
    )  # fmt: skip


def _touched(text: str, rng: random.Random) -> str:
    """Returns a text with what one does to hide a copy: other case or full stop, a typo, a word more or less."""
    words = text.split()
    at = rng.randrange(len(words))
    long = len(words) >= 8
    changes = [
        lambda: text.rstrip(".!?।") if text.endswith((".", "!", "?", "।")) else text + rng.choice((".", "!", "?")),
        lambda: text.upper() if text.upper() != text else text + " !",
        lambda: "  ".join(words) + " .",
        lambda: text[: len(text) // 2] + text[len(text) // 2] + text[len(text) // 2 :],  # a letter twice
        lambda: " ".join(words[:at] + words[at + 1 :]) if long else text + ",",
        lambda: " ".join([*words[:at], words[at], words[at], *words[at + 1 :]]) if long else f'"{text}"',
    ]
    return rng.choice(changes)()


def _looped(text: str, rng: random.Random) -> str:
    """Returns a text that ends in the same few words over and over."""
    words = text.split()
    return " ".join(words + words[-rng.randint(1, 4) :] * rng.randint(3, 8))
