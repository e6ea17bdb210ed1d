"""Prompting as a plain script does it against sdc: `python benchmarks/naive_icl.py [DATA] [--threads 1]`.

Telugu topics, two shots per label, on the bundled student, in one process and on the same threads. DATA is a folder in
the layout of the paper's repository (204 test rows); without it, the bundled examples.

The plain script pads every prompt to the longest, asks one at a time and keeps no keys and values (`use_cache=False`).
It asks for 20 new tokens: `generate, 20 tokens` writes them all, `generate, to the end of turn` stops where the model
does, as transformers does by default. `scores` reads the likelihood of each option from a pass of its own. sdc asks
through its own `Asker` with nothing cached before. Loading the model is in neither, tokenising in both.

Prints a table, every reply that differs with how close the two best tokens were, and all of it as one line of JSON.
Times are those of the process divided by its threads. Peaks are those of a large matrix product here and now. Exits
with 1 if sdc is less than 20 times (generate) or 50 times (scores) as fast as the script that writes 20 tokens.
"""

import argparse
import csv
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from sdc.cache.store import Store
from sdc.pipelines import prompts, tasks
from sdc.pipelines.engines import answers, models, open_asker
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.stage import Context

NEW_TOKENS, SHOTS = 20, 2
TARGETS = {"generate": 20, "scores": 50}


class Naive:
    """One prompt at a time, padded to the longest, without keys and values of earlier tokens."""

    def __init__(self, engine: TransformersEngine, texts: Sequence[str], choices: Sequence[str]) -> None:
        self._network, self._engine, self._texts = engine._model, engine, texts
        self._choices = [answers.choice_ids(engine.tokenizer, choice) for choice in choices]

    def _inputs(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        rows = [self._engine.prompt_ids(text) for text in self._texts]
        longest = max(map(len, rows))
        return [
            (
                torch.tensor([[self._engine._pad_id()] * (longest - len(row)) + row]),
                torch.tensor([[0] * (longest - len(row)) + [1] * len(row)]),
            )
            for row in rows
        ]

    def generate(self, *, least: int = 0) -> list[list[int]]:
        """Returns the new tokens of every prompt, at least so many."""
        found = []
        with torch.inference_mode():
            for ids_1T, mask_1T in self._inputs():
                out_1T = self._network.generate(
                    input_ids=ids_1T, attention_mask=mask_1T, max_new_tokens=NEW_TOKENS, min_new_tokens=least,
                    do_sample=False, temperature=None, top_p=None, top_k=None, use_cache=False,
                    pad_token_id=self._engine._pad_id(),
                )  # fmt: skip
                found.append(out_1T[0, ids_1T.shape[1] :].tolist())
        return found

    def scores(self) -> list[list[float]]:
        """Returns the log-likelihood of every option."""
        found = []
        with torch.inference_mode():
            for ids_1T, mask_1T in self._inputs():
                row = []
                for choice in self._choices:
                    whole_1T = torch.cat([ids_1T, torch.tensor([choice])], 1)
                    seen_1T = torch.cat([mask_1T, torch.ones(1, len(choice), dtype=torch.int64)], 1)
                    logits_TV = self._network(
                        input_ids=whole_1T, attention_mask=seen_1T,
                        position_ids=(seen_1T.cumsum(1) - 1).clamp(min=0), use_cache=False,
                        logits_to_keep=len(choice) + 1,
                    ).logits[0, :-1]  # fmt: skip
                    logp_TV = logits_TV.float().log_softmax(-1)
                    row.append(float(logp_TV[torch.arange(len(choice)), torch.tensor(choice)].sum()))
                found.append(row)
        return found


def rows_of(data: Path | None, kind: str) -> list[tuple[str, int]]:
    """Returns (text, label id) of the test rows or of those that shots are taken from."""
    task = tasks.load("topic")
    if data:
        name = {"test": "te-test.csv", "train": "te-train_full.csv"}[kind]
        with (data / "topic" / name).open(encoding="utf-8", newline="") as file:
            return [(row["text"], int(float(row["label"]))) for row in csv.DictReader(file)]
    lines = (models.POCKET / "examples" / f"topic-te-{kind}.jsonl").read_text("utf-8").splitlines()
    return [(row["text"], task.label_id(row["label"]) or 0) for row in map(json.loads, lines)]


def texts_of(data: Path | None) -> list[str]:
    """Returns the prompts."""
    task, choice = tasks.load("topic"), random.Random(1337)
    pool = rows_of(data, "train")
    shots = [
        (text, label.name)
        for label in task.labels
        for text in choice.sample([text for text, found in pool if found == label.id], SHOTS)
    ]
    choice.shuffle(shots)
    return [prompts.classify(task, text=text, shots=shots) for text, _ in rows_of(data, "test")]


def clock() -> float:
    """Returns seconds of this process per thread."""
    return time.process_time() / torch.get_num_threads()


def timed(work: Callable[[], Any], *, repeats: int = 1) -> tuple[float, Any]:
    """Returns the median time and the last result."""
    found = []
    for _ in range(repeats):
        start = clock()
        result = work()
        found.append(clock() - start)
    return statistics.median(found), result


def peak_gflops(kind: torch.dtype) -> float:
    """Returns what the best of some large matrix products reaches."""
    size = 1024
    a, b = (torch.randn(size, size, dtype=kind) for _ in range(2))
    return max(2 * size**3 / timed(lambda: a @ b)[0] / 1e9 for _ in range(12))


def flops(work: Callable[[], Any]) -> int:
    """Returns the operations of matrix products and attention, those on padding among them."""
    attention = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}
    with FlopCounterMode(display=False, custom_mapping=attention) as counter:
        work()
    return int(counter.get_total_flops())


