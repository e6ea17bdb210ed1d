"""What can classify a text: a run of the store with its weights or shots, or an exported folder.

Here: opening one, for every method. Not here: reading texts, labels and probabilities (`predict.py`), weights.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sdc.errors import BudgetError, EngineError, UsageError
from sdc.pipelines import prompts
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.icl import shots as icl_shots
from sdc.pipelines.predict import weights
from sdc.pipelines.records.examples import rows_by_hash
from sdc.pipelines.records.run_record import RunRecord, base_model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import calibrated
from sdc.pipelines.students.protocol import Answers
from sdc.pipelines.tasks import Task

#: The settings of an icl run that are understood here. Another one would silently give other answers.
_ICL_SETTINGS = {
    "shots", "decoding", "max_tokens", "model", "definition", "prompt", "draw", "shot_seed", "shot_strategy",
    "option_order", "select", "dev_rows",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Something that classifies texts.

    Args:
        name: For people: the run or the folder.
        task: Its labels.
        answers: Texts -> `scores` or `reply` of each, or the `reason` why there is neither.
    """

    name: str
    task: Task
    answers: Answers


@contextmanager
def of_run(context: Context, record: RunRecord, *, base: str | None, keep_weights: bool) -> Iterator[Predictor]:
    """Gives the predictor of a run; for a trained one its weights are found or made again.

    Raises:
        UsageError: The recipe means something else today, or the flags do not fit the method.
        EngineError: A model cannot be loaded.
    """
    name, task = f"run {record.short}", record.cell.task
    if base is not None and "model" not in record.artifact.config:
        raise UsageError(f"a {record.method} run started from no model", "--base", "drop the flag")
    if record.method == "icl":
        if keep_weights:
            raise UsageError("an icl run has no weights of its own", "--keep-weights", "drop the flag")
        with _prompted(context, record, base=base) as answers:
            yield Predictor(name=name, task=task, answers=answers)
        return
    with weights.folder(context, record, base=base, keep=keep_weights) as folder:
        answers = weights.settings(record).load(
            folder, name=record.model, student=lambda: weights.student(context, record, base=base)
        )
        yield Predictor(name=name, task=task, answers=calibrated.answers(folder, answers))


@contextmanager
def _prompted(context: Context, record: RunRecord, *, base: str | None) -> Iterator[Answers]:
    """Gives the answers of the run's model, asked with the run's own shots."""
    recipe, task = record.artifact.config, record.cell.task
    strange = sorted(set(recipe) - _ICL_SETTINGS)
    if recipe["prompt"] != prompts.digest("classify") or recipe["definition"] != _as_json(task.identity()):
        strange.append("prompt")
    if strange:
        what = f"run {record.short} was prompted in another way ({', '.join(strange)})"
        raise UsageError(what, str(context.store.path), "run `sdc icl` again and name that run")
    where = f"run {record.short}"
    model = context.model(base_model(context.store, recipe["model"], record.model, given=base, where=where))
    shots_of = _shots_of(context, record)
    options = icl_shots.options_text(record.details.get("options", task.label_names))
    scored = recipe.get("decoding", "scores") == "scores"

    def call(text: str) -> Call:
        return Call(
            prompt=prompts.classify(task, text=text, shots=shots_of(text), options=options),
            choices=task.label_names if scored else (),
            max_tokens=20 if scored else recipe.get("max_tokens", 20),
        )

    with context.asker(model) as asker:
        # A text that nobody asked before: the reply cache must not answer it.
        yield lambda texts: [_answer(r) for r in _ask(asker, [call(text) for text in texts], call(uuid4().hex))]


def _shots_of(context: Context, record: RunRecord) -> Callable[[str], Sequence[tuple[str, str]]]:
    """Returns what gives the shots for a text: those of the run, or the rows of its draw nearest to it."""
    if not record.details.get("nearest"):
        shots = [(text, label) for text, label in record.details.get("shots", [])]
        return lambda text: shots
    names = record.cell.task.label_names
    rows = sorted(rows_by_hash(context, record.draw))
    nearest = icl_shots.nearest_of(rows, num=len(record.details["nearest"][0]))
    return lambda text: [(shot, names[label]) for _, shot, label in nearest(text)]


def _as_json(value: Any) -> Any:
    """Returns a value as JSON gives it back: lists for tuples."""
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value


def _answer(reply: Reply) -> dict[str, Any]:
    if not reply.is_answer:
        return {"reason": f"{reply.finish}: {reply.reason}" if reply.reason else reply.finish}
    return {"scores": list(reply.scores)} if reply.scores else {"reply": reply.text}


def _ask(asker: Asker, calls: Sequence[Call], probe: Call) -> list[Reply]:
    """Returns one reply per call; a text that the engine refuses, as too long a one, does not spoil its neighbours.

    Raises:
        EngineError: Not even the probe, a short text, is answered: it is the model's fault, not a text's.
    """
    try:
        return asker.ask(calls)
    except BudgetError:
        raise
    except EngineError:
        asker.ask([probe])
    replies = []
    for call in calls:
        try:
            replies += asker.ask([call])
        except BudgetError:
            raise
        except EngineError as error:
            replies.append(Reply(finish="failed", reason=error.what))
    return replies
