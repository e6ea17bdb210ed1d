"""A simulated store of the paper's whole grid, written as if its runs had been made: for figures, claims and looking.

Here: draws, runs, evaluations and readings, straight into the store. Not here: what they say (`paper_claims.py`).

Which rows a run has right depends on the sentence (which languages of a parallel test share), on the language, on the
student, and on the run, so that differences are paired as real ones are: students that learn from a generator's rows
err where it does. How many it has right is its truth with its own luck, to the row: the chance of the test's rows is in
no number, as if the test were drawn until it showed the truth. Draws name one row each, runs keep no outputs, and
macro-F1 no interval of its own: reports make theirs from the readings.

Array legend: R runs, N test rows, L labels.
"""

import json
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import once
from numpy.typing import NDArray
from paper_claims import ALL_ROWS, GENERATOR, SMALL_LLMS, TFIDF, XLM_R, Truth, kwh, rate_for_f1, truth

from sdc.cache.key import derive_seed, digest
from sdc.cache.store import Artifact, Store
from sdc.pipelines.metrics.interval import wilson
from sdc.pipelines.records import readings
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks.languages import GROUPS

SIZES = (10, 20, 30, 40, 50, 75, 100, 125, 150, 175, 200, 250, 300, 350, 400, 500, 600, 800, 1000, 1250, 1500, 1750,
         2000)  # fmt: skip
#: Task -> how many test rows each label has.
TASKS: dict[str, tuple[int, ...]] = {
    "topic": (51, 40, 30, 25, 22, 19, 17),
    "intent": (34, 11, 67, 72, 15, 114, 41, 20, 35, 156),
    "sentiment": (280, 320),
    "sarcasm": (1200, 200),
}
PARALLEL = ("topic", "intent")
CELLS = (*((lang, task) for task in ("topic", "intent", "sentiment") for langs in GROUPS.values() for lang in langs),
         ("en", "sarcasm"))  # fmt: skip
