"""Fine-tuning of an XLM-R-large-shaped model with random weights: `python benchmarks/gpu_finetune.py [--shape tiny]`.

Speed does not depend on what weights and texts say, so nothing is fetched: the model is made from its configuration,
the rows are made up, with lengths of real topics. sdc's own loop trains it, the runs one after another.

Prints a table, and the same as one line of JSON: seconds per step, tokens per second (padding not counted), peak
memory, and the share of the bf16 peak that a matrix product reaches on the same device (6 operations per parameter of
the layers and token). `xlm-r-large` is the default on a GPU; `tiny` tries the code anywhere. Without a GPU and without
--shape it says so in one line and does nothing.
"""

import argparse
import json
import math
import random
import resource
import sys
import time

import torch
import transformers

from sdc.pipelines.students.finetune import FinetuneConfig, loop
from sdc.pipelines.students.finetune.classifier import Classifier, attention_of, precision_of
from sdc.pipelines.students.reproducible import reproducible

XLM_R_LARGE = {
    "vocab_size": 250002, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
    "num_attention_heads": 16, "max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2, "layer_norm_eps": 1e-5,
}  # fmt: skip
TINY = {**XLM_R_LARGE, "vocab_size": 512, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2,
        "num_attention_heads": 4}  # fmt: skip
SHAPES = {"xlm-r-large": XLM_R_LARGE, "tiny": TINY}
#: Tokens of the made-up rows: those of Telugu topics under XLM-R's tokenizer, roughly.
LENGTHS = (15, 75)
LABELS = 7


def clock(device: str) -> float:
    """Returns seconds of the clock, once the GPU is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_flops(device: str) -> float:
    """Returns operations per second of the best of a few large bf16 matrix products."""
    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    best = math.inf
    for _ in range(8):
        start = clock(device)
        for _ in range(4):
            a @ b
        best = min(best, (clock(device) - start) / 4)
    return 2 * size**3 / best


def model(shape: str, device: str, seed: int) -> Classifier:
    """Returns an untrained classifier of a shape."""
    torch.manual_seed(seed)
    config = transformers.XLMRobertaConfig(**SHAPES[shape], num_labels=LABELS, classifier_dropout=0.3)
    attention = attention_of(device, precision_of(device))
    config._attn_implementation = attention or "sdpa"
    with torch.device(device):
        network = transformers.XLMRobertaForSequenceClassification(config)
    return Classifier(network, pad_id=1, device=device, precision=precision_of(device))


def rows(vocabulary: int, num_rows: int, seed: int) -> tuple[list[list[int]], list[int]]:
    """Returns made-up token ids and labels."""
    choice = random.Random(seed)
    ids = [[choice.randrange(5, vocabulary) for _ in range(choice.randint(*LENGTHS))] for _ in range(num_rows)]
    return ids, [i % LABELS for i in range(num_rows)]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=tuple(SHAPES))
    parser.add_argument("--rows", type=int, nargs="+", default=[20, 100, 400], help="sizes of the draw, a run each")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and arguments.shape is None:
        print("gpu_finetune: this machine has no GPU that torch sees; --shape tiny tries the code on the CPU")
        sys.exit(0)
    shape = arguments.shape or "xlm-r-large"
    config = FinetuneConfig(epochs=arguments.epochs, early_stopping=False)
    peak = peak_flops(device)
    table = []
    with reproducible(shape):
        for number, num_rows in enumerate([arguments.rows[0], *arguments.rows]):
            classifier = model(shape, device, seed=number)
            network = classifier.network
            layers = sum(p.numel() for p in (*network.roberta.encoder.parameters(), *network.classifier.parameters()))
            ids, labels = rows(SHAPES[shape]["vocab_size"], num_rows, seed=number)
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            start = clock(device)
            details = loop.train(classifier, ids, labels, dev=[], config=config, seed=number)
            seconds = clock(device) - start
            if number == 0:  # the first passes of a process are slow
                continue
            memory = torch.cuda.max_memory_allocated() if device == "cuda" else 1000 * resource.getrusage(0).ru_maxrss
            flops = 6 * layers * details["tokens"] / seconds
            table.append({
                "rows": num_rows, "batch": details["batch_size"], "steps": details["steps"],
                "ms_per_step": round(1000 * seconds / details["steps"], 1),
                "tokens_per_s": round(details["tokens"] / seconds), "peak_gb": round(memory / 1e9, 2),
                "gflops": round(flops / 1e9, 1), "share_of_peak": round(flops / peak, 3),
            })  # fmt: skip
            del classifier, network
    print("  ".join(f"{column:>13}" for column in table[0]))
    for row in table:
        print("  ".join(f"{value!s:>13}" for value in row.values()))
    about = {"shape": shape, "device": device, "precision": precision_of(device), "peak_gflops": round(peak / 1e9)}
    print(json.dumps({"benchmark": "gpu_finetune", **about, "rows": table}))


if __name__ == "__main__":
    main()