def _attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any) -> int:
    """Returns the operations of one attention from shapes (rows, heads, tokens, width), which the counter lacks."""
    rows, heads, tokens, width = query
    return 2 * rows * heads * tokens * key[2] * (width + value[3])


def ask(engine: TransformersEngine, calls: Sequence[Call]) -> list[Reply]:
    """Returns replies as a stage gets them, with an empty reply cache and nothing kept of earlier prompts."""
    engine.forget()
    with tempfile.TemporaryDirectory() as folder:
        context = Context(store=Store(Path(folder) / "store.duckdb"))
        with open_asker(context, models.resolve(context.store, models.STUDENT)) as asker:
            asker._engine = engine
            return asker.ask(calls)


def margin(engine: TransformersEngine, text: str, said: Sequence[int]) -> float:
    """Returns how far the two best tokens are apart, in logits, after a prompt and what was said."""
    with torch.inference_mode():
        logits_V = engine._model(torch.tensor([[*engine.prompt_ids(text), *said]])).logits[0, -1].float()
    first, second = logits_V.topk(2).values.tolist()
    return float(first - second)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU, for both")
    parser.add_argument("--repeats", type=int, default=5, help="of sdc, whose median counts")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    engine = TransformersEngine(models.resolve(Store(Path(tempfile.mkdtemp()) / "store.duckdb"), models.STUDENT))
    labels = tasks.load("topic").label_names
    texts = texts_of(arguments.data)
    naive = Naive(engine, texts, labels)
    calls = {"generate": [Call(prompt=text, max_tokens=NEW_TOKENS) for text in texts]}
    calls["scores"] = [Call(prompt=text, choices=labels) for text in texts]
    peaks = {"fp32": peak_gflops(torch.float32), "bf16": peak_gflops(torch.bfloat16)}

    ours: dict[str, tuple[float, list[Reply]]] = {}
    rows: list[dict[str, Any]] = []

    def note(who: str, what: str, seconds: float, work: Callable[[], Any] | None = None) -> None:
        row: dict[str, Any] = {"who": who, "what": what, "seconds": round(seconds, 2)}
        row["ms_per_row"] = round(1000 * seconds / len(texts), 2)
        if work:
            reached = flops(work) / seconds / 1e9
            row |= {"gflops": round(reached, 1)}
            row |= {f"share_{name}": round(reached / peak, 3) for name, peak in peaks.items()}
        rows.append(row)

    for what, asked in calls.items():
        ask(engine, asked)  # the first passes of a process are slow
        ours[what] = timed(lambda asked=asked: ask(engine, asked), repeats=arguments.repeats)  # type: ignore[misc]
        note("sdc", what, ours[what][0], lambda asked=asked: ask(engine, asked))  # type: ignore[misc]
    Naive(engine, texts[:2], labels).generate()
    theirs: dict[str, tuple[float, Any]] = {}
    for what, work in {
        "generate, to the end of turn": naive.generate,
        "generate, 20 tokens": lambda: naive.generate(least=NEW_TOKENS),
        "scores": naive.scores,
    }.items():
        theirs[what] = timed(work)
        note("naive", what, theirs[what][0])

    gain = {f"{mine} / {what}": round(s / ours[mine][0], 1) for mine in ours for what, (s, _) in theirs.items()}
    differences = []
    for text, reply, tokens in zip(texts, ours["generate"][1], theirs["generate, to the end of turn"][1], strict=True):
        said = engine.tokenizer.decode(tokens, skip_special_tokens=True)
        if said != reply.text:
            mine = engine.tokenizer(reply.text, add_special_tokens=False)["input_ids"]
            same = next((i for i, pair in enumerate(zip(mine, tokens, strict=False)) if pair[0] != pair[1]), len(mine))
            found = {"sdc": reply.text, "naive": said, "margin": margin(engine, text, tokens[:same])}
            differences.append(found)
    apart = max(
        abs(a - b)
        for reply, row in zip(ours["scores"][1], theirs["scores"][1], strict=True)
        for a, b in zip(reply.scores, row, strict=True)
    )
    served = sum(reply.cached_tokens or 0 for reply in ours["scores"][1])
    prompt = sum(reply.prompt_tokens for reply in ours["scores"][1])
    about: dict[str, Any] = {"rows": len(texts), "threads": arguments.threads, "prompt_tokens": prompt}
    about |= {"served_by_prefix": round(served / prompt, 3)}
    about |= {"new_tokens": sum(reply.completion_tokens for reply in ours["generate"][1])}
    about |= {f"peak_{name}_gflops": round(peak) for name, peak in peaks.items()}

    print(f"{'who':<7}{'what':<30}{'seconds':>9}{'ms a row':>10}{'GFLOP/s':>9}{'of fp32':>9}{'of bf16':>9}")
    for row in rows:
        shares = "".join(f"{row.get(name, '-'):>9}" for name in ("gflops", "share_fp32", "share_bf16"))
        print(f"{row['who']:<7}{row['what']:<30}{row['seconds']:>9}{row['ms_per_row']:>10}{shares}")
    for pair, times in gain.items():
        print(f"sdc {pair.replace(' / ', ' is so many times as fast as naive ')}: {times}")
    print(f"{len(differences)} of {len(texts)} replies differ; scores differ by at most {apart:.1e} nats")
    for found in differences:
        print(f"  sdc {found['sdc']!r}, naive {found['naive']!r}, margin {found['margin']:.2e}")
    print(json.dumps({"benchmark": "naive_icl", **about, "results": rows, "gain": gain, "differences": differences,
                      "scores_apart": apart}))  # fmt: skip
    sys.exit(any(gain[f"{what} / generate, 20 tokens"] < least for what, least in TARGETS.items()))


if __name__ == "__main__":
    main()
