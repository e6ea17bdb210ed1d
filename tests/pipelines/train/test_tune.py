import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.key import digest
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import DataError, EngineError, UsageError
from sdc.pipelines import tasks, train
from sdc.pipelines.cells import Cell
from sdc.pipelines.progress import Step
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.stage import Context, plan
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent
from sdc.pipelines.students.protocol import FitFailed
from sdc.pipelines.tasks import languages
from sdc.pipelines.train import TrainConfig, space, tune
from sdc.pipelines.train.tune import DrawGroup, TuneConfig

CELL = Cell(language=languages.load("en"), task=tasks.load("sentiment"))
POOL = [
    (f"{word} {thing} {more}", label)
    for more in ("sun", "rain", "music", "the", "it")
    for label, words in enumerate((("bad", "poor"), ("good", "fine")))
    for word in words
    for thing in ("film", "day")
]  # fmt: skip
TEST = [("a bad film", 0), ("good", 1), ("a poor one", 0), ("what a fine day", 1)]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


def _examples(context: Context, rows: list[tuple[str, int]], *, split: str) -> Artifact:
    planned = plan(
        stage="data", version=1, config={"rows": rows, "split": split}, inputs=[], lang="en", task="sentiment"
    )
    found = [
        {"idx": idx, "lang": "en", "task": "sentiment", "text": text, "label": label, "source": "human", "split": split,
         "label_name": CELL.task.labels[label].name, "status": "ok"}
        for idx, (text, label) in enumerate(rows)
    ]  # fmt: skip
    context.store.put(planned, {"examples": found})
    return planned


def _groups(context: Context, sizes: dict[str, int], *, repeats: int = 2) -> list[DrawGroup]:
    pool = _examples(context, POOL, split="train")
    draws = []
    for size, rows in sizes.items():
        for repeat in range(repeats):
            members = [(i + repeat) % len(POOL) for i in range(rows)]
            content = digest([digest(list(POOL[i])) for i in members])
            draws.append(Draw(draw=content, source="human", size=size, repeat=repeat, num_rows=rows,
                              example_key=pool.key, members=members))  # fmt: skip
    return tune.groups(CELL, draws)


def _config(folder: Path, **settings: Any) -> TuneConfig:
    student = FinetuneConfig(model=str(folder), epochs=4, learning_rate=1e-3, batch_size=8, early_stopping=False)
    return TuneConfig(**{"student": student, "trials": 3, "fixed": ("batch_size",), "repeats": 1, **settings})


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[FinetuneConfig]:
    """The settings of every fit that was made."""
    made: list[FinetuneConfig] = []
    fit = FinetuneStudent.fit

    def watched(self: FinetuneStudent, *arguments: Any, **options: Any) -> Any:
        made.append(self.config)
        return fit(self, *arguments, **options)

    monkeypatch.setattr(FinetuneStudent, "fit", watched)
    return made


def test_a_search_tries_the_usual_settings_first_and_chooses_the_best(
    context: Context, bert: Path, fits: list[FinetuneConfig]
) -> None:
    (tuned,) = tune.run(context, _config(bert), _groups(context, {"40": 40}))
    summary = tuned.outcome.summary
    assert len(fits) == summary["num_trials"] == 3
    assert fits[0] == _config(bert).student
    assert summary["score"] == max(trial["score"] for trial in summary["trials"])
    best = next(t for t in summary["trials"] if t["settings"] == summary["chosen"])
    assert all((best["score"], -best["dev_loss"]) >= (t["score"], -t["dev_loss"]) for t in summary["trials"])
    assert tuned.student == space.of(_config(bert).student, summary["chosen"])
    assert tuned.student.batch_size == 8  # it was given, so it is not searched
    assert all(trial["seconds"] > 0 for trial in summary["trials"])
    assert not verify(context.store).faults


def test_a_second_search_is_a_hit_and_a_longer_one_goes_on(
    context: Context, bert: Path, fits: list[FinetuneConfig]
) -> None:
    groups = _groups(context, {"40": 40})
    (first,) = tune.run(context, _config(bert), groups)
    (again,) = tune.run(context, _config(bert), groups)
    assert (len(fits), again.outcome.hit, again.student) == (3, True, first.student)
    (longer,) = tune.run(context, _config(bert, trials=5), groups)
    assert len(fits) == 5
    assert [t["settings"] for t in longer.outcome.summary["trials"][:3]] == [
        t["settings"] for t in first.outcome.summary["trials"]
    ]


def test_a_killed_search_resumes_without_fitting_a_trial_twice(
    context: Context, bert: Path, fits: list[FinetuneConfig], tmp_path: Path
) -> None:
    def stop(step: Step) -> None:
        if step.position > 2 / 3:  # the first step of the third fit
            raise KeyboardInterrupt

    groups = _groups(context, {"40": 40})
    with pytest.raises(KeyboardInterrupt):
        tune.run(Context(store=context.store, progress=stop), _config(bert), groups)
    assert len(fits) == 3
    (resumed,) = tune.run(context, _config(bert), groups)
    assert len(fits) == 4
    other = Context(store=Store(tmp_path / "other" / "store.duckdb"))
    (whole,) = tune.run(other, _config(bert), _groups(other, {"40": 40}))
    assert (whole.outcome.key, whole.student) == (resumed.outcome.key, resumed.student)
    assert [t["score"] for t in whole.outcome.summary["trials"]] == [
        t["score"] for t in resumed.outcome.summary["trials"]
    ]


