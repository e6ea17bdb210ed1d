"""A scripted engine, to provoke what a real model does rarely: repeat itself, babble, die in the middle.

It stands in for `TransformersEngine` and keeps the promise of `Engine`; everything around it (cache, store, stages) is
real. Here too: the small world of data that tests of stages start from.
"""

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.key import digest
from sdc.cache.store import Artifact, Store
from sdc.pipelines import gen, tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.local import transformers
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Engine, Reply
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.judge.llm import SPELLINGS
from sdc.pipelines.stage import Context, Outcome, plan
from sdc.pipelines.tasks import languages

Answer = Callable[[Call], Reply | str]


class EngineDied(Exception):
    """What a scripted engine raises when its time has come."""


class ScriptedEngine:
    """Answers from a function, and remembers what it was asked.

    Args:
        answer: Returns the reply of a call; a string is its text. Only asked for generated calls, unless it is
            a `Reply`-returning function that knows about choices.
        dies_after: Batches that are answered before it raises `EngineDied`; None is never.
    """

    name = "scripted"

    def __init__(self, answer: Answer, *, dies_after: int | None = None) -> None:
        self.batches: list[list[Call]] = []
        self.loaded = 0
        self.dies_after = dies_after
        self._answer = answer

    @property
    def calls(self) -> list[Call]:
        """Every call that was answered, in order."""
        return [call for batch in self.batches for call in batch]

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        if self.dies_after is not None and len(self.batches) >= self.dies_after:
            raise EngineDied
        self.batches.append(list(calls))
        replies = [self._answer(call) for call in calls]
        yield {i: Reply(text=reply) if isinstance(reply, str) else reply for i, reply in enumerate(replies)}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "ScriptedEngine":
        """Makes this the engine that `open_asker` loads."""

        def load(model: Model) -> Engine:
            self.loaded += 1
            return self

        monkeypatch.setattr(transformers, "TransformersEngine", load)
        return self


def answers(engine: Engine, calls: Sequence[Call]) -> list[Reply]:
    """Returns the replies of an engine in the order of the calls, and checks that it gave each of them once."""
    found: dict[int, Reply] = {}
    for group in engine.answer(calls):
        assert not set(group) & set(found)
        found.update(group)
    assert sorted(found) == list(range(len(calls)))
    return [found[i] for i in range(len(calls))]


def never(call: Call) -> Reply:
    """An answer for engines that must not be asked."""
    raise AssertionError(f"the engine was asked: {call.prompt[:200]}")


def yes_or_no(yes: float, no: float) -> Reply:
    """A judge's scores: log-probabilities of yes and of no, which it writes as `Yes` and `No`."""
    values = {"Yes": yes, "No": no}
    return Reply(scores=tuple(values.get(spelling, -80.0) for spelling in SPELLINGS), finish="scored")


def model_folder(folder: Path, text: str = "{}") -> str:
    """Makes a folder that looks like a local model, for scripted engines, and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(text, "utf-8")
    return str(folder)


def unlike_any(number: int) -> str:
    """Returns a text that is no near duplicate of any other number's."""
    draw = random.Random(f"text {number}")  # a plain -1 would be the same seed as 1
    return " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5))


def obliging(call: Call) -> Reply | str:
    """An LLM that does what it is asked: new texts, a phrase for a label, `yes`, or the first label."""
    if call.choices:
        return Reply(scores=tuple(-1.0 - i for i in range(len(call.choices))), finish="scored")
    if call.prompt.startswith("Please create"):
        wanted = int(call.prompt.split()[2])
        return "\n---\n".join(unlike_any(call.seed * 100 + k) for k in range(wanted))
    return "a plain phrase" if call.prompt.startswith("The following texts") else "first"


