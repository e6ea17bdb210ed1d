"""icl: an LLM classifies the test rows, with a few examples in the prompt (shots) or none.

The generator as a classifier is this stage too, with its model and 0 shots, so that teacher and student are read alike.

Here: shots, calls, what was answered per test row. Not here: reading replies (eval), prompts, engines.
"""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.key import derive_seed, digest, identity
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import prompts, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.draws import Draw
from sdc.pipelines.engines import models, open_asker
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.estimate import Estimate, estimate
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.stage import Computed, Context, Outcome

VERSION = 1
DECODINGS = ("scores", "generate")
#: What differs between runs of one setting.
_OF_ONE_RUN = ("draw", "shot_seed", "definition")


@dataclass(frozen=True, kw_only=True)
class IclConfig:
    """How test rows are put to an LLM.

    Args:
        shots: Examples per label in the prompt, 0 to 100; the paper's best is nearly always 2.
        decoding: `scores` (likelihood of each label) or `generate` (greedy text, as the paper does).
        max_tokens: The most tokens of a generated answer.
        seed: Root of the choice and order of shots; independent of the data and training seeds.
    """

    shots: int = 2
    decoding: str = "scores"
    max_tokens: int = 20
    seed: int = 1337
    model: str = field(default=models.STUDENT, metadata={"key": False})  # its identity is in the key instead

    def __post_init__(self) -> None:
        if not 0 <= self.shots <= 100:
            raise UsageError(f"{self.shots} shots", "--shots", "use 0 to 100")
        if self.decoding not in DECODINGS:
            raise UsageError(f"unknown decoding {self.decoding!r}", "--decoding", f"use {' or '.join(DECODINGS)}")


@dataclass(frozen=True, kw_only=True)
class _Run:
    planned: Artifact
    draw: Draw | None
    shot_seed: int | None


def plan(context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Artifact]:
    """Returns the artifacts, one per run, that `run` would make."""
    return [item.planned for item in _plan(context, config, cell, draws, test)]


def estimates(
    context: Context, config: IclConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact
) -> list[tuple[Artifact, Estimate | None]]:
    """Returns the artifacts that `run` would make, each with what it would ask; None for those that are there."""
    items = _plan(context, config, cell, draws, test)
    there = set() if context.force else context.store.existing([item.planned.key for item in items])
    model = models.resolve(context.store, config.model)
    found: list[tuple[Artifact, Estimate | None]] = []
    rows = _test_rows(context, test)
    for item in items:
        expected = None
        if item.planned.key not in there:
            calls = _calls(config, cell, rows, _shots(context, config, cell, item))
            expected = estimate(context, model, calls, stage="icl")
        found.append((item.planned, expected))
    return found


def _plan(context: Context, config: IclConfig, cell: Cell, draws: Sequence[Draw], test: Artifact) -> list[_Run]:
    ignored = {"seed"} if config.decoding == "generate" else {"seed", "max_tokens"}
    common = {
        **{name: value for name, value in identity(config).items() if name not in ignored},
        "model": models.resolve(context.store, config.model).identity(),
        "definition": cell.task.identity(),
        "prompt": prompts.digest("classify"),
    }
    items: dict[str, _Run] = {}
    for draw in draws if config.shots else [None]:
        shot_seed = derive_seed(config.seed, "shots", draw.repeat) if draw else None
        settings = {**common, "draw": draw.draw if draw else None, "shot_seed": shot_seed}
        planned = stage.plan(
            stage="icl", version=VERSION, config=settings, inputs=[test.key], lang=cell.lang, task=cell.task.name
        )
        items.setdefault(planned.key, _Run(planned=planned, draw=draw, shot_seed=shot_seed))
    return list(items.values())


def run(
    context: Context,
    config: IclConfig,
    cell: Cell,
    *,
    draws: Sequence[Draw],
    test: Artifact,
) -> list[Outcome]:
    """Classifies the test rows once per draw (once in all with 0 shots), or returns the runs that are there.

    Raises:
        DataError: The test data has no usable row, or a draw lacks a label.
        EngineError: The model cannot be loaded, or a prompt does not fit its context.
    """
    items = _plan(context, config, cell, draws, test)
    there = set() if context.force else context.store.touch([item.planned.key for item in items])
    outcomes = {key: Outcome(key=key, hit=True, summary={}) for key in there}
    missing = [item for item in items if item.planned.key not in there]
    if missing:
        model = models.resolve(context.store, config.model)
        rows = _test_rows(context, test)
        with open_asker(context, model) as asker:
            for number, item in enumerate(missing):
                compute = _computation(context, config, cell, asker, item, rows, test)
                outcomes[item.planned.key] = stage.produce(context, item.planned, compute)
                context.progress(f"icl {cell}", number + 1, len(missing))
    return [outcomes[item.planned.key] for item in items]


