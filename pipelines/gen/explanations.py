"""What a label means in the generator's own words: asked for, checked, and replaced by the task's if it will not do.

Here: the question, the checks, and why an answer was refused. Not here: the wording (`prompts/explain.jinja`), how a
prompt names the label.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdc.cache.key import derive_seed
from sdc.pipelines import prompts
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.gen.split import unquoted
from sdc.pipelines.progress import Progress, Rounds, silent
from sdc.pipelines.tasks import Label, normalise
from sdc.pipelines.text.folding import one_line

TRIES = 3
_MAX_TOKENS = 60


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the prompt says of a label.

    Args:
        text: The phrase; empty where none is wanted.
        by: `generator`, `task` (its description, or the label's name), or empty where none is wanted.
        problems: Why answers of the generator were not taken, in order.
    """

    text: str = ""
    by: str = ""
    problems: tuple[str, ...] = ()


def of_task(label: Label, problems: Sequence[str] = ()) -> Explanation:
    """Returns what the task itself says of a label."""
    return Explanation(text=label.description or label.name, by="task", problems=tuple(problems))


def calls(
    cell: Cell,
    labels: Sequence[Label],
    *,
    seed_texts: Mapping[int, Sequence[str]],
    seed: int,
    temperature: float,
    top_p: float,
    attempt: int = 0,
) -> list[Call]:
    """Returns the question about each label: greedy at the first attempt, then sampled."""
    return [
        Call(
            prompt=prompts.explain(cell.task, cell.language, label, seed_texts=seed_texts[label.id]),
            temperature=0.0 if attempt == 0 else temperature,
            top_p=1.0 if attempt == 0 else top_p,
            max_tokens=_MAX_TOKENS,
            seed=derive_seed(seed, "explain", label.name, attempt),
        )
        for label in labels
    ]


def ask(
    cell: Cell,
    asker: Asker,
    *,
    seed_texts: Mapping[int, Sequence[str]],
    seed: int,
    temperature: float,
    top_p: float,
    progress: Progress = silent,
) -> list[Explanation]:
    """Returns one explanation per label of the task.

    An answer that is empty, too long, or names another label is asked for again, three times in all; then the task's
    own description is taken.
    """
    rounds = Rounds(progress)
    found: dict[int, Explanation] = {}
    problems: dict[int, list[str]] = {label.id: [] for label in cell.task.labels}
    for attempt in range(TRIES):
        todo = [label for label in cell.task.labels if label.id not in found]
        asked = calls(
            cell, todo, seed_texts=seed_texts, seed=seed, temperature=temperature, top_p=top_p, attempt=attempt
        )
        rounds.begin()
        for label, reply in zip(todo, asker.ask(asked, what=f"gen {cell}: explain", progress=rounds), strict=True):
            text = _phrase(reply.text)
            problem = _problem(cell, label, reply, text)
            if problem:
                problems[label.id].append(problem)
            else:
                found[label.id] = Explanation(text=text, by="generator", problems=tuple(problems[label.id]))
    return [found.get(label.id) or of_task(label, problems[label.id]) for label in cell.task.labels]


def _phrase(answer: str) -> str:
    """Returns an answer on one line, without the quotes that it stands in and the full stop that ends it.

    >>> _phrase('"Trips,\\n and hotels."'), _phrase('"Travel" and "hotels"'), _phrase("news of the U.S.")
    ('Trips, and hotels', '"Travel" and "hotels"', 'news of the U.S.')
    """
    text = one_line(answer)
    for _ in range(2):  # the stop may stand before or behind the quote
        *_, last = ["", *text.split()]
        text = unquoted(text.removesuffix(".") if last.count(".") == 1 else text)
    return "" if not any(map(str.isalnum, text)) else text


def _problem(cell: Cell, label: Label, reply: Reply, text: str) -> str:
    """Returns why an answer is not taken, or an empty string."""
    if not reply.is_answer:
        return f"{reply.finish}: {reply.reason}" if reply.reason else reply.finish
    if not text:
        return "empty"
    if reply.finish == "length":
        return f"longer than {_MAX_TOKENS} tokens"
    other = _names_another(cell, text, label)
    return f"names another label ({other})" if other else ""


def _names_another(cell: Cell, text: str, label: Label) -> str:
    """Returns the other label that a text names, or an empty string."""
    padded = f" {_words(text)} "
    spellings = {_words(spelling): label_id for spelling, label_id in cell.task.spellings().items()}
    own = [spelling for spelling, label_id in spellings.items() if label_id == label.id]
    for spelling, label_id in spellings.items():
        if label_id != label.id and f" {spelling} " in padded and not any(spelling in name for name in own):
            return cell.task.labels[label_id].name
    return ""


def _words(text: str) -> str:
    """Returns `text` normalised as labels are, without punctuation, so that `travel,` is the word `travel`."""
    return normalise("".join(" " if unicodedata.category(c)[0] in "PS" else c for c in text))
