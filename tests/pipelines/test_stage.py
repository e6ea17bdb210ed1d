"""What every stage must keep: what changes a key and what does not, hits, crashes, computing without a store."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, model_folder, never, obliging, world

import sdc.cache.store
from sdc.cache.file import StoreFile
from sdc.cache.key import identity
from sdc.cache.store import Artifact
from sdc.errors import StoreError
from sdc.pipelines import data, gen, icl, judge, sample, stage, train
from sdc.pipelines import eval as evaluate
from sdc.pipelines.cells import Cell
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Computed, Outcome, Together
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.students.finetune import FinetuneConfig
from sdc.pipelines.train import TrainConfig, tune
from sdc.pipelines.train.tune import TuneConfig

_TINY = {"quota": 2, "num_texts": 2, "num_seeds": 1}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one stage is planned and run in a world that has all it needs, and another value for each of its fields."""

    name: str
    config: type[Any]
    base: dict[str, Any]
    changes: dict[str, Any]
    plan: Callable[[World, Any], Artifact]
    run: Callable[..., list[Outcome]]
    another: dict[str, Any]  # settings that the world `ready` was not made with
    asks: bool = False
    by_identity: bool = True  # whether every field of the config is in the key, unless it says otherwise


def _generation(small: World) -> Artifact:
    return small.store.find("gen")[0]


def _draws(small: World) -> list[Draw]:
    return draws_of(small.context, small.store.find("sample")[0])


def _answered(small: World) -> list[tuple[Cell, Artifact]]:
    """The run in context that a world has from the beginning."""
    return [(small.cell, small.store.find("icl")[-1])]


def _file(small: World, config: Any) -> Path:
    path = small.root / f"{config.split}.csv"
    path.write_text(f"text,label\nan apple a day,first\nbread in the {config.split},second\n", "utf-8")
    return path


