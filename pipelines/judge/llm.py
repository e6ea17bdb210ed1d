"""The LLM as a judge: what it is asked about a text, how often, and what its replies come to.

Here: the two questions (which label? will it do?), votes, and the reading of scores and words. Not here: gates,
thresholds, verdicts (`judge.py`), prompts.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from sdc.cache.key import derive_seed
from sdc.pipelines import prompts
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.progress import Progress
from sdc.pipelines.readers import strict, yes_no
from sdc.pipelines.readers.softmax import softmax
from sdc.pipelines.tasks import Task
from sdc.pipelines.text.folding import one_line

ANSWERS = ("yes", "no")
#: How models write them. An answer's probability is that of all its spellings: one alone may be one in a thousand.
SPELLINGS = ("yes", " yes", "yes.", "Yes", " Yes", "Yes.", "YES", "no", " no", "no.", "No", " No", "No.", "NO")
_MEANINGS = tuple(ANSWERS.index(spelling.strip(" .").casefold()) for spelling in SPELLINGS)
_SHOWN_CHARS = 60


@dataclass(frozen=True, kw_only=True)
class Votes:
    """How often each question is put.

    Args:
        num: 1 asks once, greedily. More ask with sampling, and list the labels in another order each time, so that an
            engine that scores, and samples nothing, votes too.
        temperature: Of several votes, above 0.
        seed: Root of the orders and of sampling.
    """

    num: int
    temperature: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A text to judge: its position in the generation and the label it was written for."""

    idx: int
    text: str
    label: int


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What the replies to one question come to.

    Args:
        shares: Per choice, the mean over votes of its probability among the choices; where a reply is words, 1 for the
            choice that it names. A vote that cannot be read is for no choice. Empty if there is a problem.
        num_votes: How many were answered.
        unanswered: Why there is no answer; else empty.
        unreadable: What was answered, where no vote can be read; else empty.
    """

    shares: tuple[float, ...] = ()
    num_votes: int = 1
    unanswered: str = ""
    unreadable: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about each of several texts.

    Args:
        what: Its name for progress bars.
        calls: The votes on the first text, then those on the second, and so on.
        readers: Per vote, what a reply in words says: the position of a choice, or None.
        num_choices: Choices of an answer.
        meanings: Per choice of a call, which choice of an answer it spells; empty where each is one.
    """

    what: str
    calls: Sequence[Call]
    readers: Sequence[Callable[[str], int | None]]
    num_choices: int
    meanings: Sequence[int] = ()

    def ask(self, asker: Asker, *, progress: Progress) -> list[Opinion]:
        """Returns one opinion per text, in order."""
        replies = asker.ask(self.calls, what=self.what, progress=progress)
        num = len(self.readers)
        votes = [replies[start : start + num] for start in range(0, len(replies), num)]
        meanings = self.meanings or range(self.num_choices)
        return [_opinion(of_row, self.readers, meanings, num_choices=self.num_choices) for of_row in votes]


def which_label(cell: Cell, rows: Sequence[Candidate], *, votes: Votes) -> Question:
    """Returns the question which label each text has; choices are the labels by id."""
    orders = _orders(cell.task, votes)
    shown = [_reordered(cell.task, order) for order in orders]

    def reader(number: int) -> Callable[[str], int | None]:
        def read(text: str) -> int | None:
            found = strict.read(text, shown[number])  # a reply may name an option's number, which is the prompt's
            return None if found is None else orders[number][found]

        return read

    names = cell.task.label_names
    calls = [
        _call(prompts.classify(task, text=row.text), names, votes, number, row)
        for row in rows
        for number, task in enumerate(shown)
    ]
    readers = [reader(number) for number in range(votes.num)]
    return Question(what=f"label {cell}", calls=calls, readers=readers, num_choices=len(names))


def will_do(cell: Cell, rows: Sequence[Candidate], *, votes: Votes) -> Question:
    """Returns the question whether each text is acceptable; choices are yes and no."""
    shown = [_reordered(cell.task, order) for order in _orders(cell.task, votes)]
    labels = cell.task.labels
    calls = [
        _call(prompts.judge(task, cell.language, labels[row.label], text=row.text), SPELLINGS, votes, number, row)
        for row in rows
        for number, task in enumerate(shown)
    ]
    return Question(
        what=f"judge {cell}",
        calls=calls,
        readers=[_yes_or_no] * votes.num,
        num_choices=len(ANSWERS),
        meanings=_MEANINGS,
    )


# -- asking -------------------------------------------------------------------------------------------------------


def _orders(task: Task, votes: Votes) -> list[list[int]]:
    """Returns, per vote, the label ids as it lists them: the same for all texts, so that prompts begin alike."""
    orders = [list(range(len(task.labels))) for _ in range(votes.num)]
    if votes.num > 1:
        for number, order in enumerate(orders):
            Random(derive_seed(votes.seed, "order", number)).shuffle(order)
    return orders


def _reordered(task: Task, order: Sequence[int]) -> Task:
    return replace(task, labels=tuple(replace(task.labels[label], id=i) for i, label in enumerate(order)))


def _call(prompt: str, choices: tuple[str, ...], votes: Votes, number: int, row: Candidate) -> Call:
    if votes.num == 1:
        return Call(prompt=prompt, choices=choices)
    # The text and not its position: a top-up moves texts, and its votes are in the reply cache.
    seed = derive_seed(votes.seed, "vote", number, row.text)
    return Call(prompt=prompt, choices=choices, temperature=votes.temperature, seed=seed)


# -- reading ------------------------------------------------------------------------------------------------------


def _yes_or_no(text: str) -> int | None:
    answer = yes_no.read(text)
    return None if answer is None else ANSWERS.index("yes" if answer else "no")


def _opinion(
    votes: Sequence[Reply],
    readers: Sequence[Callable[[str], int | None]],
    meanings: Sequence[int],
    *,
    num_choices: int,
) -> Opinion:
    answered = [(reply, read) for reply, read in zip(votes, readers, strict=True) if reply.is_answer]
    if 2 * len(answered) <= len(votes):  # a minority must not decide for the others
        missing = next(reply for reply in votes if not reply.is_answer)
        count = f" ({len(votes) - len(answered)} of {len(votes)} votes)" if len(votes) > 1 else ""
        return Opinion(unanswered=f"{missing.reason or missing.finish}{count}", num_votes=len(answered))
    found = [_probabilities(reply, read, meanings, num_choices=num_choices) for reply, read in answered]
    readable = [probabilities for probabilities in found if probabilities is not None]
    if not readable:
        return Opinion(unreadable=_shown(answered[0][0].text), num_votes=len(answered))
    shares = tuple(math.fsum(column) / len(answered) for column in zip(*readable, strict=True))
    return Opinion(shares=shares, num_votes=len(answered))


def _probabilities(
    reply: Reply, read: Callable[[str], int | None], meanings: Sequence[int], *, num_choices: int
) -> list[float] | None:
    """Returns the probability of each choice: from scores where the engine gives some, else from the words."""
    if reply.scores:
        shares = softmax(reply.scores)
        if shares is None:
            return None
        together = [0.0] * num_choices
        for meaning, share in zip(meanings, shares, strict=True):
            together[meaning] += share
        return together
    choice = read(reply.text)
    return None if choice is None else [float(i == choice) for i in range(num_choices)]


def _shown(text: str) -> str:
    line = one_line(text)
    return repr(line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…")