def _computation(
    context: Context,
    config: IclConfig,
    cell: Cell,
    asker: Asker,
    item: _Run,
    rows: list[tuple[int, str]],
    test: Artifact,
) -> Any:
    def compute() -> Computed:
        shots = _shots(context, config, cell, item)
        calls = _calls(config, cell, rows, shots)
        answers = asker.ask(calls, what=f"ask {cell}", progress=context.progress)
        outputs = [
            {"idx": idx, "scores": list(reply.scores) or None, "reply": _text(reply)}
            for (idx, _), reply in zip(rows, answers, strict=True)
        ]
        num_unanswered, reason = _unanswered(answers)
        if reason:
            context.say(f"icl {cell}: {reason}; --force asks those again, and takes the others from the reply cache")
        usage = asker.take_usage()
        run_row = {
            "lang": cell.lang,
            "task": cell.task.name,
            "method": "icl",
            "model": asker.model.name,
            "source": item.draw.source if item.draw else None,
            "draw": item.draw.draw if item.draw else None,
            "num_rows": item.draw.num_rows if item.draw else 0,
            "num_shots": config.shots,
            "decoding": config.decoding,
            "init_seed": None,
            "shot_seed": item.shot_seed,
            "setting": digest({k: v for k, v in item.planned.config.items() if k not in _OF_ONE_RUN})[:12],
            "test_key": test.key,
            "status": "failed" if num_unanswered == len(answers) else "ok",
            "reason": reason,
            "seconds": usage.seconds,
            "details": json.dumps({"shots": shots}, ensure_ascii=False),
        }
        summary = {"method": "icl", "model": asker.model.name, "shots": config.shots, "rows": len(rows)}
        summary |= {"unanswered": num_unanswered, "usage": usage.as_json()}
        return Computed(rows={"runs": [run_row], "outputs": outputs}, summary=summary)

    return compute


def _calls(
    config: IclConfig, cell: Cell, rows: Sequence[tuple[int, str]], shots: Sequence[tuple[str, str]]
) -> list[Call]:
    return [
        Call(
            prompt=prompts.classify(cell.task, text=text, shots=shots),
            choices=cell.task.label_names if config.decoding == "scores" else (),
            max_tokens=config.max_tokens if config.decoding == "generate" else 20,
        )
        for _, text in rows
    ]


def _text(reply: Reply) -> str | None:
    """Returns the answer in words, also that to a scored call where the engine gives no scores; None without one."""
    return reply.text if reply.is_answer and not reply.scores else None


def _unanswered(answers: Sequence[Reply]) -> tuple[int, str | None]:
    """Returns how many test rows were not answered, and a line that says so, or None."""
    missing = [reply for reply in answers if not reply.is_answer]
    if not missing:
        return 0, None
    why = Counter(reply.reason or reply.finish for reply in missing).most_common(1)[0][0]
    return len(missing), f"{len(missing)} of {len(answers)} test rows were not answered ({why})"


def _shots(context: Context, config: IclConfig, cell: Cell, item: _Run) -> list[tuple[str, str]]:
    """Returns `shots` examples of every label, in a random order of their own seed."""
    if item.draw is None or item.shot_seed is None:
        return []
    found = context.store.query(
        "select idx, text, label from examples where key = ? and list_contains(?, idx) order by idx",
        [item.draw.example_key, list(item.draw.members)],
    )
    choice = random.Random(item.shot_seed)
    shots = []
    for label in cell.task.labels:
        texts = [text for _, text, label_id in found if label_id == label.id]
        if not texts:
            raise DataError(
                f"the draw of {len(found)} rows has no example of {label.name!r}", str(cell), "draw balanced"
            )
        shots += [(text, label.name) for text in choice.sample(texts, min(config.shots, len(texts)))]
    choice.shuffle(shots)
    return shots


def _test_rows(context: Context, test: Artifact) -> list[tuple[int, str]]:
    rows = context.store.query(
        "select idx, text from examples where key = ? and status = 'ok' order by idx", [test.key]
    )
    if not rows:
        raise DataError(f"test data {test.short} has no usable row", fix="see `sdc data show`")
    return [(idx, text) for idx, text in rows]
