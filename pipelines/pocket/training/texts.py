"""The human training texts of the pocket models, and the ways in which they are varied and spoilt.

Here: reading the train files, the held-out ids, the teacher's own texts that were accepted, recombination of sentences,
and bad texts for the judge. Not here: prompts and conversations (`corpus.py`). No test file and no synthetic file of
another model is ever read.
"""

import csv
import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sdc.cache.store import Store
from sdc.errors import DataError
from sdc.pipelines.records import judged
from sdc.pipelines.tasks import Label, Task
from sdc.pipelines.tasks import load as load_task
from sdc.pipelines.tasks.languages import Language
from sdc.pipelines.tasks.languages import load as load_language
from sdc.pipelines.text import similarity
from sdc.pipelines.text.folding import one_line

TASKS = ("intent", "topic")
LANGUAGES = ("te", "sw", "az", "ro", "en", "de")
#: Share of the ids that is held out, in per cent; the same ids in every language, because the files are parallel.
DEV_PERCENT = 8

#: The 5-gram Jaccard similarity from which a text counts as taken from a human one when the teacher learns its own.
_OWN_COPY = 0.7

_CLAUSE_END = (",", ";", ":", ".", ")", "!", "?", "–", "—")
_CHATTER = (
    "Here are 10 texts: {}", "Sure! {}", "{} Let me know if you need more!", "Here is the text: {}", "(Note: {})",
    "1. {}", "Text: {}", "Label: {}", "{} (Note: this text is about the label)", "Output: {}",
)  # fmt: skip
_LEFTOVERS = ("--- {}", "{} ---", "-- {}", "{} <|end|", "- {}", '" token: {}')


@dataclass(frozen=True, kw_only=True, eq=False)
class TextPool:
    """The texts of one task in one language, by label id; `own` are texts that the model wrote itself."""

    task: Task
    language: Language
    by_label: dict[int, tuple[str, ...]]
    own: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, Label]]:
        """Every (text, label), label by label."""
        return [(text, self.task.labels[label]) for label, texts in self.by_label.items() for text in texts]


def held_out(task: str, row_id: str) -> bool:
    """Returns whether the row belongs to the dev set: a fixed function of task and id, the same in all languages."""
    return int(hashlib.sha256(f"{task}:{row_id}".encode()).hexdigest(), 16) % 100 < DEV_PERCENT


def load_pools(data: Path, *, dev: bool) -> list[TextPool]:
    """Returns one pool per task and language from the human train files under `data`.

    Args:
        data: The folder with `<task>/<language>-train_human_parsed.csv`.
        dev: The held-out rows if true, else all the others.

    Raises:
        DataError: A file is missing, or a label is unknown.
    """
    return [_load_pool(data, task=task, tag=tag, dev=dev) for task in TASKS for tag in LANGUAGES]


