"""Trains the pocket models from scratch: `python -m sdc.pipelines.pocket.training.build DATA`.

Here: the command, the two configurations, the files that are written. Not here: the training loop (`trainer.py`).
"""

import argparse
import json
import logging
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import distributed
from torch.multiprocessing.spawn import spawn
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from sdc.pipelines import prompts
from sdc.pipelines.pocket.training import tokenizer as tokens
from sdc.pipelines.pocket.training.batches import Batch, collate, encode
from sdc.pipelines.pocket.training.corpus import Corpus
from sdc.pipelines.pocket.training.embeddings import embeddings
from sdc.pipelines.pocket.training.texts import TextPool, load_documents, load_pools, with_own
from sdc.pipelines.pocket.training.trainer import PocketConfig, describe, new_model, train

log = logging.getLogger(__name__)

#: The sampling that the quality figures were measured with.
SAMPLING = {"temperature": 0.9, "top_p": 0.95, "repetition_penalty": 1.0}
CONFIGS = {
    "teacher": PocketConfig(
        width=192, layers=4, inner=512, minutes=52.0, rate=2e-3, dropout=0.07,
        shares={"generate": 45, "classify": 30, "judge": 22, "explain": 3},
    ),
    "student": PocketConfig(
        width=192, layers=2, inner=512, minutes=8.0,
        shares={"generate": 8, "classify": 76, "judge": 14, "explain": 2},
    ),
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Trains the models that are asked for and writes them to `--out`."""
    parser = argparse.ArgumentParser(prog="sdc.pipelines.pocket.training.build", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with <task>/<language>-train_human_parsed.csv")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent, help="where teacher/ and student/ go")
    parser.add_argument("--work", type=Path, default=Path("pocket-work"), help="checkpoints, to go on after a stop")
    parser.add_argument("--minutes", type=float, help="training time of each model")
    parser.add_argument("--only", choices=sorted(CONFIGS), help="train one of the two")
    parser.add_argument("--workers", type=int, default=2, help="processes that train together, one thread each")
    for name, kind in (("width", int), ("layers", int), ("inner", int), ("rate", float), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind, help=f"overrides {name} of the configuration")
    parser.add_argument("--own", type=Path, help="a store of texts by the teacher in --start that sdc judge accepted")
    parser.add_argument("--start", type=Path, help="a trained model whose embeddings and first layers are the start")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    # Processes that meet once per step share busy cores far better than threads that meet at every operation.
    with tempfile.TemporaryDirectory() as folder:
        spawn(_worker, args=(options, f"file://{folder}/store"), nprocs=options.workers)  # type: ignore[no-untyped-call]


def _worker(rank: int, options: argparse.Namespace, store: str) -> None:
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.WARNING, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    if options.workers > 1:
        distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=options.workers)
    pools = load_pools(options.data, dev=False)
    if options.own:
        pools = with_own(pools, options.own)
    tokenizer = tokens.train(_tokenizer_texts(pools))
    log.info("%d tokens in the vocabulary", len(tokenizer))
    for name, config in CONFIGS.items():
        if options.only in (None, name):
            given = {k: getattr(options, k) for k in ("minutes", "width", "layers", "inner", "rate", "seed")}
            config = replace(config, **{k: v for k, v in given.items() if v is not None})
            dev = load_pools(options.data, dev=True)
            build(name, config, pools=pools, dev=dev, tokenizer=tokenizer, options=options)


def build(
    name: str,
    config: PocketConfig,
    *,
    pools: list[TextPool],
    dev: list[TextPool],
    tokenizer: PreTrainedTokenizerFast,
    options: argparse.Namespace,
) -> None:
    """Trains one model and writes it as a Hugging Face folder."""
    model = new_model(config, tokenizer)
    if (options.work / name / "state.json").is_file():
        log.info("%s goes on from its checkpoint", name)
    elif options.start is None:
        table = embeddings(load_documents(options.data), tokenizer, width=config.width, seed=config.seed)
        model.model.embed_tokens.weight.data.copy_(table)
    else:
        known = load_file(options.start / "model.safetensors")
        model.load_state_dict({k: v for k, v in known.items() if k in model.state_dict()}, strict=False)
    log.info("%s: %d parameters, %s", name, sum(p.numel() for p in model.parameters()), describe(config))
    batches = dev_batches(Corpus(dev, shares=config.shares), tokenizer)
    corpus = Corpus(pools, shares=config.shares)
    figures = train(model, corpus, batches, tokenizer=tokenizer, config=config, folder=options.work / name)
    if not figures:
        return  # not the first worker
    write(model, tokenizer, options.out / name)
    (options.work / name / "figures.json").write_text(json.dumps(figures, indent=1), "utf-8")


def dev_batches(corpus: Corpus, tokenizer: PreTrainedTokenizerBase, *, count: int = 72) -> list[Batch]:
    """Returns `count` held-out conversations as they are in use (progress 1), always the same ones."""
    rng = random.Random(1)
    rows = [encode(corpus.conversation(rng, progress=1.0), tokenizer) for _ in range(count)]
    rows.sort(key=lambda row: len(row.ids))
    return [collate(rows[start : start + 6], pad=tokenizer.pad_token_id) for start in range(0, count, 6)]


def write(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Writes the model in bfloat16 with its tokenizer and generation settings; a model card stays as it is."""
    model.generation_config = GenerationConfig(
        do_sample=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **SAMPLING,
    )
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = model.generation_config
    copy.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    settings = folder / "tokenizer_config.json"
    content = json.loads(settings.read_text("utf-8"))
    content["tokenizer_class"] = "PreTrainedTokenizerFast"  # a name that older readers know as well
    settings.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / "model.safetensors").chmod(0o644)


def _tokenizer_texts(pools: list[TextPool]) -> list[str]:
    """Returns the texts for the vocabulary: all rows, and of each task the prompts in every language."""
    texts = [text for pool in pools for text, _ in pool.rows]
    for pool in pools:
        # Telugu has half as many words in Latin letters to share with the other languages.
        texts += [text for text, _ in pool.rows] * (pool.language.tag == "te")
        label = pool.task.labels[0]
        asked = [
            prompts.gen(pool.task, pool.language, label, seed_texts=["x"], explanation=label.description),
            prompts.explain(pool.task, pool.language, label, seed_texts=["x"]),
            prompts.judge(pool.task, pool.language, label, text="x"),
            prompts.classify(pool.task, text="x"),
            *(f"{item.name} ({item.description})" for item in pool.task.labels),
        ]
        texts += asked * 40
    return texts


if __name__ == "__main__":
    main()
