import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.key import digest
from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, EngineError, StoreError, UsageError
from sdc.pipelines import students, tasks, train
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.progress import Step
from sdc.pipelines.records import encoding
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.stage import Context, Outcome, plan
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent
from sdc.pipelines.students.probe import ProbeConfig
from sdc.pipelines.students.protocol import FitFailed, Seeds
from sdc.pipelines.tasks import languages
from sdc.pipelines.train import TrainConfig

CELL = Cell(language=languages.load("en"), task=tasks.load("sentiment"))
POOL = [
    (f"{word} {thing} {n}", label)
    for n in range(5)
    for label, words in enumerate((("bad", "poor"), ("good", "fine")))
    for word in words
    for thing in ("film", "day")
]  # fmt: skip
TEST = [("a bad film", 0), ("a poor one", 0), ("", 0), ("what a good day", 1), ("fine", 1)]


def _examples(rows: list[tuple[str, int]], *, source: str, split: str) -> list[dict[str, Any]]:
    return [
        {"idx": idx, "lang": "en", "task": "sentiment", "text": text, "label": label, "source": source, "split": split,
         "label_name": CELL.task.labels[label].name, "status": "ok" if text else "empty"}
        for idx, (text, label) in enumerate(rows)
    ]  # fmt: skip


def _put(
    store: Store, stage: str, config: dict[str, Any], rows: dict[str, Any], inputs: tuple[str, ...] = (), **summary: Any
) -> Artifact:
    planned = plan(stage=stage, version=1, config=config, inputs=inputs, lang="en", task="sentiment")
    artifact = Artifact(**{**vars(planned), "summary": summary})
    store.put(artifact, rows)
    return artifact


def _sample(store: Store, members: dict[tuple[str, int], list[int]], *, source: str = "synthetic") -> Artifact:
    """Draws (size, repeat) -> positions in POOL."""
    generation = _put(store, "gen", {"n": 1}, {"examples": _examples(POOL, source="synthetic", split="train")})
    draws = [
        {"draw": digest([digest(list(POOL[i])) for i in picked]), "lang": "en", "task": "sentiment", "source": source,
         "strategy": "balanced", "size": size, "repeat": repeat, "num_rows": len(picked),
         "example_key": generation.key, "members": picked}
        for (size, repeat), picked in members.items()
    ]  # fmt: skip
    config = {"draws": [f"{d['size']} {d['repeat']} {d['draw']}" for d in draws], "source": source}
    return _put(store, "sample", config, {"draws": draws}, (generation.key,), source=source)


SMALL = {
    ("10", 0): [0, 1, 4, 5, 8, 12],
    ("10", 1): [6, 7, 2, 3, 9, 13],
    ("all", 0): list(range(40)),
    ("all", 1): list(range(40)),
}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(store=Store(tmp_path / "store.duckdb"))


@pytest.fixture
def test_data(context: Context) -> Artifact:
    return _put(
        context.store,
        "data",
        {"split": "test"},
        {"examples": _examples(TEST, source="human", split="test")},
        split="test",
    )


def _run(context: Context, sample: Artifact, test: Artifact, config: TrainConfig | None = None) -> list[Outcome]:
    return train.run(context, config or TrainConfig(), CELL, draws=draws_of(context, sample), test=test)


