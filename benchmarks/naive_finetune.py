"""sdc's fine-tuning against a plain script: `python benchmarks/naive_finetune.py [DATA] [--pad longest|512]`.

Both sides fine-tune the same model on the same balanced draws of synthetic rows (one draw, init and order per seed),
with the same recipe: epochs, batch size, learning rate, warm-up, dropout, clipping, no early stopping. The plain side
is written as such scripts are: every text padded to the longest one (`longest`: of its split; or to a number of tokens,
as scripts with `padding="max_length"` do), float32, AdamW as it comes, one fit at a time from the files, numbers
fetched at every step, the test in one batch at the end. Seeds take turns, so that other work on the machine meets both.

DATA is a folder in the layout of the paper's data; without it, ../shared/data/paper.

Prints a table, and the same as one line of JSON: seconds of this process's CPU over threads and of the clock, training
tokens per second (padding not counted), the share of the peak that a matrix product reaches in bf16 and in fp32 (6
operations per parameter of the layers and token), accuracy as mean and standard deviation over seeds, and the paired
difference with its 95 % interval. Exits with 1 if sdc is less than --target times as fast, or if that interval leaves
out 0.
"""

import argparse
import csv
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sdc.cache.store import Store
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.metrics.interval import mean_interval
from sdc.pipelines.sample.strategies import STRATEGIES, Candidates
from sdc.pipelines.students import schedule
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent
from sdc.pipelines.students.protocol import Seeds

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "paper"
Rows = list[tuple[str, int]]


@dataclass
class Fit:
    """What one fit and its test took, in seconds, and how good it is."""

    cpu_s: float
    wall_s: float
    fit_s: float
    accuracy: float


def read(file: Path, task: tasks.Task) -> Rows:
    """Returns the usable rows of one of the paper's files."""
    with file.open(encoding="utf-8", newline="") as opened:
        found = [(row["text"], task.label_id(row["intent"])) for row in csv.DictReader(opened)]
    return [(text, label) for text, label in found if text and text.strip() and label is not None]


def clock(device: str) -> float:
    """Returns seconds: of the clock once the GPU is done, or of this process's CPU over its threads."""
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


def peak(kind: torch.dtype, device: str) -> float:
    """Returns operations per second of the best of a few large matrix products."""
    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, dtype=kind, device=device) for _ in range(2))
    best = math.inf
    for _ in range(8):
        start = clock(device)
        for _ in range(4):
            a @ b
        best = min(best, (clock(device) - start) / 4)
    return 2 * size**3 / best


def accuracy(best: Sequence[int], test: Rows) -> float:
    return sum(one == label for one, (_, label) in zip(best, test, strict=True)) / len(test)


def by_sdc(student: FinetuneStudent, rows: Rows, test: Rows, *, num_labels: int, seed: int, device: str) -> Fit:
    """Fits and tests with sdc; texts that an earlier seed has tokenised are not tokenised again."""
    start, wall = clock(device), time.perf_counter()
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    fitted = student.fit(texts, labels, num_labels=num_labels, seeds=Seeds(init=seed, order=seed))
    middle = clock(device)
    scores = fitted.scores([text for text, _ in test])
    right = accuracy([row.index(max(row)) for row in scores], test)
    return Fit(clock(device) - start, time.perf_counter() - wall, middle - start, right)


def by_script(
    folder: str, config: FinetuneConfig, rows: Rows, test: Rows, *, num_labels: int, seed: int, pad: str, device: str
) -> Fit:
    """Fits and tests as a plain script does."""
    start, wall = clock(device), time.perf_counter()
    random.seed(seed)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=num_labels, dtype=torch.float32)
    model.config.pad_token_id = tokenizer.pad_token_id
    head = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == num_labels][-1]
    head.register_forward_pre_hook(lambda m, x: (functional.dropout(x[0], config.dropout, m.training), *x[1:]))
    model.to(device)

    def encode(texts: list[str]) -> Any:
        if pad == "longest":
            return tokenizer(texts, padding=True, truncation=True, max_length=config.max_length, return_tensors="pt")
        return tokenizer(texts, padding="max_length", truncation=True, max_length=int(pad), return_tensors="pt")

    inputs, targets = encode([text for text, _ in rows]), torch.tensor([label for _, label in rows])
    size = config.rows_per_step(len(rows))
    total = config.epochs * math.ceil(len(rows) / size)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    model.train()
    step = 0
    for _ in range(config.epochs):
        order = torch.randperm(len(rows))
        for first in range(0, len(rows), size):
            picked = order[first : first + size]
            rate = schedule.rate_factor(step, total_steps=total, warmup=config.warmup)
            optimiser.param_groups[0]["lr"] = config.learning_rate * rate
            ids, mask = inputs["input_ids"][picked].to(device), inputs["attention_mask"][picked].to(device)
            loss = model(input_ids=ids, attention_mask=mask, labels=targets[picked].to(device)).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            loss.item()
            step += 1
    middle = clock(device)
    model.eval()
    with torch.no_grad():
        inputs = encode([text for text, _ in test])
        logits = model(input_ids=inputs["input_ids"].to(device), attention_mask=inputs["attention_mask"].to(device))
    right = accuracy(logits.logits.argmax(-1).tolist(), test)
    return Fit(clock(device) - start, time.perf_counter() - wall, middle - start, right)


