"""Shots: which rows of a draw stand in a prompt, in which order, and how the options are listed beside them.

Here: strategies, the order of options, prompts of a run. Not here: wording (`prompts/`), how many shots are best
(`select.py`), asking (`icl.py`).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.errors import DataError
from sdc.pipelines import prompts
from sdc.pipelines.cells import Cell
from sdc.pipelines.records.examples import ExampleRow
from sdc.pipelines.text.folding import fold

STRATEGIES = ("balanced", "random", "nearest")
OPTION_ORDERS = ("task", "shuffled")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """The prompts of one run.

    Args:
        texts: One per row that is asked about, in order.
        shots: Text and label name of each shot, in order; empty if every row has its own.
        nearest: For each row, the idx of its shots in order, with the strategy `nearest`.
        options: Label names as the prompts list them.
    """

    texts: list[str]
    shots: list[tuple[str, str]]
    nearest: list[list[int]] | None
    options: list[str]

    def details(self) -> dict[str, Any]:
        """Returns what a run's record keeps of them."""
        return {"shots": self.shots, "options": self.options, **({"nearest": self.nearest} if self.nearest else {})}


def options_text(names: Sequence[str]) -> str:
    """Returns the numbered list of labels as it stands in a prompt.

    >>> options_text(["travel", "health"])
    '1) travel; 2) health'
    """
    return "; ".join(f"{number}) {name}" for number, name in enumerate(names, start=1))


def render(
    cell: Cell,
    texts: Sequence[str],
    rows: Sequence[ExampleRow],
    *,
    num_shots: int,
    strategy: str,
    option_order: str,
    seed: int | None,
) -> Prompts:
    """Returns the prompts about some texts, with shots from `rows`.

    Args:
        cell: Whose labels and instruction.
        texts: What is asked about.
        rows: What shots are taken from.
        num_shots: Shots per label; `random` and `nearest` take as many in all, whatever their labels.
        strategy: One of STRATEGIES.
        option_order: One of OPTION_ORDERS.
        seed: Decides choice and order; None where nothing is random.

    Raises:
        DataError: The rows lack a label that balanced shots need.
    """
    names = list(cell.task.label_names)
    if option_order == "shuffled":
        random.Random(f"options {seed}").shuffle(names)
    options = options_text(names)

    def prompt(text: str, shots: Sequence[tuple[str, str]]) -> str:
        return prompts.classify(cell.task, text=text, shots=shots, options=options)

    def named(chosen: Sequence[ExampleRow]) -> list[tuple[str, str]]:
        return [(text, cell.task.label_names[label]) for _, text, label in chosen]

    if strategy == "nearest" and num_shots:
        nearest = nearest_of(rows, num=num_shots * len(names))
        own = [nearest(text) for text in texts]
        asked = [prompt(text, named(chosen)) for text, chosen in zip(texts, own, strict=True)]
        return Prompts(texts=asked, shots=[], nearest=[[row[0] for row in chosen] for chosen in own], options=names)
    shots = named(_chosen(cell, rows, num_shots=num_shots, strategy=strategy, seed=seed)) if num_shots else []
    return Prompts(texts=[prompt(text, shots) for text in texts], shots=shots, nearest=None, options=names)


def _chosen(
    cell: Cell, rows: Sequence[ExampleRow], *, num_shots: int, strategy: str, seed: int | None
) -> list[ExampleRow]:
    choice = random.Random(seed)
    if strategy == "random":
        num = min(num_shots * len(cell.task.labels), len(rows))
        return choice.sample(list(rows), num)
    shots: list[ExampleRow] = []
    for label in cell.task.labels:
        own = [row for row in rows if row[2] == label.id]
        if not own:
            raise DataError(
                f"the draw of {counted(len(rows), 'row')} has no example of {label.name!r}", str(cell), "draw balanced"
            )
        shots += choice.sample(own, min(num_shots, len(own)))
    choice.shuffle(shots)
    return shots


def nearest_of(rows: Sequence[ExampleRow], *, num: int) -> Callable[[str], list[ExampleRow]]:
    """Returns what finds the rows most similar to a text, the most similar one last: next to the text in the prompt.

    Similar is the cosine of TF-IDF weights of character n-grams (1 to 5, inside words), as the linear student counts
    them; of equally similar rows the one with the lower idx is nearer.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True, preprocessor=fold)
    features_NF = vectorizer.fit_transform([text for _, text, _ in rows])

    def nearest(text: str) -> list[ExampleRow]:
        similar_N = (features_NF @ vectorizer.transform([text]).T).toarray()[:, 0]
        order = sorted(range(len(rows)), key=lambda i: (-round(float(similar_N[i]), 9), rows[i][0]))
        return [rows[i] for i in order[:num]][::-1]

    return nearest