def _finetune(folder: Path, **settings: Any) -> FinetuneConfig:
    return FinetuneConfig(model=str(folder), **{"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, **settings})


def test_a_dry_run_of_a_probe_has_the_texts_that_are_still_to_be_read(
    context: Context, test_data: Artifact, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig(student=ProbeConfig(model=str(bert)))
    picked = {("10", 0): [0, 1, 4, 5, 8, 12], ("10", 1): [6, 7, 2, 3, 9, 13], ("10", 2): [0, 1, 20, 21, 22, 23]}
    draws = draws_of(context, _sample(context.store, picked))

    def seconds() -> list[float | None]:
        return [row["seconds"] for row in train.dry_run(context, config, CELL, draws=draws, test=test_data)]

    assert seconds() == [None, None, None]
    train.run(context, config, CELL, draws=draws[:2], test=test_data)
    ((name, identity),) = encoding.seconds_per_text(context.store)
    monkeypatch.setattr(encoding, "seconds_per_text", lambda store: {(name, identity): 0.5})
    monkeypatch.setattr(train, "usual_seconds", lambda *_: {6: 2.0})
    assert seconds() == [0.0, 0.0, 2.0 + 4 * 0.5]  # four of its rows were in no draw; the test is read


def test_a_run_keeps_scores_for_every_usable_test_row(context: Context, test_data: Artifact) -> None:
    outcomes = _run(context, _sample(context.store, SMALL), test_data)
    rows = context.store.query(
        "select method, model, source, num_rows, init_seed, test_key, status, details from runs order by num_rows, key"
    )
    assert len(outcomes) == len(rows) == 3  # both repeats of `all` are one draw, and linear has no seeds
    assert [row[3] for row in rows] == [6, 6, 40]
    assert rows[-1][:3] == ("linear", "tfidf-logreg", "synthetic")
    assert rows[-1][4:7] == (None, test_data.key, "ok")
    assert json.loads(rows[-1][7])["labels"] == 2
    outputs = context.store.query("select idx, scores from outputs where key = ? order by idx", [outcomes[-1].key])
    assert [idx for idx, _ in outputs] == [0, 1, 3, 4]  # the empty text is no usable row
    assert [int(scores[1] > scores[0]) for _, scores in outputs] == [0, 0, 1, 1]
    # The fit apart from the answers: what a text costs is their difference.
    took = context.store.query(
        "select r.seconds, a.summary ->> '$.fit_seconds' from runs r join artifacts a using (key)"
    )
    assert all(0 < float(fit) <= seconds + 1e-4 for seconds, fit in took)


def test_the_second_run_is_a_hit_and_new_draws_leave_old_runs_alone(context: Context, test_data: Artifact) -> None:
    first = _run(context, _sample(context.store, SMALL), test_data)
    grown = _sample(context.store, {("8", 0): [0, 1, 2, 4, 5, 6, 20, 24], ("10", 7): SMALL["10", 0], **SMALL})
    second = _run(context, grown, test_data)
    assert [outcome.hit for outcome in first] == [False] * 3
    assert {o.key for o in second if o.hit} == {o.key for o in first}
    assert sum(not outcome.hit for outcome in second) == 1  # the eight rows; the same rows as another repeat are a hit


def test_the_repeat_is_in_the_key_through_seeds_only(context: Context, test_data: Artifact, bert: Path) -> None:
    draws = draws_of(context, _sample(context.store, SMALL))

    def keys(config: TrainConfig) -> list[str]:
        return [item.planned.key for item in train.plan(context, config, CELL, draws=draws, test=test_data)]

    linear = TrainConfig()
    assert keys(linear) == keys(TrainConfig(seed=7)) == keys(TrainConfig(init_seed=3, order_seed=4))
    tuned = TrainConfig(student=_finetune(bert))
    assert len(keys(tuned)) == 4  # `all` twice: the same rows with other seeds
    assert not set(keys(tuned)) & set(keys(TrainConfig(student=_finetune(bert), seed=7)))
    fixed = TrainConfig(student=_finetune(bert), init_seed=3, order_seed=4)
    assert len(keys(fixed)) == 3  # now nothing differs between the repeats of `all`
    assert len({*keys(tuned), *keys(TrainConfig(student=_finetune(bert), init_seed=3))}) == 8


def test_b18_data_init_and_order_seeds_are_three(context: Context, test_data: Artifact, bert: Path) -> None:
    """With the released script's single seed, another init means another draw and another order too."""
    draws = draws_of(context, _sample(context.store, SMALL))

    def seen(**seeds: int) -> list[tuple[str, int, int]]:
        config = TrainConfig(student=_finetune(bert), **seeds)  # type: ignore[arg-type]
        runs = train.plan(context, config, CELL, draws=draws, test=test_data)
        return [(run.draw.draw, run.seeds.init, run.seeds.order) for run in runs]

    usual, other_init = seen(), seen(init_seed=99)
    assert [(draw, order) for draw, _, order in usual] == [(draw, order) for draw, _, order in other_init]
    assert all(a[1] != b[1] for a, b in zip(usual, other_init, strict=True))
    assert all(init != order for _, init, order in usual)
    assert [draw for draw, _, _ in usual] == [draw for draw, _, _ in seen(seed=5)]


def _scores(context: Context, outcomes: list[Outcome]) -> list[Any]:
    return [
        context.store.query("select scores from outputs where key = ? order by idx", [outcome.key])
        for outcome in outcomes
    ]


@pytest.mark.parametrize("method", ["linear", "finetune"])
def test_b18_the_same_seeds_give_the_same_numbers_and_each_seed_changes_only_its_own(
    context: Context, test_data: Artifact, bert: Path, method: str
) -> None:
    sample = _sample(context.store, {("10", 0): SMALL["10", 0], ("10", 1): SMALL["10", 1]})
    student = LinearConfig() if method == "linear" else _finetune(bert, epochs=2)

    def scores(*, force: bool = False, **seeds: int) -> list[Any]:
        config = TrainConfig(student=student, **seeds)  # type: ignore[arg-type]
        return _scores(context, _run(Context(store=context.store, force=force), sample, test_data, config))

    first = scores(init_seed=3, order_seed=4)
    assert scores(init_seed=3, order_seed=4, force=True) == first
    assert first[0] != first[1]  # with all other seeds fixed, the draw alone makes the difference
    assert (scores(init_seed=9, order_seed=4) == first) == (method == "linear")
    assert (scores(init_seed=3, order_seed=9) == first) == (method == "linear")
    assert scores(seed=7, init_seed=3, order_seed=4) == first  # the root decides nothing that is given


@pytest.mark.parametrize("preset", ["paper", "sdc", "code"])
def test_b7_a_run_has_held_out_rows_warm_up_and_early_stopping_unless_the_code_is_followed(
    context: Context, test_data: Artifact, bert: Path, preset: str
) -> None:
    """The released script has none of the three, and no sign of a run that collapsed."""
    flags = {"model": str(bert), "epochs": 12, "learning_rate": 0.05, "patience": 1}
    student = students.configured(context, "finetune", preset=preset, flags=flags)
    (outcome,) = _run(context, _sample(context.store, {("all", 0): list(range(40))}), test_data,
                      TrainConfig(student=student))  # fmt: skip
    ((found,),) = context.store.query("select details from runs where key = ?", [outcome.key])
    details = json.loads(found)
    if preset == "code":
        assert (details["rows"], details["dev_rows"], details["warmup_steps"], details["epochs"]) == (40, 0, 0, 12)
    else:
        assert (details["rows"], details["dev_rows"]) == (36, 4)  # of the draw: the test is not there to be looked at
        assert details["warmup_steps"] == int(0.1 * 12 * 5)
        assert details["epochs"] - details["best_epoch"] == 1


def test_a_failed_run_is_tried_again_only_if_asked_and_stays(
    context: Context, test_data: Artifact, bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = _sample(context.store, {("10", 0): SMALL["10", 0], ("10", 1): SMALL["10", 1]})
    config = TrainConfig(student=_finetune(bert))
    again = TrainConfig(student=_finetune(bert), retry_failed=True)
    bad = {train.plan(context, config, CELL, draws=draws_of(context, sample), test=test_data)[0].seeds}
    fit = FinetuneStudent.fit

    def sometimes(self: FinetuneStudent, *arguments: Any, seeds: Seeds, **options: Any) -> Any:
        if seeds in bad:
            raise FitFailed("the loss is not finite")
        return fit(self, *arguments, seeds=seeds, **options)

    monkeypatch.setattr(FinetuneStudent, "fit", sometimes)
    first = _run(context, sample, test_data, config)
    assert [outcome.summary["status"] for outcome in first] == ["failed", "ok"]
    assert [outcome.hit for outcome in _run(context, sample, test_data, config)] == [True, True]
    tried = _run(context, sample, test_data, again)
    assert [(o.key, o.hit) for o in tried[:2]] == [(o.key, True) for o in first]
    assert [(o.summary["status"], o.hit) for o in tried[2:]] == [("ok", False)]
    assert all(outcome.hit for outcome in _run(context, sample, test_data, again))  # the second try did
    assert context.store.query("select status, count(*) from runs group by 1 order by 1") == [("failed", 1), ("ok", 2)]
    seeds = context.store.query(
        "select count(distinct init_seed), count(distinct details ->> '$.order_seed') from runs"
    )
    assert seeds == [(3, 3)]


def test_a_run_below_chance_is_tried_again_once_eval_has_seen_it(
    context: Context, test_data: Artifact, bert: Path
) -> None:
    sample = _sample(context.store, {("10", 0): SMALL["10", 0]})
    again = TrainConfig(student=_finetune(bert), retry_failed=True)
    (first,) = _run(context, sample, test_data, again)
    metric = {"run": first.key, "reader": "scores", "metric": "failed_run", "value": 1.0, "low": None, "high": None}
    _put(context.store, "eval", {"reader": "scores"}, {"metrics": [metric]}, (first.key,))
    assert [outcome.hit for outcome in _run(context, sample, test_data, again)] == [True, False]
    assert len(_run(context, sample, test_data, TrainConfig(student=_finetune(bert)))) == 1


def test_what_does_not_change_a_result_does_not_change_the_key(
    context: Context, test_data: Artifact, bert: Path, tmp_path: Path
) -> None:
    import shutil

    draws = draws_of(context, _sample(context.store, SMALL))

    def key(student: students.StudentConfig, **settings: Any) -> str:
        command = Context(store=context.store)  # each looks its models up once
        runs = train.plan(command, TrainConfig(student=student, **settings), CELL, draws=draws, test=test_data)
        return runs[0].planned.key

    assert key(LinearConfig()) == key(LinearConfig(), keep_weights=True) != key(LinearConfig(c=1.0))
    copied = tmp_path / "elsewhere"
    shutil.copytree(bert, copied)
    assert key(_finetune(bert)) == key(_finetune(copied))
    (copied / "model.safetensors").write_bytes((bert / "model.safetensors").read_bytes()[:-4] + b"1234")
    assert key(_finetune(bert)) != key(_finetune(copied))
    different = [
        _finetune(bert),
        _finetune(bert, epochs=2),
        _finetune(bert, dropout=0.1),
        _finetune(bert, max_length=16),
    ]
    assert len({key(student) for student in different}) == 4


def test_settings_group_runs_whatever_their_draw_and_seed(context: Context, test_data: Artifact, bert: Path) -> None:
    sample = _sample(context.store, {("10", 0): SMALL["10", 0], ("10", 1): SMALL["10", 1]})
    _run(context, sample, test_data, TrainConfig(student=_finetune(bert)))
    _run(context, sample, test_data, TrainConfig(student=_finetune(bert), seed=8))
    _run(context, sample, test_data, TrainConfig(student=_finetune(bert, epochs=2)))
    found = context.store.query("select count(*), count(distinct setting), count(distinct init_seed) from runs")
    assert found == [(6, 2, 4)]


def test_a_failed_run_is_a_row_with_a_reason_and_all_failed_is_an_error(context: Context, test_data: Artifact) -> None:
    bad = [0, 1, 8, 9]  # one label only
    mixed = _sample(context.store, {("4", 0): bad, ("10", 0): SMALL["10", 0]})
    outcomes = _run(context, mixed, test_data)
    assert [outcome.summary["status"] for outcome in outcomes] == ["failed", "ok"]
    found = context.store.query(
        "select reason, (select count(*) from outputs o where o.key = r.key) from runs r where status = 'failed'"
    )
    assert found == [("the draw holds fewer than two labels", 0)]
    for _ in range(2):  # the second time they are hits
        with pytest.raises(EngineError, match=r"the run failed .the draw holds fewer than two labels"):
            _run(context, _sample(context.store, {("4", 0): bad}), test_data)


def test_finished_runs_survive_what_stops_the_others(context: Context, test_data: Artifact) -> None:
    def stop(step: Step) -> None:
        if step.done == 2:
            raise KeyboardInterrupt

    sample = _sample(context.store, SMALL)
    with pytest.raises(KeyboardInterrupt):
        _run(Context(store=context.store, progress=stop), sample, test_data)
    assert sum(outcome.hit for outcome in _run(context, sample, test_data)) == 2


def test_weights_are_kept_only_if_asked_and_made_again_for_a_run_without(context: Context, test_data: Artifact) -> None:
    sample = _sample(context.store, SMALL)
    plain = _run(context, sample, test_data)
    assert context.store.query("select * from blobs") == []
    kept = _run(context, sample, test_data, TrainConfig(keep_weights=True))
    assert [(o.key, o.hit) for o in kept] == [(o.key, False) for o in plain]
    found = context.store.query("select name, digest, bytes from blobs")
    assert len(found) == 6
    assert {name for name, _, _ in found} == {"linear.json", "linear.safetensors"}
    assert all(context.store.blobs.fault(digest, size) is None for _, digest, size in found)
    assert all(o.hit for o in _run(context, sample, test_data, TrainConfig(keep_weights=True)))
    assert context.store.query("select count(*) from runs") == [(3,)]
    context.store.blobs.remove(found[0][1])  # say, of a merge: the rows came, and a file was damaged there
    assert sum(o.hit for o in _run(context, sample, test_data, TrainConfig(keep_weights=True))) == 2
    assert all(context.store.blobs.fault(digest, size) is None for _, digest, size in found)


def test_force_fits_again_and_replaces(context: Context, test_data: Artifact) -> None:
    sample = _sample(context.store, SMALL)
    _run(context, sample, test_data)
    again = _run(Context(store=context.store, force=True), sample, test_data)
    assert not any(outcome.hit for outcome in again)
    assert context.store.query("select count(*), count(distinct key) from runs") == [(3, 3)]


def test_draws_are_filtered_by_size_and_repeat(context: Context) -> None:
    sample = _sample(context.store, SMALL)
    assert [(d.size, d.repeat) for d in draws_of(context, sample, sizes=["all"])] == [("all", 0), ("all", 1)]
    assert [(d.size, d.repeat) for d in draws_of(context, sample, repeats=1)] == [("10", 0), ("all", 0)]
    with pytest.raises(DataError, match=r"no draw of size 99.*its sizes are 10, all"):
        draws_of(context, sample, sizes=["99"])


def test_rows_that_are_not_in_the_store_are_an_error(context: Context, test_data: Artifact) -> None:
    sample = _sample(context.store, SMALL)
    with context.store.open(write=True) as con:
        con.execute("delete from examples where source = 'synthetic' and idx = 4")
    with pytest.raises(StoreError, match="1 row of a draw is not in the store"):
        _run(context, sample, test_data)


def test_flags_beat_the_model_which_beats_the_preset(
    context: Context, bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def configured(preset: str, **flags: Any) -> Any:
        return students.configured(context, "finetune", preset=preset, flags={"model": str(bert), **flags})

    paper, code = configured("paper"), configured("code")
    assert (paper.learning_rate, paper.epochs, paper.dropout, paper.warmup) == (1e-5, 50, 0.3, 0.1)
    assert (paper.batch_sizes, paper.early_stopping) == ("paper", True)
    assert (code.dropout, code.batch_sizes, code.warmup, code.early_stopping) == (0.2, "code", 0.0, False)
    assert configured("paper", dropout=0.0, epochs=None).dropout == 0.0

    (tmp_path / "student").symlink_to(bert)  # the bundled student, so far as its settings go
    monkeypatch.setattr(models, "POCKET", tmp_path)
    pocket = configured("sdc", model=None, epochs=3)
    assert pocket.model == models.STUDENT
    assert pocket.learning_rate == models.aliases()[models.STUDENT]["finetune"]["learning_rate"] > 1e-5
    assert (pocket.epochs, pocket.dropout) == (3, 0.3)


@pytest.mark.parametrize(
    ("method", "flags", "message"),
    [("magic", {}, "unknown method 'magic'.*linear, probe, finetune, lora"),
     ("linear", {"epochs": 3}, "has no --epochs"),
     ("linear", {"learning_rate": 0.1}, "has no --learning-rate"), ("finetune", {"model": "no such"}, "unknown model"),
     ("finetune", {"model": "a/b", "dropout": 2.0}, "dropout is 2.0")],
)  # fmt: skip
def test_wrong_settings_are_refused(context: Context, method: str, flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        students.configured(context, method, preset="sdc", flags=flags)


def test_a_hit_imports_nothing_heavy(context: Context, test_data: Artifact, bert: Path) -> None:
    sample = _sample(context.store, SMALL)
    _run(context, sample, test_data)
    _run(context, sample, test_data, TrainConfig(student=_finetune(bert)))
    script = f"""
import sys
from pathlib import Path
from sdc.cache.store import Store
from sdc.pipelines import cells, train
from sdc.pipelines.records import encoding
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.stage import Context
from sdc.pipelines.students.finetune import FinetuneConfig
context = Context(store=Store(Path({str(context.store.path)!r})))
sample, test = context.store.resolve({sample.key!r}), context.store.resolve({test_data.key!r})
student = FinetuneConfig(model={str(bert)!r}, epochs=1, learning_rate=1e-3, batch_size=8)
(cell,) = cells.expand(context.store, ["en"], ["sentiment"])
for config in (train.TrainConfig(), train.TrainConfig(student=student)):
    found = train.run(context, config, cell, draws=draws_of(context, sample), test=test)
    assert found and all(outcome.hit for outcome in found)
print(sorted({{"torch", "transformers", "sklearn", "numpy", "scipy", "pandas", "pyarrow"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