KINDS = (
    Kind(
        name="gen",
        config=GenConfig,
        base={"model": "tiny", **_TINY},
        changes={
            "quota": 3, "num_texts": 3, "num_seeds": 2, "temperature": 0.8, "top_p": 0.8, "repetition_penalty": 1.1,
            "max_tokens": 7, "label_style": "name", "near_duplicate": 0.9, "gates": True,
            "incentive": "hints", "seed": 1, "model": "other",
        },
        plan=lambda w, config: gen.plan(w.context, config, w.cell, data=w.train, judgement=None),
        run=lambda w, config, **how: [gen.run(w.context, config, w.cell, data=w.train, **how)],
        asks=True,
        another={"seed": 4},
    ),
    Kind(
        name="judge",
        config=JudgeConfig,
        base={"model": "tiny", "votes": 3},
        changes={
            "gates": False, "llm": False, "threshold": 0.6, "label_threshold": 0.4, "votes": 5, "temperature": 0.9,
            "seed": 1, "judge_all": True, "model": "other",
        },
        plan=lambda w, config: judge.plan(w.context, config, w.cell, _generation(w)),
        run=lambda w, config, **how: [judge.run(w.context, config, w.cell, generation=_generation(w), **how)],
        asks=True,
        another={"threshold": 0.7},
    ),
    Kind(
        name="sample",
        config=SampleConfig,
        base={"repeats": 2, "sizes": ("2", "all")},
        changes={
            "source": "seeds+synthetic", "strategy": "random", "sizes": ("2",), "repeats": 3, "seed": 1, "exact": True,
            "seeds_from": {"source": "seeds", "seeds_from": "human"},
            "per_label": {"source": "seeds", "seeds_from": "human", "per_label": 2},
            "seed_weight": {"source": "seeds+synthetic", "seed_weight": 2.0}, "encoding": "another encoder",
        },
        plan=lambda w, config: sample.plan(config, w.cell, _generation(w)),
        run=lambda w, config, **how: [sample.run(w.context, config, w.cell, examples=_generation(w))],
        another={"seed": 4},
    ),
    Kind(
        name="icl",
        config=IclConfig,
        base={"model": "tiny", "shots": 1, "decoding": "generate"},
        changes={
            "shots": 2, "decoding": "scores", "max_tokens": 7, "seed": 1, "model": "other", "shot_strategy": "random",
            "option_order": {"option_order": "shuffled", "decoding": "scores"}, "select": (0, 1),
            "dev_rows": {"dev_rows": 3, "select": (0, 1)},
        },
        plan=lambda w, config: icl.plan(w.context, config, w.cell, draws=_draws(w), test=w.test)[0],
        run=lambda w, config, **how: icl.run(w.context, config, w.cell, draws=_draws(w), test=w.test, **how),
        asks=True,
        another={"seed": 4},
    ),
    Kind(
        name="train",
        config=TrainConfig,
        base={"student": LinearConfig(max_iterations=50)},
        changes={
            "student": LinearConfig(max_iterations=49), "seed": {"student": FinetuneConfig(), "seed": 1},
            "init_seed": {"student": FinetuneConfig(), "init_seed": 1},
            "order_seed": {"student": FinetuneConfig(), "order_seed": 1},
        },
        plan=lambda w, config: train.plan(w.context, config, w.cell, draws=_draws(w), test=w.test)[0].planned,
        run=lambda w, config, **how: train.run(w.context, config, w.cell, draws=_draws(w), test=w.test),
        another={"student": LinearConfig(max_iterations=48)},
        by_identity=False,
    ),
    Kind(
        name="tune",
        config=TuneConfig,
        base={"student": FinetuneConfig(epochs=1), "trials": 1, "repeats": 1, "dev_fraction": 0.5},
        changes={
            "student": FinetuneConfig(epochs=2), "trials": 2, "fixed": ("epochs",), "repeats": 2, "dev_fraction": 0.4,
            "seed": 1,
        },
        plan=lambda w, config: tune.plan(w.context, config, tune.groups(w.cell, _draws(w)))[0],
        run=lambda w, config, **how: [t.outcome for t in tune.run(w.context, config, tune.groups(w.cell, _draws(w)))],
        another={"seed": 4},
        by_identity=False,
    ),
    Kind(
        name="eval",
        config=EvalConfig,
        base={"reader": "strict"},
        changes={"reader": "paper-code"},
        plan=lambda w, config: evaluate.plan(w.context, config, _answered(w))[0],
        run=lambda w, config, **how: evaluate.run(w.context, config, _answered(w)),
        another={"reader": "paper-code"},
        by_identity=False,
    ),
    Kind(
        name="data",
        config=DataConfig,
        base={},
        changes={},
        plan=lambda w, config: w.get(data.add(w.context, w.cell, _file(w, config), config)),
        run=lambda w, config, **how: [data.add(w.context, w.cell, _file(w, config), config)],
        another={"split": "dev"},
        by_identity=False,  # the rows are its key
    ),
)  # fmt: skip
ALL = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
KEYED = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.changes], ids=lambda kind: kind.name)
BY_IDENTITY = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.by_identity], ids=lambda kind: kind.name)
ASKING = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.asks], ids=lambda kind: kind.name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a world with a generation, a sample of it and a run in context, which tests copy."""
    small = world(tmp_path_factory.mktemp("made"))
    model_folder(small.root / "other", '{"other": 1}')
    with pytest.MonkeyPatch.context() as patch:
        ScriptedEngine(obliging).install(patch)
        small.gen(**_TINY)
        config = SampleConfig(sizes=("all",), repeats=2, seed=9)
        sample.run(small.context, config, small.cell, examples=_generation(small))
        icl.run(small.context, _first_icl(small), small.cell, draws=_draws(small)[:1], test=small.test)
    return small.root


@pytest.fixture
def ready(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world like that, and an engine that does what it is asked."""
    ScriptedEngine(obliging).install(monkeypatch)
    return _copied(made, tmp_path / "a")


def _copied(made: Path, root: Path) -> World:
    small = world(root)
    shutil.copytree(made, root, dirs_exist_ok=True)
    return small


def _first_icl(small: World) -> IclConfig:
    return IclConfig(model=str(small.root / "tiny"), shots=1, decoding="generate", seed=9)


def _config(kind: Kind, small: World, **changes: Any) -> Any:
    settings = {**kind.base, **changes}
    if "model" in settings:
        settings["model"] = str(small.root / settings["model"])
    return kind.config(**settings)


