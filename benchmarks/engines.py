"""The engines on the same 200 prompts: `python benchmarks/engines.py`, or `just bench gen`.

Generation, classification with two shots per label, and judging, as the stages ask them, on the bundled examples. Each
engine runs in a process of its own; loading it is not measured. Prints a table, and the same as one line of JSON.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sdc.cache.store import Store
from sdc.pipelines import prompts, tasks
from sdc.pipelines.engines import models, open_asker
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages

CELLS = [(lang, task) for lang in ("en", "sw", "te") for task in ("topic", "intent")]
NUMBER = 200
#: Of ten prompts: so many write texts and so many classify one; the rest judges one.
SHARES = {"gen": 3, "classify": 5, "judge": 2}
_SERVER_START_S = 300


def calls(number: int = NUMBER, *, max_tokens: int = 100) -> list[Call]:
    """Returns calls as the stages make them, the same for the same arguments, cell after cell."""
    made: list[Call] = []
    cells = [_Cell(lang, task) for lang, task in CELLS]
    for i in range(number):
        cell = cells[i * len(cells) // number]
        kind = [name for name, share in SHARES.items() for _ in range(share)][i % 10]
        label = cell.task.labels[i % len(cell.task.labels)]
        text = cell.test[i % len(cell.test)]["text"]
        if kind == "gen":
            seeds = [row["text"] for row in cell.train if row["label"] == label.name][:4]
            prompt = prompts.gen(cell.task, cell.language, label, seed_texts=seeds, num_texts=5)
            made.append(Call(prompt=prompt, temperature=1.0, top_p=0.95, max_tokens=max_tokens, seed=i))
        elif kind == "classify":
            prompt = prompts.classify(cell.task, text=text, shots=cell.shots)
            made.append(Call(prompt=prompt, choices=cell.task.label_names))
        else:
            prompt = prompts.judge(cell.task, cell.language, label, text=text)
            made.append(Call(prompt=prompt, choices=("yes", "no")))
    return made


class _Cell:
    def __init__(self, lang: str, task: str) -> None:
        self.task, self.language = tasks.load(task), languages.load(lang)
        self.train, self.test = (_rows(lang, task, split) for split in ("train", "test"))
        shots = [row for name in self.task.label_names for row in self._of(name)[:2]]
        random.Random(0).shuffle(shots)
        self.shots = [(row["text"], row["label"]) for row in shots]

    def _of(self, label: str) -> list[dict[str, str]]:
        return [row for row in self.train if row["label"] == label]


def _rows(lang: str, task: str, split: str) -> list[dict[str, str]]:
    path = models.POCKET / "examples" / f"{task}-{lang}-{split}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def measure(options: EngineOptions, model: str, number: int) -> dict[str, Any]:
    """Returns what an engine did with the calls, asked as a stage asks them, with nothing cached before."""
    asked = calls(number)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(store=Store(Path(folder) / "store.duckdb"), engine=options)
        with open_asker(context, models.resolve(context.store, model)) as asker:
            start = time.perf_counter()
            asker.ask([Call(prompt="warm up", max_tokens=4)])
            load_s = time.perf_counter() - start
            asker.take_usage()
            start = time.perf_counter()
            replies = asker.ask(asked)
            seconds = time.perf_counter() - start
            usage = asker.usage
    tokens = usage.prompt_tokens + usage.completion_tokens
    return {
        "engine": usage.engine,
        "calls": len(replies),
        "failed": usage.failed + usage.refused,
        "load_s": round(load_s, 1),
        "seconds": round(seconds, 2),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_per_s": round(tokens / seconds),
        "completion_tokens_per_s": round(usage.completion_tokens / seconds),
        "prefix_cache_share": None if usage.cached_tokens is None else usage.cached_tokens / usage.prompt_tokens,
    }


@contextmanager
def server(model: str, *more: str) -> Iterator[str]:
    """Starts vLLM's own server with a bundled model on the loopback, with more flags; returns its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = models.POCKET / models.aliases()[model]["bundled"]
    command = [
        sys.executable, "-W", "ignore", "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder),
        "--served-model-name", model, "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32",
        "--enforce-eager", "--no-enable-chunked-prefill", "--enable-prompt-tokens-details",
        "--uvicorn-log-level", "error", *more,
    ]  # fmt: skip
    env = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", **os.environ}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _SERVER_START_S
        while not _is_up(f"http://127.0.0.1:{port}/health"):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the server did not start")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _in_own_process(engine: str, url: str | None, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", engine, "--model", arguments.model, "--number", str(arguments.number)]
    done = subprocess.run(
        command + (["--server", url] if url else []), stdout=subprocess.PIPE, text=True, check=True, env=os.environ
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    """Measures the engines that are here, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=models.TEACHER, help="who answers")
    parser.add_argument("--number", type=int, default=NUMBER, help="prompts")
    parser.add_argument("--server", help="URL of an OpenAI-compatible server with the model, up to and with /v1")
    parser.add_argument("--start-server", action="store_true", help="start vLLM's server with a bundled model")
    parser.add_argument("--json", action="store_true", help="print the JSON only")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        options = EngineOptions(engine=arguments.one, server=arguments.server)
        print(json.dumps(measure(options, arguments.model, arguments.number)))
        return
    engines = ["transformers"] + ["vllm"] * (find_spec("vllm") is not None)
    results = [_in_own_process(engine, None, arguments) for engine in engines]
    if arguments.server:
        results.append(_in_own_process("openai", arguments.server, arguments))
    elif arguments.start_server:
        with server(arguments.model) as url:
            results.append(_in_own_process("openai", url, arguments))
    if not arguments.json:
        header = ("engine", "load, s", "calls, s", "tokens/s", "new tokens/s", "from prefix cache")
        print(f"{header[0]:<14}" + "".join(f"{name:>{len(name) + 3}}" for name in header[1:]))
        for row in results:
            share = "unknown" if row["prefix_cache_share"] is None else f"{row['prefix_cache_share']:.0%}"
            cells = (row["load_s"], row["seconds"], row["tokens_per_s"], row["completion_tokens_per_s"], share)
            line = "".join(f"{cell:>{len(name) + 3}}" for cell, name in zip(cells, header[1:], strict=True))
            print(f"{row['engine']:<14}{line}")
    print(json.dumps({"benchmark": "engines", "model": arguments.model, "engines": results}))
    sys.exit(any(row["failed"] for row in results))


if __name__ == "__main__":
    main()
