"""Quota and diversity of generation: `python benchmarks/incentives.py` measures the bundled pocket teacher on topics.

Two tables. The first: was each label's quota met exactly, and if not, which numbers ended it (`--incentive auto`, gates
on). The second: distinct-2 (different word pairs among all) of each incentive against none, on the same number of rows
per label, over several seeds. `--work FOLDER` keeps the store, so that a run that was stopped goes on.

Exit code 1 if a label has another number of accepted rows than its quota without a reason from the stop rule.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact, Store
from sdc.pipelines import cells, data, gen
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.engines.models import POCKET, TEACHER
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.gen.incentives import AUTO, INCENTIVES, NONE
from sdc.pipelines.stage import Context


def main() -> None:
    """Runs what the options say and prints two tables, and the same as lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="topic")
    parser.add_argument("--langs", nargs="+", default=["te", "sw", "en"])
    parser.add_argument("--model", default=TEACHER)
    parser.add_argument("--quota", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1337, 1, 2])
    parser.add_argument("--incentives", nargs="+", default=[NONE, *INCENTIVES])
    parser.add_argument("--parts", nargs="+", default=["quota", "diversity"], choices=["quota", "diversity"])
    parser.add_argument("--temperature", type=float, help="of sampling; default: the model's. A low one saturates.")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--work", type=Path, help="folder for the store; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store((options.work or Path(folder)) / "store.duckdb")
        context = Context(store=store, say=lambda line: print(line, file=sys.stderr), engine=EngineOptions())
        kept = quota_part(context, options) if "quota" in options.parts else True
        if "diversity" in options.parts:
            diversity_part(context, options)
    sys.exit(not kept)


def quota_part(context: Context, options: argparse.Namespace) -> bool:
    """Prints what became of each label's quota; returns whether every label has it or a reason not to."""
    print(f"{'cell':<12}{'label':<24}{'accepted':>9}{'calls':>7}{'texts':>7}{'distinct':>10}{'once':>6}{'unseen':>8}"
          f"{'at most':>9}{'gates':>7}  ended by")  # fmt: skip
    kept = True
    for lang in options.langs:
        cell, made, seconds = generate(context, options, lang, AUTO, options.seeds[0])
        rows = Counter(label for label, _ in accepted(context, made))
        for name, item in made.summary["labels"].items():
            met = rows[name] == item["quota"] and item["stopped"] == "quota"
            kept &= met or (rows[name] < item["quota"] and item["stopped"] not in ("", "quota"))
            print(f"{cell!s:<12}{name:<24}{rows[name]:>9}{item['calls']:>7}{item['texts']:>7}{item['distinct']:>10}"
                  f"{item['once']:>6}{item['unseen']:>8.1%}{item['unseen_at_most']:>9.1%}{item['acceptance']:>7.0%}"
                  f"  {item['stopped']}")  # fmt: skip
        used = {name: count for name, count in made.summary["incentives"].items() if count}
        print(f"{cell!s:<12}{made.summary['ok']} rows ({used}); statuses {made.summary['statuses']}; {seconds:.0f} s")
        line = {"benchmark": "quota", "cell": str(cell), "quota": options.quota, "labels": made.summary["labels"]}
        print(json.dumps({**line, "statuses": made.summary["statuses"]}, ensure_ascii=False), flush=True)
    return kept


def diversity_part(context: Context, options: argparse.Namespace) -> None:
    """Prints distinct-2 of every incentive, and its difference to none on the same number of rows."""
    others = [name for name in options.incentives if name != NONE]
    found: dict[tuple[str, str], list[float]] = {}
    for lang in options.langs:
        for seed in options.seeds:
            made = {name: generate(context, options, lang, name, seed) for name in (NONE, *others)}
            texts = {name: accepted(context, artifact) for name, (_, artifact, _) in made.items()}
            shared = same_number(texts)
            for name, rows in shared.items():
                share = distinct_2(rows)
                found.setdefault((lang, name), []).append(share)
                item = made[name][1].summary
                line = {"benchmark": "incentives", "lang": lang, "seed": seed, "incentive": name, "rows": len(rows)}
                line |= {"distinct_2": round(share, 4), "ok": item["ok"], "by": item["incentives"]}
                line |= {"calls": sum(label["calls"] for label in item["labels"].values())}
                print(json.dumps(line), flush=True)
    print(f"{'lang':<8}{'incentive':<12}{'distinct-2':>12}{'minus none':>12}{'std':>8}{'seeds':>7}")
    for lang in options.langs:
        for name in (NONE, *others):
            shares = found[lang, name]
            gains = [a - b for a, b in zip(shares, found[lang, NONE], strict=True)]
            spread = statistics.stdev(gains) if len(gains) > 1 else 0.0
            print(f"{lang:<8}{name:<12}{statistics.mean(shares):>12.3f}{statistics.mean(gains):>+12.3f}{spread:>8.3f}"
                  f"{len(shares):>7}")  # fmt: skip


def generate(
    context: Context, options: argparse.Namespace, lang: str, incentive: str, seed: int
) -> tuple[Cell, Artifact, float]:
    """Returns the cell, its generation under the preset `sdc`, and the seconds it took now."""
    import torch

    torch.set_num_threads(options.threads)
    (cell,) = cells.expand(context.store, [lang], [options.task])
    path = POCKET / "examples" / f"{options.task}-{lang}-train.jsonl"
    human = context.store.resolve(data.add(context, cell, path, DataConfig(split="train")).key)
    flags: dict[str, Any] = {"model": options.model, "quota": options.quota, "incentive": incentive, "seed": seed}
    flags["temperature"] = options.temperature
    config = gen.configured(context, "sdc", **flags)
    start = time.perf_counter()
    outcome = gen.run(context, config, cell, data=human)
    return cell, context.store.resolve(outcome.key), time.perf_counter() - start


def accepted(context: Context, made: Artifact) -> list[tuple[str, str]]:
    """Returns (label name, text) of the accepted synthetic rows, in order."""
    found = context.store.query(
        "select label_name, text from examples where key = ? and source = 'synthetic' and status = 'ok' order by idx",
        [made.key],
    )
    return [(label, text) for label, text in found]


def same_number(texts: dict[str, list[tuple[str, str]]]) -> dict[str, list[str]]:
    """Returns as many texts of each label for every incentive: the first ones, as many as all of them have."""
    counts = [Counter(label for label, _ in rows) for rows in texts.values()]
    least = {label: min(count[label] for count in counts) for label in counts[0]}
    return {
        name: [text for label in least for text in [t for of, t in rows if of == label][: least[label]]]
        for name, rows in texts.items()
    }


def distinct_2(texts: Sequence[str]) -> float:
    """Returns the share of different ones among all pairs of neighbouring words, 0 to 1; 0 without a pair.

    Source: J. Li et al., "A diversity-promoting objective function for neural conversation models", NAACL 2016.

    >>> distinct_2(["a b c", "a b d"])
    0.75
    """
    pairs: list[tuple[str, str]] = []
    for text in texts:
        pairs += pairwise(text.casefold().split())
    return len(set(pairs)) / len(pairs) if pairs else 0.0


if __name__ == "__main__":
    main()