def _key(kind: Kind, small: World, **changes: Any) -> str:
    return kind.plan(small, _config(kind, small, **changes)).key


# -- keys ---------------------------------------------------------------------------------------------------------


@KEYED
def test_every_field_of_the_config_changes_the_key(kind: Kind, ready: World) -> None:
    in_key = {field.name for field in fields(kind.config) if field.metadata.get("key", True) or field.name == "model"}
    assert set(kind.changes) == in_key, "a new field needs a change to try"
    keys = {"": _key(kind, ready)}
    for name, value in kind.changes.items():
        # Some fields mean something only beside another one.
        keys[name] = _key(kind, ready, **(value if isinstance(value, dict) else {name: value}))
    assert len(set(keys.values())) == len(keys), keys


@ALL
def test_the_same_config_has_the_same_key(kind: Kind, ready: World) -> None:
    assert _key(kind, ready) == _key(kind, ready)


@ALL
def test_the_key_does_not_depend_on_where_store_and_model_are(
    kind: Kind, ready: World, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = _copied(made, tmp_path / "deep" / "in" / "b")
    assert elsewhere.store.path != ready.store.path
    assert _key(kind, elsewhere) == _key(kind, ready)
    planned = kind.plan(elsewhere, _config(kind, elsewhere))
    assert str(tmp_path) not in repr(planned.config)
    monkeypatch.chdir(elsewhere.root)  # the same folder by a relative path
    if "model" in kind.base:
        assert kind.plan(elsewhere, kind.config(**{**kind.base, "model": "tiny"})).key == _key(kind, ready)


@BY_IDENTITY
def test_a_new_field_at_its_default_keeps_the_key(kind: Kind, ready: World) -> None:
    later = make_dataclass("Later", [("novelty", int, 3)], bases=(kind.config,), frozen=True, kw_only=True)
    base = vars(_config(kind, ready))
    assert kind.plan(ready, later(**base)).key == _key(kind, ready)
    assert kind.plan(ready, later(**base, novelty=4)).key != _key(kind, ready)


@ASKING
def test_batch_size_and_engine_do_not_change_key_or_rows(
    kind: Kind, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for batch_size, engine in ((1, "auto"), (7, "transformers")):
        ScriptedEngine(obliging).install(monkeypatch)
        small = _copied(made, tmp_path / str(batch_size))
        small.context = replace(small.context, engine=EngineOptions(engine=engine, batch_size=batch_size))
        (outcome, *_) = kind.run(small, _config(kind, small))
        rows = [small.store.query(f"from {table} where key = ? order by all", [outcome.key]) for table in _TABLES]
        found.append((outcome.key, rows))
    assert found[0] == found[1]


_TABLES = ("examples", "verdicts", "draws", "outputs")


def test_input_language_and_task_are_in_the_key(make: Callable[..., Artifact]) -> None:
    same = {"stage": "gen", "version": 1, "config": {"a": 1}, "inputs": ["k"], "lang": "te", "task": "topic"}
    base = stage.plan(**same)  # type: ignore[arg-type]
    changed = [("version", 2), ("stage", "x"), ("config", {"a": 2}), ("inputs", ["j"]), ("lang", "sw"), ("task", "t")]
    keys = {stage.plan(**{**same, name: value}).key for name, value in changed}  # type: ignore[arg-type]
    assert len(keys | {base.key}) == len(changed) + 1
    assert base.recomputed_key() == base.key


# -- hits ---------------------------------------------------------------------------------------------------------


@ALL
def test_the_second_run_is_a_hit_and_never_calls_an_engine(
    kind: Kind, ready: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(kind, ready, **kind.another)
    first = kind.run(ready, config)
    assert not any(outcome.hit for outcome in first)
    engine = ScriptedEngine(never).install(monkeypatch)
    second = kind.run(ready, config)
    assert [outcome.key for outcome in second] == [outcome.key for outcome in first]
    assert all(outcome.hit for outcome in second)
    assert engine.loaded == 0


@ALL
def test_a_hit_becomes_the_newest(kind: Kind, ready: World) -> None:
    first = kind.run(ready, _config(kind, ready))[0]
    kind.run(ready, _config(kind, ready, **kind.another))
    assert ready.store.find(kind.name)[0].key != first.key
    kind.run(ready, _config(kind, ready))
    newest = ready.store.find(kind.name)[: 2 if kind.name == "icl" else 1]
    assert first.key in {artifact.key for artifact in newest}


@ALL
def test_force_computes_again_and_replaces_the_rows(kind: Kind, ready: World) -> None:
    config = _config(kind, ready)
    first = kind.run(ready, config)
    before = _rows(ready)
    ready.context = replace(ready.context, force=True)
    again = kind.run(ready, config)
    assert [outcome.key for outcome in again] == [outcome.key for outcome in first]
    assert not any(outcome.hit for outcome in again)
    assert _rows(ready) == before


def _rows(small: World) -> dict[str, int]:
    tables = ("artifacts", *_TABLES, "runs")
    return {table: small.store.query(f"select count(*) from {table}")[0][0] for table in tables}


@ALL
def test_a_crash_between_rows_and_artifact_row_is_a_miss(
    kind: Kind, ready: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, before = sdc.cache.store._insert, _rows(ready)

    def power_cut(con: Any, table: str, *rest: Any, **options: Any) -> None:
        if table == "artifacts":
            raise StoreError("power cut")
        insert(con, table, *rest, **options)

    config = _config(kind, ready, **kind.another)
    with monkeypatch.context() as broken:
        broken.setattr(sdc.cache.store, "_insert", power_cut)
        with pytest.raises(StoreError, match="power cut"):
            kind.run(ready, config)
    assert _rows(ready) == before
    assert not kind.run(ready, config)[0].hit
    assert kind.run(ready, config)[0].hit


# -- without a store ----------------------------------------------------------------------------------------------


@ALL
def test_what_a_stage_computes_needs_no_store(kind: Kind, ready: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor can do it where there is none: whoever opens the store while a stage computes fails."""
    many, read_file, opened = stage.many, data.compute, StoreFile.open
    computing, computed = False, 0

    def guarded(*args: Any, compute: Callable[[Any], Iterable[Together]], **how: Any) -> list[Outcome]:
        def alone(inputs: Any) -> Iterator[Together]:
            nonlocal computing, computed
            steps = iter(compute(inputs))
            while True:
                computing = True
                try:
                    together = next(steps)
                except StopIteration:
                    return
                finally:
                    computing = False
                computed += len(together)
                yield together

        return many(*args, compute=alone, **how)

    def file_alone(reading: Any) -> Any:
        nonlocal computing, computed
        computing, computed = True, computed + 1
        try:
            return read_file(reading)
        finally:
            computing = False

    def refused(store: StoreFile, *args: Any, **how: Any) -> Any:
        assert not computing, "a stage asks the store while it computes"
        return opened(store, *args, **how)

    monkeypatch.setattr(stage, "many", guarded)
    monkeypatch.setattr(data, "compute", file_alone)
    monkeypatch.setattr(StoreFile, "open", refused)
    outcomes = kind.run(ready, _config(kind, ready, **kind.another))
    assert computed >= len(outcomes) > 0
    assert not any(outcome.hit for outcome in outcomes)


# -- produce ------------------------------------------------------------------------------------------------------


def test_produce_keeps_rows_summary_and_seconds(ready: World) -> None:
    planned = stage.plan(stage="gen", version=1, config={"x": 1}, inputs=[], lang="en", task="small")
    row = {"idx": 0, "lang": "en", "task": "small", "text": "t", "source": "synthetic", "status": "ok"}
    made = Computed(rows={"examples": [row]}, summary={"rows": 1})
    outcome = stage.produce(ready.context, planned, read=lambda: None, compute=lambda _: made)
    kept = ready.store.get(outcome.key)
    assert kept is not None
    assert kept.summary == {"rows": 1} == outcome.summary
    assert kept.seconds is not None and kept.seconds >= 0
    assert ready.rows(kept, "text") == [("t",)]


def test_model_fields_are_left_out_of_the_identity() -> None:
    for config in (GenConfig(model="a"), JudgeConfig(model="a"), IclConfig(model="a")):
        assert identity(config) == {}
