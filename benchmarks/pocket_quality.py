"""Measures the pocket models: `python benchmarks/pocket_quality.py DATA [--test]`.

Per task and language: rows generated from ten seed texts per label, how many of them copy a training row, how many the
judge accepts, how often a linear model that knows the human rows agrees with their labels, and what a linear model
learns from them. Per model: zero-shot and two-shot classification, and the judge on spoilt rows.

Choices are made on the held-out rows; `--test` adds the human test files. The figures of the model card come from
`pocket_chain.py`.
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from transformers import AutoModelForCausalLM, AutoTokenizer

import sdc.pipelines.pocket
from sdc.pipelines import prompts
from sdc.pipelines.pocket.training.build import SAMPLING
from sdc.pipelines.pocket.training.corpus import BAD_KINDS, Corpus
from sdc.pipelines.pocket.training.texts import LANGUAGES, TASKS, TextPool, load_pools
from sdc.pipelines.tasks import Task

NUM_SEEDS = 10
NUM_TEXTS = 10


class Pocket:
    """A pocket model with the three things that are asked of it."""

    def __init__(self, folder: Path, *, dtype: torch.dtype = torch.float32) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()

    def _batches(self, asked: Sequence[str], size: int) -> Iterator[tuple[list[int], Any]]:
        """Yields (indices, encoded prompts) of like length, left-padded."""
        chats = [[{"role": "user", "content": prompt}] for prompt in asked]
        texts = self.tokenizer.apply_chat_template(chats, add_generation_prompt=True, tokenize=False)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield chosen, self.tokenizer([texts[i] for i in chosen], padding=True, return_tensors="pt")

    @torch.inference_mode()
    def reply(self, asked: Sequence[str], *, size: int = 24, limit: int = 640, **sampling: Any) -> list[str]:
        """Returns one reply per prompt."""
        replies = [""] * len(asked)
        for chosen, encoded in self._batches(asked, size):
            out = self.model.generate(**encoded, max_new_tokens=limit, **sampling)
            texts = self.tokenizer.batch_decode(out[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
            for index, text in zip(chosen, texts, strict=True):
                replies[index] = text
        return replies

    @torch.inference_mode()
    def p_yes(self, asked: Sequence[str], *, size: int = 64) -> list[float]:
        """Returns P(yes) against P(no) per judge prompt."""
        yes, no = (self.tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("yes", "no"))
        scores = [0.0] * len(asked)
        for chosen, encoded in self._batches(asked, size):
            logits = self.model(**encoded, logits_to_keep=1).logits[:, -1].float()
            for index, score in zip(chosen, (logits[:, yes] - logits[:, no]).sigmoid().tolist(), strict=True):
                scores[index] = score
        return scores


def linear(rows: Sequence[tuple[str, int]]) -> Pipeline:
    """Returns the reference classifier: logistic regression over character n-grams."""
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    return make_pipeline(vectors, LogisticRegression(C=10, max_iter=1000)).fit(*zip(*rows, strict=True))


def accuracy(model: Pipeline, rows: Sequence[tuple[str, int]]) -> float:
    """Returns the share of `rows` that the linear model labels right."""
    texts, labels = zip(*rows, strict=True)
    return float((model.predict(list(texts)) == list(labels)).mean())


def grams(text: str) -> frozenset[str]:
    """Returns the character 5-grams of the normalised text (the whole text if it is shorter)."""
    text = " ".join(text.casefold().split())
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def copies(texts: Sequence[str], known: Sequence[str]) -> list[bool]:
    """Returns for each text whether it equals a known one or has a 5-gram Jaccard similarity of at least 0.8 to one."""
    sets = [grams(text) for text in known]
    where: dict[str, list[int]] = defaultdict(list)
    for index, items in enumerate(sets):
        for gram in items:
            where[gram].append(index)
    found = []
    for text in texts:
        own = grams(text)
        shared: dict[int, int] = defaultdict(int)
        for gram in own:
            for index in where.get(gram, ()):
                shared[index] += 1
        found.append(any(n / (len(own) + len(sets[i]) - n) >= 0.8 for i, n in shared.items()))
    return found


def contained(texts: Sequence[str], known: Sequence[str]) -> float:
    """Returns the mean share of a text's 5-grams that stand in the one known text that covers it best."""
    sets = [grams(text) for text in known]
    return sum(max(len(own & other) for other in sets) / len(own) for own in map(grams, texts)) / max(1, len(texts))