def layer_parameters(folder: str) -> int:
    """Returns the parameters that every token passes: all but the embeddings."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder)
    embedded = {id(p) for m in model.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    return sum(p.numel() for p in model.parameters() if id(p) not in embedded)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--lang", default="te")
    parser.add_argument("--task", default="topic")
    parser.add_argument("--model", default=models.STUDENT, help="alias or folder")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pad", default="longest", help="of the plain script: longest, or a number of tokens")
    parser.add_argument("--threads", type=int, help="of the CPU, on both sides; use 1 beside other work")
    parser.add_argument("--target", type=float, default=3.0)
    arguments = parser.parse_args()
    if not (arguments.data / arguments.task).is_dir():
        sys.exit(f"no data in {arguments.data}; give a folder in the layout of the paper's data")
    os.environ["HF_HUB_OFFLINE"] = "1"
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    task = tasks.load(arguments.task)
    folder = arguments.data / arguments.task
    pool = read(folder / f"{arguments.lang}-train_full.csv", task)
    test = read(folder / f"{arguments.lang}-test.csv", task)
    model = models.resolve(Store(Path(tempfile.mkdtemp()) / "store.duckdb"), arguments.model)
    rate = model.finetune.get("learning_rate", 1e-5)
    config = FinetuneConfig(model=arguments.model, epochs=arguments.epochs, learning_rate=rate, early_stopping=False)
    student = FinetuneStudent(config, model)
    labels = len(task.labels)

    def draw(seed: int) -> Rows:
        candidates = Candidates(labels=[label for _, label in pool], num_labels=labels)
        (picked,) = STRATEGIES["balanced"].choose(candidates, [arguments.rows], seed)
        return [pool[i] for i in picked]

    student.prepare(["warm"])  # reads the tokenizer once, and imports what both sides need
    peaks = {"bf16": peak(torch.bfloat16, device), "fp32": peak(torch.float32, device)}
    fits: dict[str, list[Fit]] = {"script": [], "sdc": []}
    tokens = 0
    for seed in range(arguments.seeds):
        rows = draw(seed)
        tokens += arguments.epochs * sum(map(len, student.ids([text for text, _ in rows])))
        fits["script"].append(by_script(
            model.source, config, rows, test, num_labels=labels, seed=seed, pad=arguments.pad, device=device
        ))  # fmt: skip
        fits["sdc"].append(by_sdc(student, rows, test, num_labels=labels, seed=seed, device=device))
        print(
            f"seed {seed}: " + ", ".join(f"{name} {found[-1].cpu_s:.2f} s" for name, found in fits.items()), flush=True
        )

    parameters = layer_parameters(model.source)
    table = []
    for name, found in fits.items():
        right, fit_s = [fit.accuracy for fit in found], sum(fit.fit_s for fit in found)
        flops = 6 * parameters * tokens / fit_s
        table.append({
            "how": name, "seconds": round(statistics.fmean(fit.cpu_s for fit in found), 2),
            "wall_s": round(statistics.fmean(fit.wall_s for fit in found), 2), "tokens_per_s": round(tokens / fit_s),
            "gflops": round(flops / 1e9, 1), "of_bf16": round(flops / peaks["bf16"], 3),
            "of_fp32": round(flops / peaks["fp32"], 3), "accuracy": round(statistics.fmean(right), 4),
            "std": round(statistics.stdev(right), 4) if len(right) > 1 else None,
        })  # fmt: skip
    gains = [one.cpu_s / other.cpu_s for one, other in zip(fits["script"], fits["sdc"], strict=True)]
    gain = sum(fit.cpu_s for fit in fits["script"]) / sum(fit.cpu_s for fit in fits["sdc"])
    differences = [other.accuracy - one.accuracy for one, other in zip(fits["script"], fits["sdc"], strict=True)]
    # The interval of a mean within [0, 1]; a difference is within [-1, 1].
    ends = mean_interval([(value + 1) / 2 for value in differences])
    low, high = (2 * ends[0] - 1, 2 * ends[1] - 1) if ends else (-1.0, 1.0)
    mean = statistics.fmean(differences)
    print("  ".join(f"{column:>12}" for column in table[0]))
    for row in table:
        print("  ".join(f"{value!s:>12}" for value in row.values()))
    print(f"sdc is {gain:.2f} times as fast ({min(gains):.2f} to {max(gains):.2f} by seed)")
    print(f"accuracy of sdc minus that of the script: {mean:+.4f}, 95 % interval {low:+.4f}..{high:+.4f}")
    about = {"model": model.name, "data": f"{arguments.lang}/{arguments.task}", "rows": len(rows), "device": device}
    about |= {"epochs": arguments.epochs, "pad": arguments.pad, "threads": torch.get_num_threads()}
    about |= {"precision": "auto", "peak_gflops": {name: round(value / 1e9) for name, value in peaks.items()}}
    result = {"gain": round(gain, 2), "difference": round(mean, 4), "interval": [round(low, 4), round(high, 4)]}
    print(json.dumps({"benchmark": "naive_finetune", **about, "rows_of_table": table, **result}))
    if gain < arguments.target or not low <= 0 <= high:
        sys.exit(1)


if __name__ == "__main__":
    main()
