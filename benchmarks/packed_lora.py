"""Packed LoRA against one run after another: `python benchmarks/packed_lora.py [--shape pocket|tiny|llama-8b]`.

The same runs are trained three ways over the same base, on the same machine, in one go: by sdc one after another; by
sdc packed; one after another with plain `peft` and a loop as people write it. `pocket` (the default without a GPU)
takes the bundled student and Telugu demo examples; `llama-8b` (the default with one) a Llama-3.1-8B-shaped model with
random weights and made-up rows of the same lengths, since speed does not depend on what they say; `tiny` tries that
anywhere.

Prints a table, and the same as one line of JSON: time per run and step, tokens per second, peak memory, and the share
of the bf16 peak that a matrix product reaches on the same device. Work is counted as 4 operations per parameter of the
layers and token (forward, and backward through frozen weights), padding not counted. On a CPU times are those of the
process (use --threads 1 beside other work), on a GPU those of the clock.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from sdc.cache.store import Store
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.students.lora import LoraConfig
from sdc.pipelines.students.lora import size as pack_size
from sdc.pipelines.students.lora.instruct import Instructions, TokenRow
from sdc.pipelines.students.lora.layers import Adapters
from sdc.pipelines.students.lora.pack import Pack
from sdc.pipelines.students.lora.passes import Passes
from sdc.pipelines.students.lora.run import PackedRun
from sdc.pipelines.students.lora.tuned import TunedEngine

LLAMA_8B = {
    "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192, "bos_token_id": 128000,
    "eos_token_id": 128009, "tie_word_embeddings": False,
}  # fmt: skip
TINY = {**LLAMA_8B, "vocab_size": 512, "hidden_size": 64, "intermediate_size": 224, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 1, "bos_token_id": 0, "eos_token_id": 1}  # fmt: skip
#: Tokens of the made-up rows: those of Telugu topic prompts under the Llama tokenizer.
LENGTHS = (140, 320)
LABELS = 7


class Bench:
    """A base, its adapters, and rows to train on."""

    def __init__(self, shape: str, config: LoraConfig) -> None:
        self.config = config
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.network: Any
        if shape == "pocket":
            model = models.resolve(Store(Path(tempfile.mkdtemp()) / "store.duckdb"), models.STUDENT)
            engine = TunedEngine(model, config)
            self.network, self.adapters, self.pad_id = engine.network, engine.adapters, engine.pad_id
            self.pool = self._demo_rows(engine)
            self.fresh: Callable[[], Any] = lambda: transformers.AutoModelForCausalLM.from_pretrained(
                model.source, dtype=torch.float32
            )
        else:
            settings = transformers.LlamaConfig(**(LLAMA_8B if shape == "llama-8b" else TINY))
            kind = torch.bfloat16 if self.device == "cuda" else torch.float32

            def make() -> Any:
                with torch.device(self.device):
                    return transformers.LlamaForCausalLM._from_config(settings, dtype=kind).eval()

            self.fresh = make
            self.network, self.pad_id = make(), 0
            self.adapters = Adapters(self.network, config.targets, rank=config.rank, alpha=config.alpha, model=shape)
            self.pool = self._made_up_rows(settings.vocab_size)
        self.passes = Passes(
            self.network, self.adapters, dropout=config.dropout, checkpointing=config.checkpointing,
            pad_id=self.pad_id, device=self.device, model=shape,
        )  # fmt: skip
        decoder = self.network.get_decoder()
        embedded = decoder.get_input_embeddings().weight
        self.layer_parameters = sum(p.numel() for p in decoder.parameters() if p is not embedded)

    def _demo_rows(self, engine: TunedEngine) -> list[tuple[TokenRow, int]]:
        task = tasks.load("topic")
        instructions = Instructions(
            engine.tokenizer, engine.prompt_ids, task, limit=self.config.max_length, model="pocket-student"
        )
        lines = (models.POCKET / "examples" / "topic-te-train.jsonl").read_text("utf-8").splitlines()
        found = [json.loads(line) for line in lines]
        labels = [task.label_id(row["label"]) or 0 for row in found]
        return [(instructions.row(row["text"], label), label) for row, label in zip(found, labels, strict=True)]

    @staticmethod
    def _made_up_rows(vocabulary: int) -> list[tuple[TokenRow, int]]:
        choice = random.Random(1)
        rows = []
        for i in range(100):
            length = choice.randint(*LENGTHS)
            ids = tuple(choice.randrange(5, vocabulary) for _ in range(length))
            rows.append((TokenRow(ids=ids, num_prompt=length - 3), i % LABELS))
        return rows

    def runs(self, num_runs: int) -> list[PackedRun]:
        """Returns repeats with seeds of their own."""
        rows, labels = [row for row, _ in self.pool], [label for _, label in self.pool]
        return [PackedRun(i, rows, labels, config=self.config, init_seed=i, order_seed=i) for i in range(num_runs)]

    def pack(self, size: int) -> Pack:
        """Returns a pack of so many runs."""
        return Pack(self.passes, self.config, size=size)

    def auto_size(self, runs: Sequence[PackedRun]) -> int:
        """Returns the size that sdc chooses."""
        rows = [row for run in runs for row in run.trained]
        return pack_size.choose(self.passes, rows, rows_per_run=self.config.batch_size)


def trained(bench: Bench, runs: list[PackedRun], size: int) -> tuple[float, list[Any]]:
    """Trains runs with sdc; returns seconds and adapters in the order of the runs."""
    start = clock(bench)
    found = {run.number: values for ended in bench.pack(size).train(runs, lambda *_: None) for run, values in ended}
    return clock(bench) - start, [found[run.number] for run in runs]


def trained_by_peft(bench: Bench, runs: list[PackedRun]) -> float:
    """Trains runs one after another with peft, transformers and torch; returns seconds without loading the base."""
    import peft

    config = bench.config
    base = bench.fresh().to(bench.device)
    if config.checkpointing:
        base.activation_checkpointing_enable()
    seconds = 0.0
    for run in runs:
        how = peft.LoraConfig(
            r=config.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=list(config.targets),
            task_type="CAUSAL_LM",
        )  # fmt: skip
        model: Any = peft.get_peft_model(base, how)
        weights = [p for p in model.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=config.learning_rate)
        model.train()
        start = clock(bench)
        for step in range(config.steps):
            run.step = step
            optimiser.param_groups[0]["lr"] = run.learning_rate
            rows = run.next_batch()
            longest = max(len(row.ids) for row in rows)
            ids = torch.full((len(rows), longest), bench.pad_id)
            labels = torch.full((len(rows), longest), -100)
            for i, row in enumerate(rows):
                ids[i, : len(row.ids)] = torch.tensor(row.ids)
                labels[i, row.num_prompt : len(row.ids)] = torch.tensor(row.ids[row.num_prompt :])
            mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows])
            inputs = {"input_ids": ids, "attention_mask": mask, "labels": labels}
            with torch.autocast(bench.device, dtype=torch.bfloat16, enabled=bench.device == "cuda"):
                loss = model(**{name: value.to(bench.device) for name, value in inputs.items()}).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            loss.item()
        seconds += clock(bench) - start
        base = model.unload()
    return seconds


def clock(bench: Bench) -> float:
    """Returns seconds: of the clock once the GPU is done, or of this process's CPU."""
    if bench.device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