def read(path: Path, task: Task) -> list[tuple[str, int]]:
    """Returns (text, label id) of a human file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], int(str(task.label_id(row["intent"])))) for row in csv.DictReader(file)]


def generated(
    teacher: Pocket, pool: TextPool, *, per_label: int, rng: random.Random, sampling: dict[str, Any]
) -> list[tuple[str, int]]:
    """Returns (text, label id) as the teacher wrote them, `per_label` / 10 calls per label with the same ten seeds."""
    asked, labels = [], []
    for label in pool.task.labels:
        seeds = rng.sample(pool.by_label[label.id], NUM_SEEDS)
        prompt = prompts.gen(
            pool.task, pool.language, label,
            seed_texts=seeds, explanation=label.description, num_texts=NUM_TEXTS,
        )  # fmt: skip
        asked += [prompt] * (per_label // NUM_TEXTS)
        labels += [label.id] * (per_label // NUM_TEXTS)
    limit = 256 if pool.task.name == "intent" else 512
    replies = teacher.reply(asked, limit=limit, do_sample=True, **sampling)
    pairs = zip(replies, labels, strict=True)
    return [(text.strip(), i) for reply, i in pairs for text in reply.split("\n---\n") if text.strip()]


def generation(
    teacher: Pocket, pool: TextPool, options: argparse.Namespace, sampling: dict[str, Any]
) -> dict[str, float]:
    """Returns the figures of generation for one task and language."""
    tag, task = pool.language.tag, pool.task
    human = read(options.data / task.name / f"{tag}-train_human_parsed.csv", task)
    start = time.monotonic()
    rows = generated(teacher, pool, per_label=options.per_label, rng=random.Random(options.seed), sampling=sampling)
    written_s = time.monotonic() - start
    unique = list(dict.fromkeys(rows))
    asked = [prompts.judge(task, pool.language, task.labels[label], text=text) for text, label in unique]
    accepted = [row for row, p in zip(unique, teacher.p_yes(asked), strict=True) if p >= 0.5]
    texts, known = [text for text, _ in rows], [text for text, _ in human]
    reference = linear(human)
    dev = [(text, label.id) for text, label in options.dev[task.name, tag].rows]
    out = {
        "rows": len(rows),
        "seconds": written_s,
        "judge_seconds": time.monotonic() - start - written_s,
        "copied": sum(copies(texts, known)) / len(rows),
        "contained": contained(texts, known),
        "duplicates": 1 - len(unique) / len(rows),
        "accepted": len(accepted) / len(unique),
        "fidelity": accuracy(reference, unique),
        "fidelity_accepted": accuracy(reference, accepted),
        "student_dev": accuracy(linear(accepted), dev),
    }
    if options.test:
        test = read(options.data / task.name / f"{tag}-test.csv", task)
        labels = [label for _, label in test]
        out["student_test"] = accuracy(linear(accepted), test)
        out["human_test"] = accuracy(reference, test)
        out["majority"] = max(map(labels.count, labels)) / len(labels)
    if options.show:
        for text, label in random.Random(0).sample(rows, min(options.show, len(rows))):
            print(f"    {task.labels[label].name}: {text}")
    return out


def classification(model: Pocket, pool: TextPool, options: argparse.Namespace) -> dict[str, float]:
    """Returns the accuracy without examples and with two per label, on the test or the held-out rows."""
    task, tag = pool.task, pool.language.tag
    rows = [(text, label.id) for text, label in options.dev[task.name, tag].rows]
    if options.test:
        rows = read(options.data / task.name / f"{tag}-test.csv", task)
    rng, out = random.Random(options.seed), {}
    rows = rng.sample(rows, min(options.limit, len(rows)))
    for shots in (0, 2):
        pairs = [(t, label.name) for label in task.labels for t in rng.sample(pool.by_label[label.id], shots)]
        rng.shuffle(pairs)
        asked = [prompts.classify(task, text=text, shots=pairs) for text, _ in rows]
        replies = model.reply(asked, size=48, limit=8, do_sample=False)
        hits = [task.label_id(reply) == label for reply, (_, label) in zip(replies, rows, strict=True)]
        out[f"{shots}-shot"] = sum(hits) / len(hits)
    return out


def judging(model: Pocket, dev: Sequence[TextPool], options: argparse.Namespace) -> dict[str, float]:
    """Returns the judge's accuracy on held-out rows, good and spoilt, by kind."""
    corpus, rng = Corpus(dev, shares={"judge": 1}), random.Random(options.seed)
    out = {}
    for kind in ("good", *BAD_KINDS):
        for task in TASKS:
            asked = []
            for pool in dev:
                for text, label in (rng.choice(pool.rows) for _ in range(60 if pool.task.name == task else 0)):
                    if kind != "good":
                        text, label = corpus.bad(pool, text, label, kind=kind, rng=rng)
                    asked.append(prompts.judge(pool.task, pool.language, label, text=text))
            right = [(p >= 0.5) == (kind == "good") for p in model.p_yes(asked)]
            out[f"{task} {kind}"] = sum(right) / len(right)
    return out


def main() -> None:
    """Prints what was asked for as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with <task>/<language>-train_human_parsed.csv")
    parser.add_argument("--models", type=Path, default=Path(sdc.pipelines.pocket.__path__[0]))
    parser.add_argument("--test", action="store_true", help="report on the human tests as well")
    parser.add_argument("--parts", nargs="+", default=["generation", "classification", "judging"])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--langs", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--only", nargs="+", default=["teacher", "student"])
    parser.add_argument("--per-label", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, default=200, help="most rows to classify per language")
    parser.add_argument("--show", type=int, default=0, help="print so many generated rows")
    for name, value in SAMPLING.items():
        parser.add_argument(f"--{name}", type=float, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    sampling = {name: getattr(options, name) for name in SAMPLING}
    options.dev = {(p.task.name, p.language.tag): p for p in load_pools(options.data, dev=True)}
    wanted = [p for p in load_pools(options.data, dev=False) if p.task.name in options.tasks]
    wanted = [p for p in wanted if p.language.tag in options.langs]
    for name in options.only:
        model = Pocket(options.models / name)
        for pool in wanted:
            found: dict[str, float] = {}
            if "generation" in options.parts and name == "teacher":
                found |= generation(model, pool, options, sampling)
            if "classification" in options.parts:
                found |= classification(model, pool, options)
            if not found:
                continue
            figures = {key: round(value, 3) for key, value in found.items()}
            row = {"model": name, "task": pool.task.name, "lang": pool.language.tag} | figures
            print(json.dumps(row), flush=True)
        if "judging" in options.parts:
            found = judging(model, list(options.dev.values()), options)
            print(json.dumps({"model": name} | {k: round(v, 3) for k, v in found.items()}), flush=True)


if __name__ == "__main__":
    main()
