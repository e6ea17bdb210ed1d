"""What becomes of the runs of icl: prompts, answers, and the rows that are kept of them.

Here: the computation, which needs a model and no store. Not here: which runs there are (`__init__.py`), which shots
(`shots.py`), how many are best (`select.py`).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import digest
from sdc.cache.store import Artifact
from sdc.pipelines import readers
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import answers
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.icl import asking, select, shots
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.progress import Progress, part
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow
from sdc.pipelines.records.leaks import Leaks
from sdc.pipelines.stage import Computed, Made, making_of
from sdc.pipelines.view import Preview, ViewPart

#: What differs between runs of one setting.
_OF_ONE_RUN = ("draw", "shot_seed", "definition")


@dataclass(frozen=True, kw_only=True)
class IclRun:
    """One run: the artifact that it makes.

    Args:
        planned: The artifact.
        draw: What its shots are taken from; None for zero shots.
        shot_seed: Chooses them and the order of the options; None where nothing is left to chance.
        shots: What stands in the prompt, per label.
    """

    planned: Artifact
    draw: Draw | None
    shot_seed: int | None
    shots: int


@dataclass(frozen=True, kw_only=True)
class IclInputs:
    """What runs are computed from.

    Args:
        runs: Those that are made.
        tests: idx and text of the test rows.
        pools: The rows that the shots of each run are taken from, by its key.
        leaks: Of each draw, by its content hash.
    """

    runs: Sequence[IclRun]
    tests: Sequence[tuple[int, str]]
    pools: Mapping[str, Sequence[ExampleRow]]
    leaks: Mapping[str, Leaks]


def compute(
    config: IclConfig,
    cell: Cell,
    inputs: IclInputs,
    asker: Asker,
    *,
    progress: Progress,
    say: Callable[[str], None],
) -> Iterator[list[Made]]:
    """Yields every run as it ends.

    Raises:
        DataError: A draw lacks a label.
        EngineError: A prompt does not fit the context of the model, or the model cannot be loaded.
    """
    for number, item in enumerate(inputs.runs):
        start = time.perf_counter()
        of_run = part(progress, number, len(inputs.runs), unit="run")
        with making_of(item.planned):
            computed = _computed(config, cell, inputs, item, asker, progress=of_run, say=say)
        yield [computed.made(item.planned, seconds=time.perf_counter() - start)]


def _computed(
    config: IclConfig,
    cell: Cell,
    inputs: IclInputs,
    item: IclRun,
    asker: Asker,
    *,
    progress: Progress,
    say: Callable[[str], None],
) -> Computed:
    pool = inputs.pools[item.planned.key]
    chosen = _select(config, cell, asker, item, pool, progress=part(progress, 0, 2))
    progress = part(progress, 1, 2) if chosen else progress
    num_shots = chosen.best if chosen else item.shots
    asked = _render(config, cell, [text for _, text in inputs.tests], pool, item, num_shots=num_shots)
    replies = asker.ask(asking.calls(config, cell, asked.texts), what=f"icl {cell}", progress=progress)
    answers.require_room(replies, asker.model.name)
    outputs = [
        {"idx": idx, "scores": list(reply.scores) or None, "reply": asking.text(reply)}
        for (idx, _), reply in zip(inputs.tests, replies, strict=True)
    ]
    num_unanswered, status, reason = asking.unanswered(replies)
    if reason:
        say(f"icl {cell}: {reason}")
    usage = asker.take_usage()
    details = asked.details() | (chosen.as_json() if chosen else {})
    details |= {"leaks": inputs.leaks[item.draw.draw].as_json()} if item.draw else {}
    if config.decoding == "scores":
        details["label_tokens"] = answers.num_tokens(asker.model, cell.task.label_names, engine=usage.engine)
    run_row = _run_row(
        config, cell, item, chosen, model=asker.model.name, status=status, reason=reason, seconds=usage.seconds,
        details=details,
    )  # fmt: skip
    summary = {"method": "icl", "model": asker.model.name, "shots": num_shots, "rows": len(inputs.tests)}
    summary |= {"status": status, "reason": reason}
    summary |= {"unanswered": num_unanswered, **(chosen.as_json() if chosen else {}), "usage": usage.as_json()}
    return Computed(rows={"runs": [run_row], "outputs": outputs}, summary=summary)


def _run_row(
    config: IclConfig,
    cell: Cell,
    item: IclRun,
    chosen: select.Selection | None,
    *,
    model: str,
    status: str,
    reason: str | None,
    seconds: float,
    details: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "lang": cell.lang,
        "task": cell.task.name,
        "method": "icl",
        "model": model,
        "source": item.draw.source if item.draw else None,
        "draw": item.draw.draw if item.draw else None,
        "num_rows": item.draw.num_rows if item.draw else 0,
        "num_shots": None if chosen else item.shots,  # repeats may choose differently, and are one result
        "decoding": config.decoding,
        "init_seed": None,
        "shot_seed": item.shot_seed,
        "setting": digest({k: v for k, v in item.planned.config.items() if k not in _OF_ONE_RUN})[:12],
        "test_key": item.planned.inputs[0],
        "status": status,
        "reason": reason,
        "seconds": seconds,
        "details": json.dumps(details, ensure_ascii=False),
    }


def given_up(config: IclConfig, cell: Cell, item: IclRun, reason: str, *, model: str) -> Made:
    """Returns a run that never came to an end, as a failed one with its reason."""
    row = _run_row(
        config, cell, item, None, model=model, status="failed", reason=reason, seconds=0.0, details={}
    )  # fmt: skip
    about = {"method": "icl", "model": model, "shots": item.shots, "rows": 0, "status": "failed", "reason": reason}
    return Computed(rows={"runs": [row], "outputs": []}, summary=about).made(item.planned, seconds=0.0)


def expected_calls(
    config: IclConfig, cell: Cell, item: IclRun, pool: Sequence[ExampleRow], tests: Sequence[tuple[int, str]]
) -> list[Call]:
    """Returns the calls of a run; where shots are chosen, those of all choices, and the test with the most shots."""
    texts = [text for _, text in tests]
    if not config.select or item.shot_seed is None:
        return asking.calls(config, cell, _render(config, cell, texts, pool, item, num_shots=item.shots).texts)
    left, held, candidates = select.hold_out(
        cell, pool, most=config.dev_rows, seed=item.shot_seed, candidates=config.select
    )
    tried = [
        text
        for number in candidates
        for text in _render(config, cell, [row[1] for row in held], left, item, num_shots=number).texts
    ]
    return asking.calls(
        config, cell, [*tried, *_render(config, cell, texts, pool, item, num_shots=max(candidates)).texts]
    )


def first_answers(
    config: IclConfig,
    cell: Cell,
    item: IclRun,
    pool: Sequence[ExampleRow],
    tests: Sequence[tuple[int, str]],
    asker: Asker,
    *,
    gold: Mapping[int, int],
    progress: Progress,
) -> Preview:
    """Returns the prompt of a run, and how its answers on some test rows are read by default.

    Where shots are chosen, the prompt has the most of them. `gold` is label ids of the test rows that have one, by idx.
    """
    num_shots = max(config.select) if config.select else item.shots
    asked = _render(config, cell, [text for _, text in tests], pool, item, num_shots=num_shots)
    replies = asker.ask(asking.calls(config, cell, asked.texts), what=f"ask {cell}", progress=progress)
    answers.require_room(replies, asker.model.name)
    read = readers.read(
        readers.resolve("auto", has_scores=any(reply.scores for reply in replies)) or "",
        cell.task,
        replies=[asking.text(reply) for reply in replies],
        all_scores=[reply.scores or None for reply in replies],
    )
    names = dict(enumerate(cell.task.label_names))
    rows = [
        {"gold": names.get(gold.get(idx, -1)), "answer": "unparsed" if label is None else names[label], "text": text,
         "reply": asking.text(reply), "reason": reply.reason or None}
        for (idx, text), label, reply in zip(tests, read, replies, strict=True)
    ]  # fmt: skip
    title = f"{cell}: answers on {counted(len(rows), 'test row')}"
    return Preview(prompts={"classify": asked.texts[0]}, results=ViewPart(title=title, rows=rows))


def _select(
    config: IclConfig, cell: Cell, asker: Asker, item: IclRun, pool: Sequence[ExampleRow], *, progress: Progress
) -> select.Selection | None:
    """Returns how many shots are best on rows of the draw that no shot is taken from; None if that is not asked for."""
    if not config.select or item.shot_seed is None:
        return None
    left, held, candidates = select.hold_out(
        cell, pool, most=config.dev_rows, seed=item.shot_seed, candidates=config.select
    )

    def ask(num_shots: int) -> list[Reply]:
        several = sorted(set(candidates))
        of_choice = part(progress, several.index(num_shots), len(several))
        asked = _render(config, cell, [text for _, text, _ in held], left, item, num_shots=num_shots)
        what = f"icl {cell}: choose among {', '.join(map(str, several))} shots"
        return asker.ask(asking.calls(config, cell, asked.texts), what=what, progress=of_choice)

    return select.select(cell, held, candidates, ask=ask)


def _render(
    config: IclConfig, cell: Cell, texts: Sequence[str], pool: Sequence[ExampleRow], item: IclRun, *, num_shots: int
) -> shots.Prompts:
    return shots.render(
        cell,
        texts,
        pool,
        num_shots=num_shots,
        strategy=config.shot_strategy,
        option_order=config.option_order,
        seed=item.shot_seed,
    )