def test_each_size_has_its_own_settings_or_all_share_the_best_mean(context: Context, bert: Path) -> None:
    groups = _groups(context, {"16": 16, "40": 40})
    own = tune.run(context, _config(bert), groups)
    assert len({found.outcome.key for found in own}) == 2
    shared = tune.run(context, _config(bert, scope="all"), groups)
    assert len({found.outcome.key for found in shared}) == 1
    assert shared[0].student == shared[1].student
    assert shared[0].outcome.summary["num_draws"] == 2
    assert [artifact.key for artifact in tune.plan(context, _config(bert, scope="all"), groups)] == [
        found.outcome.key for found in shared
    ]


def test_b13_test_data_cannot_influence_the_choice(bert: Path, tmp_path: Path) -> None:
    """The paper does not say what it tuned on. Here other test labels, or no test at all, change no trial."""
    flipped = [(text, 1 - label) for text, label in TEST]
    seen = set()
    for number, test in enumerate((TEST, flipped, None)):
        context = Context(store=Store(tmp_path / str(number) / "store.duckdb"))
        groups = _groups(context, {"40": 40})
        if test is not None:
            kept = _examples(context, test, split="test")
            train.run(context, TrainConfig(), CELL, draws=groups[0].draws, test=kept)  # and it has been tested on
        (tuned,) = tune.run(context, _config(bert, trials=2), groups)
        trials = tuned.outcome.summary["trials"]
        seen.add(
            json.dumps([tuned.outcome.key, tuned.student.learning_rate, *[(t["score"], t["keys"]) for t in trials]])
        )
        read = context.store.query("select distinct unnest(inputs) from artifacts where stage = 'tune'")
        assert read == []
    assert len(seen) == 1


def test_rows_that_are_measured_are_not_trained_on(
    context: Context, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    fit = FinetuneStudent.fit

    def watched(self: FinetuneStudent, texts: list[str], *arguments: Any, **options: Any) -> Any:
        trained.extend(texts)
        fitted = fit(self, texts, *arguments, **options)
        scores = fitted.scores

        def scoring(measured: list[str]) -> Any:
            assert not set(measured) & set(texts)
            assert set(measured) | set(texts) == {text for text, _ in POOL}
            return scores(measured)

        fitted.scores = scoring  # type: ignore[method-assign, assignment]
        return fitted

    monkeypatch.setattr(FinetuneStudent, "fit", watched)
    tune.run(context, _config(bert, trials=1), _groups(context, {"40": 40}))
    assert len(trained) == 30


def test_the_choice_given_by_hand_is_the_same_run(context: Context, bert: Path) -> None:
    groups = _groups(context, {"40": 40})
    (tuned,) = tune.run(context, _config(bert), groups)
    test = _examples(context, TEST, split="test")
    config = TrainConfig(student=tuned.student, tuned_by=tuned.outcome.key)
    first = train.run(context, config, CELL, draws=groups[0].draws, test=test)
    details = context.store.query("select details ->> '$.tuned_by' from runs")
    assert {found for (found,) in details} == {tuned.outcome.key}
    chosen = tuned.student
    typed = FinetuneConfig(
        model=str(bert), learning_rate=float(str(chosen.learning_rate)), dropout=chosen.dropout, epochs=chosen.epochs,
        batch_size=8, early_stopping=False,
    )  # fmt: skip
    by_hand = train.run(context, TrainConfig(student=typed), CELL, draws=groups[0].draws, test=test)
    assert [(o.key, o.hit) for o in by_hand] == [(o.key, True) for o in first]


def test_trials_that_break_off_lose_and_all_of_them_are_an_error(
    context: Context, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = FinetuneStudent.fit

    def usual_breaks(self: FinetuneStudent, *arguments: Any, **options: Any) -> Any:
        if self.config.learning_rate == 1e-3:
            raise FitFailed("the loss is not finite")
        return fit(self, *arguments, **options)

    groups = _groups(context, {"40": 40})
    monkeypatch.setattr(FinetuneStudent, "fit", usual_breaks)
    (tuned,) = tune.run(context, _config(bert), groups)
    first = tuned.outcome.summary["trials"][0]
    assert (first["failed"], first["score"]) == (1, 0.0)
    assert tuned.student.learning_rate != 1e-3
    with pytest.raises(EngineError, match="all 1 trials failed"):
        tune.run(context, _config(bert, trials=1), groups)


def test_what_cannot_be_searched_is_one_line(context: Context, bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="cannot spare a row per label"):
        tune.run(context, _config(bert), _groups(context, {"5": 5}, repeats=1))  # one row of a label
    for wrong in ({"scope": "mine"}, {"trials": 0}, {"fixed": space.SEARCHED}):
        with pytest.raises(UsageError):
            _config(bert, **wrong)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(EngineError, match=r"pip install -e '.\[hpo\]'"):
        tune.run(context, _config(bert), _groups(context, {"40": 40}))


def test_a_hit_imports_nothing_heavy(context: Context, bert: Path) -> None:
    groups = _groups(context, {"40": 40})
    tune.run(context, _config(bert), groups)
    draw = groups[0].draws[0]
    script = f"""
import sys
from pathlib import Path
from sdc.cache.store import Store
from sdc.pipelines import cells
from sdc.pipelines.train import tune
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.stage import Context
from sdc.pipelines.students import FinetuneConfig
context = Context(store=Store(Path({str(context.store.path)!r})))
(cell,) = cells.expand(context.store, ["en"], ["sentiment"])
student = FinetuneConfig(model={str(bert)!r}, epochs=4, learning_rate=1e-3, batch_size=8, early_stopping=False)
config = tune.TuneConfig(student=student, trials=3, fixed=("batch_size",), repeats=1)
(found,) = tune.run(context, config, tune.groups(cell, [{draw!r}]))
assert found.outcome.hit
print(sorted({{"torch", "transformers", "optuna", "numpy"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