def with_own(pools: Sequence[TextPool], path: Path) -> list[TextPool]:
    """Returns the pools with the texts that a pocket teacher wrote and `sdc judge` accepted.

    Texts with a word that no human text of the language has are left out, for a small model invents many; so are texts
    that come close to a human one of the pool, for what is learnt twice is recited.

    Args:
        pools: The human texts.
        path: A store with generations and judgements (`sdc gen`, `sdc judge`) made with a pocket teacher.

    Raises:
        DataError: There is no accepted text in the store.
    """
    own: dict[tuple[str, str], dict[int, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for task, tag, text, label in judged.accepted_anywhere(Store(path)):
        own[task, tag][label][_clean(text)] = None
    if not own:
        raise DataError("no accepted texts in the store", str(path), "run `sdc gen` and `sdc judge` on it first")
    known: dict[str, set[str]] = defaultdict(set)
    for pool in pools:
        known[pool.language.tag].update(word for text, _ in pool.rows for word in words_of(text))
    out = []
    for pool in pools:
        tag, human = pool.language.tag, similarity.Index((text for text, _ in pool.rows), threshold=_OWN_COPY)
        new = {
            label: tuple(t for t in texts if known[tag].issuperset(words_of(t)) and human.nearest(t) is None)
            for label, texts in own[pool.task.name, tag].items()
        }
        out.append(replace(pool, own=new))
    return out


def words_of(text: str) -> list[str]:
    """Returns the words of a text, case-folded and without the signs around them."""
    return [word.strip(".,;:!?()\"“”'").casefold() for word in text.split()]


def load_documents(data: Path) -> list[list[str]]:
    """Returns, for every training id, its sentence in all languages and what its label means; nothing held out."""
    documents: dict[tuple[str, str], list[str]] = {}
    for task, tag in ((task, tag) for task in TASKS for tag in LANGUAGES):
        spec = load_task(task)
        for row_id, text, label in _read(data / task / f"{tag}-train_human_parsed.csv", spec, dev=False):
            name, meaning = spec.labels[label].name, spec.labels[label].description
            documents.setdefault((task, row_id), [f" {name} ({meaning})"]).append(f" {load_language(tag).name} {text}")
    return list(documents.values())


def _load_pool(data: Path, *, task: str, tag: str, dev: bool) -> TextPool:
    spec = load_task(task)
    texts: dict[int, list[str]] = {label.id: [] for label in spec.labels}
    for _, text, label in _read(data / task / f"{tag}-train_human_parsed.csv", spec, dev=dev):
        texts[label].append(text)
    by_label = {label: tuple(dict.fromkeys(items)) for label, items in texts.items()}
    return TextPool(task=spec, language=load_language(tag), by_label=by_label)


def _read(path: Path, task: Task, *, dev: bool) -> Iterator[tuple[str, str, int]]:
    """Yields (id, text, label id) of one half of a human train file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                label = task.label_id(row["intent"])
                if label is None:
                    raise DataError(f"unknown label {row['intent']!r}", str(path), "use the files of the paper")
                if row["text"].strip() and held_out(task.name, row["id"]) == dev:
                    yield row["id"], _clean(row["text"]), label
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", str(path), "pass the folder of the paper data") from error


def _clean(text: str) -> str:
    """Returns `text` on one line, with the doubled quotes that some files carry made single."""
    return re.sub('"{2,}', '"', one_line(text))


def recombine(first: str, second: str, rng: random.Random) -> str:
    """Returns a short text made of one or two long ones: a clause, the head of one with the tail of the other, or all.

    A model of this size learns long sentences by heart when it is trained on them as they are (97 % of what it wrote
    were copies). Pieces that go on in several ways teach it to compose.
    """
    draw = rng.random()
    if draw < 0.45:
        return _sentence(_span(first.split(), rng))
    if draw < 0.85:
        return join(first, second, rng)
    return _sentence(first.split()[:24])


def join(first: str, second: str, rng: random.Random) -> str:
    """Returns the head of one text with the tail of another, cut at clauses where there are some."""
    a, b = first.split(), second.split()
    return _sentence(a[: _cut(a, rng)][-14:] + b[_cut(b, rng) :][:14])


def _sentence(words: Sequence[str]) -> str:
    text = " ".join(words).rstrip(" ,;:–—-(")
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", '"', "”")) else ".")


def _cut(words: Sequence[str], rng: random.Random) -> int:
    ends = [i + 1 for i, word in enumerate(words) if word.endswith(_CLAUSE_END) and 2 <= i + 1 <= len(words) - 2]
    if ends and rng.random() < 0.6:
        return rng.choice(ends)
    return rng.randint(max(1, len(words) * 3 // 10), max(1, len(words) * 7 // 10))


def _span(words: list[str], rng: random.Random) -> list[str]:
    starts = [0] + [i + 1 for i, word in enumerate(words[:-4]) if word.endswith(_CLAUSE_END)]
    start = rng.choice(starts) if rng.random() < 0.8 else rng.randint(0, max(0, len(words) - 5))
    length = rng.randint(5, 14)
    ends = [i + 1 for i in range(start + 4, min(len(words), start + length)) if words[i].endswith(_CLAUSE_END)]
    return words[start : ends[-1] if ends else start + length]


def garble(text: str, rng: random.Random) -> str:
    """Returns `text` spoilt as weak generators spoil theirs: letters shuffled, words repeated, or letters lost."""
    words = text.split()
    draw = rng.random()
    if draw < 0.4:
        return " ".join("".join(rng.sample(word, len(word))) for word in words)
    if draw < 0.75:
        at, times = rng.randrange(len(words)), rng.randint(2, 6)
        repeated = words[at : at + rng.randint(1, 3)]
        return " ".join(words[: at + 1] + repeated * times + words[at + 1 :])
    return "".join(char for char in text if char == " " or rng.random() > 0.3) or "?"


def chatter(text: str, rng: random.Random) -> str:
    """Returns `text` with a comment of the generator around it, or a bare comment."""
    return rng.choice(_CHATTER).format(text)


def leftover(text: str, rng: random.Random) -> str:
    """Returns `text` with a piece of a separator left at one end."""
    return rng.choice(_LEFTOVERS).format(text)
