"""The training conversations of the pocket models, over the very prompts that sdc sends.

Here: what is asked and answered, and which tokens are learnt. Not here: batches and steps (`trainer.py`), the varied
and the spoilt texts (`texts.py`).

A conversation is a tree: one prefix and several branches that see the prefix but not each other. Prompts of one kind
share most of their words (the options of a judge prompt, the seed examples of a generation prompt), so a tree costs
half of what separate conversations would.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from sdc.pipelines import prompts
from sdc.pipelines.pocket.training.texts import TextPool, chatter, garble, join, leftover, recombine, words_of
from sdc.pipelines.pocket.training.tokenizer import ASSISTANT, BOS, BREAK, END, USER
from sdc.pipelines.tasks import Label

#: A stretch of text and the weight of its tokens in the loss; 0 is read but not learnt.
Piece = tuple[str, float]

#: Answers of one word would drown beside generated texts of a hundred tokens.
_JUDGE_WEIGHT, _CLASS_WEIGHT, _EXPLAIN_WEIGHT = 10.0, 2.5, 4.0
#: The first word of a text depends on the label more than the words after it, which follow from the first.
_FIRST_WORD_WEIGHT = 2.0
#: Requests fall into learnable patterns sooner than sentences from the news: they come first, and need less later.
_EARLY_SHARES, _LATE_SHARES = {"intent": 0.85, "topic": 0.15}, {"intent": 0.3, "topic": 0.7}
_LATE = 0.5
#: The same while it also learns from its own texts, which it has of intent.
_OWN_EARLY_SHARES, _OWN_LATE_SHARES = {"intent": 0.65, "topic": 0.35}, {"intent": 0.28, "topic": 0.72}
#: How many answers are then its own texts, where there are enough; the others are human ones.
_OWN_SHARE = 0.6
#: The languages of the demonstration get more, the others the same.
_LANGUAGE_SHARES = {"te": 3.0, "en": 2.0, "sw": 2.0}
#: How many topic answers join a part of a seed with new words.
_SEED_SHARE = 0.55
#: How many generation prompts forbid words.
_TABOO_SHARE = 0.15
#: A tree gets branches until it has this many characters: attention over longer rows costs more than it teaches.
_TREE_CHARS = 1400
#: Kinds of bad texts and how often the judge sees them.
BAD_KINDS = {"label": 45, "language": 15, "garbled": 15, "chatter": 8, "glued": 10, "leftover": 7}


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One prefix, its branches, the skill it teaches, and the share of answer tokens to blur in the input."""

    skill: str
    prefix: tuple[Piece, ...]
    branches: tuple[tuple[Piece, ...], ...]
    blur: float = 0.0