STUDENTS = (
    ("finetune", XLM_R, ("synthetic", "human")), ("linear", TFIDF, ("synthetic", "human")),
    *(("icl", model, ("synthetic", "human")) for model in SMALL_LLMS),
    *(("lora", model, ("synthetic",)) for model in SMALL_LLMS),
)  # fmt: skip
_SCORED = ("finetune", "linear")
#: How hard a row is: what only the language and only the student add, beside 1 of the sentence; then a run's own share.
_OF_LANG, _OF_STUDENT, _OWN = 0.6, 0.15, 0.05
_Item = tuple[Artifact, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class PaperGrid:
    """What of the grid is simulated; the defaults are all of it, 166,000 runs.

    Args:
        repeats: Runs per size, at least 1.
        repeats_of_llms: Of them, those that LLMs make, which scatter less.
        sizes: Nominal sizes; all rows of a task are one more.
        cells: (lang, task).
        models: Students whose runs are made; the generator always is.
        broken: Claims (`paper_claims.CLAIMS`) that are not to hold.
        seed: Another one gives another store that says the same.
    """

    repeats: int = 20
    repeats_of_llms: int = 20
    sizes: tuple[int, ...] = SIZES
    cells: tuple[tuple[str, str], ...] = CELLS
    models: tuple[str, ...] = (XLM_R, TFIDF, *SMALL_LLMS)
    broken: Collection[str] = ()
    seed: int = 20


#: Of the time of a run that is its fit; the paper has both together.
FIT_SHARE = 0.9
#: A grid that takes seconds, in which all claims can still be told.
SMALL = PaperGrid(repeats=4, sizes=(10, 20, 50, 100, 150, 400, 1000, 2000))


def fill(path: Path, grid: PaperGrid = SMALL) -> Context:
    """Writes a store and returns a context that has it."""
    once.store(f"paper_{digest(repr(grid))[:12]}", lambda new: _fill(new, grid), path)
    return Context(store=Store(path))


def _fill(path: Path, grid: PaperGrid) -> None:
    store = Store(path)
    for lang, task in grid.cells:
        store.put_many(list(_Cell(lang, task, grid).items()))


class _Cell:
    """One cell of the grid."""

    def __init__(self, lang: str, task: str, grid: PaperGrid) -> None:
        self.lang, self.task, self.grid = lang, task, grid
        self.group = next(group for group, langs in GROUPS.items() if lang in langs)
        self.most, counts = ALL_ROWS[task], TASKS[task]
        self.num_labels = len(counts)
        labels_N = np.repeat(np.arange(self.num_labels), counts)
        self.gold_N = np.random.default_rng(derive_seed(0, task)).permutation(labels_N)  # as in any language
        self.rarest = int(np.argmin(counts))

    def items(self) -> Iterator[_Item]:
        """Yields the artifacts of the cell with their rows, each after what it was made from."""
        yield self._data("test")
        yield self._data("train")
        generation = self._artifact(
            "gen", ["gen"], {"model": GENERATOR, "ok": self.most, "usage": self._usage(GENERATOR, 4.0, 2000),
                             "energy_kwh": kwh(self.grid.broken) / len(self.grid.cells)},
        )  # fmt: skip
        yield generation, {}
        draws: dict[str, list[dict[str, Any]]] = {}
        for source, key in (("synthetic", generation.key), ("human", self._key("data", "train"))):
            draws[source] = self._draws(source, key)
            yield self._artifact("sample", [source], {"source": source}, inputs=[key]), {"draws": draws[source]}
        for model in (GENERATOR, *SMALL_LLMS):
            if model in (GENERATOR, *self.grid.models):
                yield from self._runs("icl", model, None, [{"draw": None, "num_rows": 0, "repeat": 0}], shots=0)
        for method, model, sources in STUDENTS:
            for source in sources if model in self.grid.models else ():
                repeats = self.grid.repeats if method in _SCORED else self.grid.repeats_of_llms
                once = list({draw["draw"]: draw for draw in draws[source] if draw["repeat"] < repeats}.values())
                yield from self._runs(method, model, source, once, shots=None if method in _SCORED else 2)

    def _data(self, split: str) -> _Item:
        rows: dict[str, Any] = {}
        if split == "test":
            numbers = range(len(self.gold_N))
            about = {"lang": self.lang, "task": self.task, "source": "human", "split": split, "status": "ok"}
            rows["examples"] = [{**about, "idx": i, "text": f"{i}", "label": int(self.gold_N[i])} for i in numbers]
            if self.task in PARALLEL:
                rows["sentence_ids"] = [{"idx": i, "id": f"{self.task} {i}"} for i in numbers]
        return self._artifact("data", [split], {"split": split}), rows

    def _draws(self, source: str, key: str) -> list[dict[str, Any]]:
        found = []
        for size in [*(str(size) for size in self.grid.sizes if size <= self.most), "all"]:
            number = self.most if size == "all" else int(size)
            rows = min(self.most // self.num_labels, max(2, number // self.num_labels)) * self.num_labels
            found += [
                {"draw": digest([self.lang, self.task, source, rows, repeat]), "lang": self.lang, "task": self.task,
                 "source": source, "strategy": "balanced", "size": size, "repeat": repeat, "num_rows": rows,
                 "example_key": key, "members": [0]} for repeat in range(self.grid.repeats)
            ]  # fmt: skip
        return found

    def _runs(
        self, method: str, model: str, source: str | None, draws: Sequence[dict[str, Any]], *, shots: int | None
    ) -> Iterator[_Item]:
        truths = [
            truth(
                method, model, task=self.task, group=self.group, source=source, rows=draw["num_rows"],
                broken=self.grid.broken,
            ) for draw in draws
        ]  # fmt: skip
        student = [method, model, source or ""]
        chance = np.random.default_rng(derive_seed(self.grid.seed, "runs", self.lang, self.task, *student))
        said_RN, broke_off_R = self._answers(truths, student, chance)
        for draw, kept, said_N, broke_off in zip(draws, truths, said_RN, broke_off_R, strict=True):
            run = self._run(method, model, source, draw, shots=shots, hours=kept.hours, broke_off=broke_off)
            yield run
            reader = "scores" if method in _SCORED else "strict"
            yield self._eval(run[0].key, reader, None if broke_off else said_N)
            if source is None or (method == "icl" and draw["num_rows"] >= self.most and draw["repeat"] == 0):
                # A reader that takes some right answers for wrong ones, as that of the paper's script does.
                lost_N = chance.random(len(said_N)) < (0.25 if model == GENERATOR else 0.12)
                yield self._eval(run[0].key, "paper-code", np.where(lost_N, 0, said_N))

    def _answers(
        self, truths: Sequence[Truth], student: Sequence[str], chance: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns the labels that runs say (R, N) and whether they broke off (R)."""
        rates = (self.gold_N == self.rarest).mean()
        rates_R = np.array([(t.score - t.collapsing * rates) / (1 - t.collapsing) for t in truths])
        rates_R = rates_R + self._of_lang(student) / 100
        rates_R = rates_R + chance.normal(size=len(truths)) * np.array([t.spread for t in truths])
        unparsed = 0.0 if student[0] in _SCORED else 0.03 if student[2] or student[0] == "lora" else 0.15
        if self.task == "sarcasm":
            rates_R = np.array([rate_for_f1(rate, unparsed, TASKS["sarcasm"]) for rate in rates_R])
        own_RN = math.sqrt(_OWN) * chance.normal(size=(len(truths), len(self.gold_N)))
        right_RN = self._easiest(math.sqrt(1 - _OWN) * self._hardness(student) + own_RN, np.clip(rates_R, 0.02, 0.985))
        wrong_RN = (self.gold_N + chance.integers(1, self.num_labels, size=own_RN.shape)) % self.num_labels
        if unparsed:
            wrong_RN = np.where(chance.random(own_RN.shape) < unparsed, -1, wrong_RN)
        said_RN = np.where(right_RN, self.gold_N, wrong_RN)
        collapsed_R = chance.random(len(truths)) < [t.collapsing for t in truths]
        said_RN[collapsed_R] = self.rarest
        return said_RN, chance.random(len(truths)) < [t.breaking_off for t in truths]

    def _of_lang(self, student: Sequence[str]) -> float:
        """Returns points by which a language differs from its group: the group's mean does not move."""
        langs = GROUPS[self.group]
        shift = 3.0 * math.cos(2 * math.pi * langs.index(self.lang) / len(langs)) if len(langs) > 2 else 0.0
        return 0.0 if self.task == "sarcasm" else shift * (0.5 if student[1] == GENERATOR else 1.0)

    def _easiest(self, hard_RN: NDArray[Any], rates_R: NDArray[Any]) -> NDArray[Any]:
        """Returns the easiest rows of each run: its share of all, and of every label as far as rows can be shared."""
        right_RN = np.zeros(hard_RN.shape, dtype=bool)
        seen, given_R = 0, np.zeros(len(hard_RN))
        for label in range(self.num_labels):
            where = np.flatnonzero(self.gold_N == label)
            seen += len(where)
            number_R = np.round(rates_R * seen) - given_R
            given_R += number_R
            right_RN[:, where] = hard_RN[:, where].argsort(axis=1).argsort(axis=1) < number_R[:, None]
        return right_RN

    def _hardness(self, student: Sequence[str]) -> NDArray[Any]:
        """Returns how hard each row is for a student, with a variance of 1."""
        hard_N = self._shared_hardness + _OF_STUDENT * self._normal("student", *student, self.lang)
        return np.asarray(hard_N / math.sqrt(1 + _OF_LANG**2 + _OF_STUDENT**2))

    @cached_property
    def _shared_hardness(self) -> NDArray[Any]:
        shared = self._normal("sentence", "" if self.task in PARALLEL else self.lang)
        return shared + _OF_LANG * self._normal("lang", self.lang)

    def _normal(self, *purpose: str) -> NDArray[Any]:
        seed = derive_seed(self.grid.seed, self.task, *purpose)
        return np.random.default_rng(seed).standard_normal(len(self.gold_N))

    def _run(
        self, method: str, model: str, source: str | None, draw: dict[str, Any], *, shots: int | None, hours: float,
        broke_off: bool,
    ) -> _Item:  # fmt: skip
        leaks = {"test_rows": len(self.gold_N), "leaked": 0, "exact": 0, "rows": 0}
        row = {
            "lang": self.lang, "task": self.task, "method": method, "model": model, "source": source,
            "draw": draw["draw"], "num_rows": draw["num_rows"], "num_shots": shots,
            "decoding": None if method in _SCORED else "generate", "setting": f"{method} {model}",
            "test_key": self._key("data", "test"), "status": "failed" if broke_off else "ok",
            "reason": "loss is NaN" if broke_off else None, "seconds": 3600 * hours,
            "details": json.dumps({"leaks": leaks} if source else {}),
        }  # fmt: skip
        summary: dict[str, Any] = {"method": method, "model": model, "test_rows": len(self.gold_N)}
        if method != "icl":
            summary["fit_seconds"] = 3600 * FIT_SHARE * hours
        if method not in _SCORED:
            summary["usage"] = self._usage(model, hours, len(self.gold_N))
        stage = "icl" if method == "icl" else "train"
        name = [method, model, draw["draw"] or "", str(shots)]
        inputs = [self._key("data", "test")]
        return self._artifact(stage, name, summary, inputs=inputs, seconds=3600 * hours), {"runs": [row]}

    def _eval(self, run: str, reader: str, said_N: NDArray[Any] | None) -> _Item:
        counts_L = np.bincount(self.gold_N, minlength=self.num_labels)
        share = float(counts_L.max() / len(self.gold_N))
        values: dict[str, Any] = {
            "majority_rate": share, "majority_macro_f1": 2 * share / (1 + share) / self.num_labels, "failed_run": 1.0
        }  # fmt: skip
        ends: dict[str, tuple[float, float]] = {}
        if said_N is not None:
            right_N = said_N == self.gold_N
            hits = int(right_N.sum())
            ends["accuracy"] = wilson(hits, len(right_N))
            values |= {"accuracy": hits / len(right_N), "macro_f1": _macro_f1(self.gold_N, said_N, counts_L)}
            values |= {"unparsed_rate": float((said_N == -1).mean())}
            values["failed_run"] = float(hits * self.num_labels < len(right_N))
        rows = [
            {"run": run, "reader": reader, "metric": name, "value": value,
             "low": ends.get(name, (None, None))[0], "high": ends.get(name, (None, None))[1]}
            for name, value in values.items()
        ]  # fmt: skip
        labels = None if said_N is None else readings.packed(said_N, num_labels=self.num_labels)
        artifact = self._artifact("eval", [reader, run], {"num_test": len(self.gold_N)}, version=2, inputs=[run])
        return artifact, {"metrics": rows, "readings": [{"run": run, "reader": reader, "labels": labels}]}

    def _usage(self, model: str, hours: float, calls: int) -> dict[str, Any]:
        return {
            "model": model, "engine": "simulated", "calls": calls, "cached": 0, "refused": 0, "failed": 0,
            "prompt_tokens": 250 * calls, "completion_tokens": 5 * calls, "seconds": 3600 * hours,
        }  # fmt: skip

    def _key(self, stage: str, *name: str) -> str:
        return digest(["simulated", self.grid.seed, stage, *name, self.lang, self.task])

    def _artifact(
        self, stage: str, name: Sequence[str], summary: dict[str, Any], *, inputs: Sequence[str] = (), version: int = 1,
        seconds: float | None = None,
    ) -> Artifact:  # fmt: skip
        return Artifact(
            key=self._key(stage, *name), stage=stage, version=version, lang=self.lang, task=self.task, config={},
            inputs=tuple(inputs), summary=summary, seconds=seconds,
        )  # fmt: skip


def _macro_f1(gold_N: NDArray[Any], said_N: NDArray[Any], counts_L: NDArray[Any]) -> float:
    hits_L = np.bincount(gold_N[said_N == gold_N], minlength=len(counts_L))
    said_L = np.bincount(said_N[said_N >= 0], minlength=len(counts_L))
    return float((2 * hits_L / (counts_L + said_L)).mean())