@dataclass(kw_only=True)
class World:
    """A store with human data of one small cell, a model folder, and what the stages make of them."""

    root: Path
    cell: Cell
    model: str
    context: Context
    train: Artifact
    test: Artifact

    @property
    def store(self) -> Store:
        return self.context.store

    def gen(self, **settings: Any) -> Artifact:
        """Runs gen with a quota of 6 and returns the artifact."""
        context = replace(self.context, engine=EngineOptions(batch_size=settings.pop("batch_size", None)))
        config = GenConfig(**{"model": self.model, "quota": 6, "num_texts": 4, "num_seeds": 2, **settings})
        return self.get(gen.run(context, config, self.cell, data=self.train))

    def rows(self, artifact: Artifact, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        """Returns the examples of an artifact, by idx."""
        return self.store.query(
            f"select {columns} from examples where key = ? and {where} order by idx", [artifact.key]
        )

    def get(self, outcome: Outcome) -> Artifact:
        """Returns the artifact of an outcome."""
        artifact = self.store.get(outcome.key)
        assert artifact is not None
        return artifact


def small_task(num_labels: int = 2, **fields: Any) -> tasks.Task:
    """Returns a task with the labels first, second, third ..."""
    names = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")[:num_labels]
    raw = {"name": "small", "instruction": "Choose: {options}.", "labels": [{"name": name} for name in names]}
    return tasks.from_mapping({**raw, **fields}, where="test")


def world(root: Path, *, lang: str = "en", task: tasks.Task | None = None, per_label: int = 3) -> World:
    """Makes a world in the folder `root`, the same in every folder."""
    cell = Cell(language=languages.load(lang), task=task or small_task())
    store = Store(root / "store.duckdb", lock_timeout_s=10)
    known = (lang, repr(cell.task), per_label)
    if known in _STORES:  # making a file and its tables takes longer than all that most tests do
        content, train, test = _STORES[known]
        root.mkdir(parents=True, exist_ok=True)
        store.path.write_bytes(content)
    else:
        num = len(cell.task.labels)
        train = add_data(store, cell, [(unlike_any(-1 - i), i % num) for i in range(per_label * num)])
        test = add_data(store, cell, [(unlike_any(-900 - i), i % num) for i in range(6)], split="test")
        _STORES[known] = (store.path.read_bytes(), train, test)
    return World(
        root=root, cell=cell, model=model_folder(root / "tiny"), context=Context(store=store), train=train, test=test
    )


_STORES: dict[tuple[str, str, int], tuple[bytes, Artifact, Artifact]] = {}


def add_data(store: Store, cell: Cell, rows: Sequence[tuple[str, int]], *, split: str = "train") -> Artifact:
    """Keeps human examples as the stage `data` does."""
    return _add(store, cell, "data", rows, source="human", split=split, config={"digest": digest(rows), "split": split})


def add_import(store: Store, cell: Cell, rows: Sequence[tuple[str, int]]) -> Artifact:
    """Keeps synthetic examples that were made elsewhere, as the stage `data` does."""
    config = {"origin": "import", "digest": digest(rows)}
    return _add(store, cell, "gen", rows, source="synthetic", split="train", config=config)


def _add(
    store: Store,
    cell: Cell,
    stage: str,
    rows: Sequence[tuple[str, int]],
    *,
    source: str,
    split: str,
    config: dict[str, Any],
) -> Artifact:
    planned = plan(stage=stage, version=1, config=config, inputs=[], lang=cell.lang, task=cell.task.name)
    summary = {"rows": len(rows), "ok": len(rows), "split": split, "task": asdict(cell.task), "file": "rows.csv"}
    artifact = replace(planned, summary=summary)
    shared = {"lang": cell.lang, "task": cell.task.name, "source": source, "split": split, "status": "ok"}
    names = cell.task.label_names
    examples = [
        {**shared, "idx": i, "text": text, "label": label, "label_name": names[label]}
        for i, (text, label) in enumerate(rows)
    ]
    store.put(artifact, {"examples": examples})
    return artifact