class Corpus:
    """Draws conversations from pools of human texts.

    Args:
        pools: Texts by task and language.
        shares: Skill -> how often it is drawn, any scale: `generate`, `classify`, `judge`, `explain`.
    """

    def __init__(self, pools: Sequence[TextPool], *, shares: dict[str, float]) -> None:
        self._by_task: dict[str, list[TextPool]] = {}
        for pool in pools:
            self._by_task.setdefault(pool.task.name, []).append(pool)
        self._has_own = any(pool.own for pool in pools)
        self._skills = list(shares)
        self._weights = list(shares.values())
        self._draw: dict[str, Callable[[TextPool, random.Random, float], Conversation]] = {
            "generate": self.generate,
            "classify": self.classify,
            "judge": self.judge,
            "explain": self.explain,
        }

    def conversation(self, rng: random.Random, *, progress: float) -> Conversation:
        """Returns a random conversation; `progress` in [0, 1] moves the prompts from short ones to those in use."""
        skill = rng.choices(self._skills, self._weights)[0]
        early, late = (_OWN_EARLY_SHARES, _OWN_LATE_SHARES) if self._has_own else (_EARLY_SHARES, _LATE_SHARES)
        by_task = late if progress >= _LATE else early
        if self._has_own:
            progress = 1.0  # it knows the prompts by now
        task = rng.choices(list(self._by_task), [by_task[name] for name in self._by_task])[0]
        pools = self._by_task[task]
        shares = [1.0 if self._has_own else _LANGUAGE_SHARES.get(pool.language.tag, 1.2) for pool in pools]
        return self._draw[skill](rng.choices(pools, shares)[0], rng, progress)

    def generate(self, pool: TextPool, rng: random.Random, progress: float) -> Conversation:
        """Returns a generation prompt with several answers, none of which holds a seed text."""
        label = rng.choice(pool.task.labels)
        texts = pool.by_label[label.id]
        most = max(0, min(10, len(texts) - 2))
        seeds = rng.sample(texts, min(most, _num_seeds(rng, progress)))
        if pool.task.name == "topic" and rng.random() < 0.5:
            seeds = [" ".join(text.split()[:10]) for text in seeds]
        short = rng.random() < (0.5 if progress < 0.3 else 0.2)
        num_texts = rng.randint(1, 3) if short else 10 if rng.random() < 0.7 else rng.randint(4, 9)
        style = rng.choices(("both", "name", "explanation"), (70, 15, 15))[0]
        own = pool.own.get(label.id, ())
        is_own = len(own) > num_texts and rng.random() < _OWN_SHARE
        known = own if is_own else texts
        rest = [text for text in known if not text.startswith(tuple(seeds))] if seeds else list(known)
        taboo: tuple[str, ...] = ()
        if rng.random() < _TABOO_SHARE:
            taboo, rest = self._taboo(pool, label, rest, rng)
        prompt = prompts.gen(
            pool.task, pool.language, label,
            seed_texts=seeds, explanation=label.description, label_style=style, num_texts=num_texts,
            taboo=taboo,
        )  # fmt: skip
        branches: list[tuple[Piece, ...]] = []
        while not branches or (_chars(prompt, branches) < _TREE_CHARS and len(branches) < 6):
            chosen = rng.sample(rest, min(num_texts, len(rest)))
            if pool.task.name == "topic" and not is_own:
                allowed = [text for text in seeds if not _holds_any(text, taboo)]
                chosen = [self._topic_text(text, rest, allowed, rng) for text in chosen]
            branches.append(_texts_answer(chosen))
            if len(prompt) > _TREE_CHARS // 2 and not short:
                break
        blur = 0.04 if pool.task.name == "topic" else 0.02
        return Conversation(skill="generate", prefix=_question(prompt), branches=tuple(branches), blur=blur)

    @staticmethod
    def _topic_text(text: str, rest: Sequence[str], seeds: Sequence[str], rng: random.Random) -> str:
        """Returns a new text of a topic: half of them join a part of a seed that the prompt shows with new words.

        What a topic is about can hardly be learnt from seven hundred sentences; that the words of the seeds belong to
        it can.
        """
        if seeds and rng.random() < _SEED_SHARE:
            pair = (rng.choice(seeds), text)
            first, second = pair if rng.random() < 0.5 else pair[::-1]
            return join(first, second, rng)
        return recombine(text, rng.choice(rest), rng)

    def _taboo(
        self, pool: TextPool, label: Label, rest: list[str], rng: random.Random
    ) -> tuple[tuple[str, ...], list[str]]:
        """Returns words to forbid, of the label's most characteristic ones, and the texts without any of them."""
        words = _characteristic(pool, label.id)
        taboo = tuple(rng.sample(words, min(len(words), rng.randint(3, 10))))
        left = [text for text in rest if not _holds_any(text, taboo)]
        return (taboo, left) if len(left) > 4 else ((), rest)

    def explain(self, pool: TextPool, rng: random.Random, progress: float) -> Conversation:
        """Returns a prompt that asks for the description of a label."""
        label = rng.choice(pool.task.labels)
        texts = pool.by_label[label.id]
        seeds = rng.sample(texts, min(len(texts), rng.randint(2, 10)))
        prompt = prompts.explain(pool.task, pool.language, label, seed_texts=seeds)
        answer = ((label.description, _EXPLAIN_WEIGHT), (END, 1.0))
        return Conversation(skill="explain", prefix=_question(prompt), branches=(answer,))

    def classify(self, pool: TextPool, rng: random.Random, progress: float) -> Conversation:
        """Returns a classification prompt, half of them with shots, and several sentences as its branches.

        The labels of the shots are learnt as well: each one is a decision about the sentence before it.
        """
        shots = []
        if rng.random() < 0.3:
            shots = [self._labelled(pool, rng) for _ in range(rng.choice((4, 7, 10, 10, 14, 20)))]
        pairs = [(text, label.name) for text, label in shots]
        branches: list[tuple[Piece, ...]] = []
        head = ""
        while _chars(head, branches) < _TREE_CHARS or not branches:
            text, label = self._labelled(pool, rng)
            head, _, tail = prompts.classify(pool.task, text=text, shots=pairs).rpartition("\nSentence:")
            branches.append((("\nSentence:" + tail + END + ASSISTANT, 0.0), (label.name, _CLASS_WEIGHT), (END, 1.0)))
        prefix: list[Piece] = [(BOS + USER, 0.0)]
        for number, line in enumerate(head.split("\n")):
            start = "\n" if number else ""
            if line.startswith("Label: "):
                prefix += [(start + "Label:", 0.0), (line.removeprefix("Label:"), _CLASS_WEIGHT)]
            else:
                prefix.append((start + line, 0.0))
        return Conversation(skill="classify", prefix=tuple(prefix), branches=tuple(branches))

    def judge(self, pool: TextPool, rng: random.Random, progress: float) -> Conversation:
        """Returns a judge prompt with several texts as its branches, half of them good."""
        branches: list[tuple[Piece, ...]] = []
        head = ""
        while _chars(head, branches) < _TREE_CHARS or not branches:
            text, label = self._labelled(pool, rng)
            answer = "yes"
            if rng.random() < 0.5:
                kind = rng.choices(list(BAD_KINDS), list(BAD_KINDS.values()))[0]
                text, label = self.bad(pool, text, label, kind=kind, rng=rng)
                answer = "no"
            prompt = prompts.judge(pool.task, pool.language, label, text=text)
            head, split, tail = prompt.partition("\nText:")
            branches.append(((split + tail + END + ASSISTANT, 0.0), (answer, _JUDGE_WEIGHT), (END, 1.0)))
        return Conversation(skill="judge", prefix=((BOS + USER + head, 0.0),), branches=tuple(branches))

    def bad(self, pool: TextPool, text: str, label: Label, *, kind: str, rng: random.Random) -> tuple[str, Label]:
        """Returns the text and label of a row that the judge must refuse, made from a good row; see `BAD_KINDS`."""
        if kind == "label":
            return text, rng.choice([other for other in pool.task.labels if other.id != label.id])
        if kind == "language":
            other = rng.choice([p for p in self._by_task[pool.task.name] if p.language != pool.language])
            return rng.choice(other.by_label[label.id]), label
        if kind == "glued":
            return f"{text} {prompts.SEPARATOR} {rng.choice(pool.by_label[label.id])}", label
        spoil = {"garbled": garble, "chatter": chatter, "leftover": leftover}[kind]
        return spoil(text, rng), label

    def _labelled(self, pool: TextPool, rng: random.Random) -> tuple[str, Label]:
        label = rng.choice([label for label in pool.task.labels if pool.by_label[label.id]])
        texts = pool.by_label[label.id]
        text = rng.choice(texts)
        if pool.task.name == "topic" and rng.random() < 0.4:
            text = recombine(text, rng.choice(texts), rng)
        return text, label