def peak_flops(bench: Bench) -> float:
    """Returns operations per second of the best of a few large bf16 matrix products."""
    size = 8192 if bench.device == "cuda" else 1024
    a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=bench.device) for _ in range(2))
    best = float("inf")
    for _ in range(8):
        start = clock(bench)
        for _ in range(4):
            a @ b
        best = min(best, (clock(bench) - start) / 4)
    return 2 * size**3 / best


def peak_gb(bench: Bench) -> float:
    if bench.device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shapes = ("pocket", "tiny", "llama-8b")
    parser.add_argument("--shape", choices=shapes, default="llama-8b" if torch.cuda.is_available() else "pocket")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--pack", type=int, help="runs at once; default: what sdc chooses")
    parser.add_argument(
        "--alone", type=int, help="runs that are also trained one after another; default: all, on a GPU 1"
    )
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--checkpointing", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = LoraConfig(
        steps=arguments.steps, learning_rate=1e-3, early_stopping=False, checkpointing=arguments.checkpointing
    )
    bench = Bench(arguments.shape, config)
    num_alone = arguments.alone or (1 if bench.device == "cuda" else arguments.runs)
    size = arguments.pack or bench.auto_size(bench.runs(arguments.runs))
    trained(bench, bench.runs(1), 1)  # the first passes of a process are slow
    peak = peak_flops(bench)

    rows: list[dict[str, Any]] = []

    def note(name: str, runs: list[PackedRun], pack: int, seconds: float, tokens: int) -> None:
        flops = 4 * bench.layer_parameters * tokens / seconds
        rows.append({
            "how": name, "runs": len(runs), "at_once": pack, "seconds": round(seconds, 2),
            "ms_per_run_step": round(1000 * seconds / (len(runs) * config.steps), 2),
            "tokens_per_s": round(tokens / seconds), "gflops": round(flops / 1e9, 1),
            "share_of_peak": round(flops / peak, 4), "peak_gb": round(peak_gb(bench), 2),
        })  # fmt: skip
        if bench.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    alone = bench.runs(num_alone)
    seconds, values_alone = trained(bench, alone, 1)
    note("sdc, one after another", alone, 1, seconds, sum(run.tokens for run in alone))
    packed = bench.runs(arguments.runs)
    seconds, values = trained(bench, packed, size)
    note("sdc, packed", packed, size, seconds, sum(run.tokens for run in packed))
    by_peft = bench.runs(num_alone)
    seconds = trained_by_peft(bench, by_peft)
    note("peft, one after another", by_peft, 1, seconds, sum(run.tokens for run in by_peft))

    first = [bench.adapters.initial(run.init_seed) for run in alone]
    worst = max(
        float((one - other).abs().max() / (one - start).abs().max())
        for one, other, start in zip(values_alone, values, first, strict=False)
    )
    per_step = {row["how"]: row["ms_per_run_step"] for row in rows}
    gain = {name: round(ms / per_step["sdc, packed"], 2) for name, ms in per_step.items() if name != "sdc, packed"}
    columns = list(rows[0])
    print("  ".join(f"{column:>{max(len(column), 24 if column == 'how' else 8)}}" for column in columns))
    for row in rows:
        print("  ".join(f"{row[c]:>{max(len(c), 24 if c == 'how' else 8)}}" for c in columns))
    about = {"shape": arguments.shape, "device": bench.device, "steps": config.steps, "peak_gflops": round(peak / 1e9)}
    about |= {"threads": torch.get_num_threads(), "checkpointing": config.checkpointing}
    print(f"packed is {gain} times as fast; adapters packed and alone differ by {worst:.1e} of the largest change")
    print(json.dumps({"benchmark": "packed_lora", **about, "rows": rows, "gain": gain, "difference": worst}))


if __name__ == "__main__":
    main()