@cache
def _characteristic(pool: TextPool, label_id: int) -> tuple[str, ...]:
    """Returns the thirty words that a label's texts have most beyond their share of all texts."""
    counts = {name: Counter(words_of(" ".join(texts))) for name, texts in pool.by_label.items()}
    total: Counter[str] = sum(counts.values(), Counter())
    share = sum(counts[label_id].values()) / max(1, total.total())
    excess = {word: count - share * total[word] for word, count in counts[label_id].items() if len(word) > 2}
    return tuple(sorted(excess, key=lambda word: (-excess[word], word))[:30])


def _holds_any(text: str, words: Sequence[str]) -> bool:
    return bool(words) and not set(words).isdisjoint(words_of(text))


def _chars(head: str, branches: Sequence[Sequence[Piece]]) -> int:
    return len(head) + sum(len(text) for branch in branches for text, _ in branch)


def _question(prompt: str) -> tuple[Piece, ...]:
    return ((BOS + USER + prompt + END + ASSISTANT, 0.0),)


def _texts_answer(texts: Sequence[str]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for number, text in enumerate(texts):
        first, space, rest = text.partition(" ")
        pieces += [(BREAK, 1.0)] * bool(number) + [(first, _FIRST_WORD_WEIGHT)] + [(space + rest, 1.0)] * bool(space)
    return (*pieces, (END, 1.0))


def _num_seeds(rng: random.Random, progress: float) -> int:
    """Returns how many seeds a prompt shows: few at first, so that the label is what decides; ten later."""
    draw = rng.random()
    if progress < 0.3:
        return 0 if draw < 0.5 else rng.randint(1, 4) if draw < 0.85 else rng.randint(5, 10)
    return 0 if draw < 0.2 else rng.randint(2, 4) if draw < 0.5 else rng.randint(5, 9) if draw < 0.7 else 10
