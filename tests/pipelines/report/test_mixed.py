"""report: what makes a result another one keeps rows apart, in the report, its means and the view `results`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store
from sdc.errors import DataError
from sdc.pipelines import cells, report, stage
from sdc.pipelines import eval as eval_stage
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.records import runs
from sdc.pipelines.report import ReportConfig, formats
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.result import NAMES, OF_ONE_CELL, PARTS
from sdc.pipelines.stage import Context

GOLD = [0, 1] * 10


class World:
    """A store of one or more cells of task sarcasm, filled by hand through the stages' own keys.

    What is put is kept when the store is next asked for, all at once: that takes a tenth of the time.
    """

    def __init__(self, store: Store) -> None:
        self.said: list[str] = []
        self._context = Context(store=store, say=self.said.append)
        self._items: list[tuple[Artifact, dict[str, Any]]] = []

    @property
    def context(self) -> Context:
        items, self._items = self._items, []
        self._context.store.put_many(items)
        return self._context

    @property
    def store(self) -> Store:
        return self.context.store

    def put(self, name: str, config: Mapping[str, Any], inputs: Sequence[str] = (), *, lang: str = "en",
            version: int = 1, summary: Mapping[str, Any] | None = None, **rows: Any) -> Artifact:  # fmt: skip
        planned = stage.plan(stage=name, version=version, config=config, inputs=inputs, lang=lang, task="sarcasm")
        artifact = Artifact(**{**vars(planned), "summary": summary or {}})
        self._items.append((artifact, rows))
        return artifact

    def data(self, split: str, *, lang: str = "en", number: int = 0) -> Artifact:
        about = {"lang": lang, "task": "sarcasm", "source": "human", "split": split, "status": "ok"}
        rows = [{"idx": i, **about, "text": f"{split} {number} {i}", "label": label} for i, label in enumerate(GOLD)]
        return self.put("data", {"n": number, "split": split}, lang=lang, summary={"split": split}, examples=rows)

    def generation(self, model: str, *, revision: str = "1", lang: str = "en", inputs: Sequence[str] = (),
                   **config: Any) -> Artifact:  # fmt: skip
        config = {"model": {"model": model, "revision": revision}, "quota": 10, **config}
        return self.put("gen", config, inputs, lang=lang, summary={"model": model})

    def judgement(self, generation: Artifact, **config: Any) -> Artifact:
        name = config.get("model")
        summary = {"usage": {"model": name} if name else {}}
        return self.put("judge", config, [generation.key], lang=str(generation.lang), summary=summary)

    def sample(self, examples: Artifact, name: str, *, strategy: str = "balanced", source: str = "synthetic",
               repeats: Sequence[int] = (0, 1), seed: int = 1) -> Artifact:  # fmt: skip
        """A sample of 10 rows whose draws are called `name` and their repeat."""
        written = examples.inputs[0] if examples.stage == "judge" else examples.key
        draws = [
            {"draw": f"{name}{repeat}", "lang": examples.lang, "task": "sarcasm", "source": source, "size": "10",
             "strategy": strategy, "repeat": repeat, "num_rows": 10, "example_key": written, "members": [*range(10)]}
            for repeat in repeats
        ]  # fmt: skip
        config = {"source": source, "strategy": strategy, "seed": seed, "name": name}
        return self.put("sample", config, [examples.key], lang=str(examples.lang), summary={"source": source},
                        draws=draws)  # fmt: skip

    def runs(self, test: Artifact, name: str, right: float, *, repeats: Sequence[int] = (0, 1), method: str = "linear",
             model: str = "tfidf", setting: str = "s", version: int = 1, source: str = "synthetic",
             rows: int = 10, revision: str = "1", **config: Any) -> list[str]:  # fmt: skip
        """One run per repeat on the draws called `name`, right on a share of the test rows; returns their evals."""
        keys = []
        for repeat in repeats:
            draw = f"{name}{repeat}" if rows else None
            said = [label if i < right * len(GOLD) else 1 - label for i, label in enumerate(GOLD)]
            outputs = [{"idx": i, "scores": [float(label == j) for j in (0, 1)]} for i, label in enumerate(said)]
            row = {"lang": test.lang, "task": "sarcasm", "method": method, "model": model, "num_rows": rows,
                   "source": source if rows else None, "draw": draw, "setting": setting, "test_key": test.key,
                   "num_shots": None if rows else 0, "decoding": None if rows else "scores",
                   "status": "ok"}  # fmt: skip
            identity = {"model": model, "revision": revision}
            recipe = {"draw": draw, "setting": setting, "model": identity, **config}
            made = self.put("icl" if method == "icl" else "train", recipe, [test.key], lang=str(test.lang),
                            version=version, runs=[row], outputs=outputs)  # fmt: skip
            keys.append(made.key)
        return self.evaluate(keys)

    def evaluate(self, keys: Sequence[str]) -> list[str]:
        pairs = [(cells.of_artifact(self.store, run), run) for run in self.store.resolve_many(keys)]
        return [outcome.key for outcome in eval_stage.run(self.context, EvalConfig(), pairs)]

    def rows(self, evals: Sequence[str] = (), **config: Any) -> list[Point]:
        found = self.store.resolve_many(evals)
        shown = report.run(self.context, ReportConfig(metric="accuracy", **config), evals=found)
        return [row for row in shown if row.role != "majority"]


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def _two_generators(world: World) -> list[str]:
    test = world.data("test")
    evals = []
    for model, right in (("good", 1.0), ("bad", 0.0)):
        world.sample(world.generation(model), model)
        evals += world.runs(test, model, right)
    return evals


def test_two_generators_are_two_rows(world: World) -> None:
    evals = _two_generators(world)
    expected = [("bad", 2, 0.0), ("good", 2, 1.0)]
    assert [(row.generator, row.n, row.mean) for row in world.rows(evals)] == expected
    assert [(row.generator, row.n, row.mean) for row in world.rows(everything=True)] == expected


def test_draws_of_unknown_origin_are_no_repeats(world: World) -> None:
    """Their samples are gone: whether they came from one thing, nobody can say."""
    evals = _two_generators(world)
    with world.store.open(write=True) as con:
        con.execute("delete from draws; delete from artifacts where stage = 'sample'")
    expected = [("bad0", 1, 0.0), ("bad1", 1, 0.0), ("good0", 1, 1.0), ("good1", 1, 1.0)]
    for rows in (world.rows(evals), world.rows(everything=True)):
        assert [(row.draw, row.n, row.mean) for row in rows] == expected
        table = formats.for_people(rows, aggregated=False)
        assert [row[table.columns.index("draw")] for row in table.rows] == [name for name, _, _ in expected]
    (row,) = world.rows(everything=True, by=("method",))
    assert (row.n, row.mixed) == (4, "4 draws of unknown origin")
    sql = "select draw, count(*) over (partition by result) from results where metric = 'accuracy' order by draw"
    assert world.store.query(sql) == [(name, 1) for name, _, _ in expected]


def _each(world: World) -> dict[str, list[str]]:
    """Evals of results that differ from the first in one thing each, by that thing; each is right on another share."""
    tests = [world.data("test", number=number) for number in (0, 1)]
    human, generation = world.data("train"), world.generation("m")
    judged = world.judgement(generation, model="m")
    found: dict[str, list[str]] = {}

    def drawn(thing: str, examples: Artifact, **about: Any) -> None:
        world.sample(examples, thing, **about)
        found[thing] = world.runs(tests[0], thing, len(found) / len(GOLD), source=about.get("source", "synthetic"))

    def fitted(thing: str, *, test: int = 0, **about: Any) -> None:
        found[thing] = world.runs(tests[test], "first", len(found) / len(GOLD), **about)

    drawn("first", judged)
    drawn("generator", world.judgement(world.generation("n"), model="m"))
    drawn("revision of the generator", world.judgement(world.generation("m", revision="2"), model="m"))
    drawn("settings of the generator", world.judgement(world.generation("m", temperature=1.5), model="m"))
    drawn("seeds per label", world.judgement(world.generation("m", num_seeds=3), model="m"))
    drawn("judge", world.judgement(generation, model="other"))
    drawn("threshold", world.judgement(generation, model="m", threshold=0.9))
    drawn("gates alone", world.judgement(generation, llm=False))
    drawn("nobody has judged", generation)
    drawn("strategy", judged, strategy="random")
    drawn("source", human, source="human")
    fitted("student", model="other")
    fitted("revision of the student", revision="2")
    fitted("setting", setting="t")
    fitted("version", version=2)
    fitted("definition", definition={"x": 1})
    fitted("test", test=1)
    return found


def test_each_thing_that_makes_a_result_another_one_keeps_rows_apart(world: World) -> None:
    things = _each(world)
    expected = [(2, i / len(GOLD)) for i in range(len(things))]
    for rows in (world.rows([key for keys in things.values() for key in keys]), world.rows(everything=True)):
        assert sorted((row.n, round(row.mean or 0, 6)) for row in rows) == expected
        # They never look the same, in any format.
        table = formats.for_people(rows, aggregated=False)
        scores = {"mean ± std", "95 %", "linear", "majority", "vs generator", "failed", "below chance"}
        told = {tuple(cell for name, cell in zip(table.columns, row, strict=True) if name not in scores)
                for row in table.rows}  # fmt: skip
        assert len(told) == len(things)
        for_programs = {tuple(record[name] for name in NAMES) for record in formats.records(rows)}
        assert len(for_programs) == len(things)
    # A mean over cells keeps them apart too; what is another thing in every cell is counted where it is merged.
    by = world.rows(everything=True, by=("task",))
    merged = [(row.n, row.mixed) for row in by if row.mixed]
    assert (len(by), merged) == (len(things) - 2, [(6, "2 tests, 2 definitions of the task")])
    # The view that people query says the same.
    sql = "select count(*), avg(value) from results where metric = 'accuracy' group by result order by 2"
    assert [(n, round(value, 6)) for n, value in world.store.query(sql)] == expected


def test_other_seeds_are_repeats(world: World) -> None:
    test, generation = world.data("test"), world.generation("m")
    world.sample(generation, "a")
    evals = world.runs(test, "a", 1.0, init_seed=1, order_seed=2)
    evals += world.runs(test, "a", 0.0, init_seed=3, order_seed=4)
    world.sample(generation, "b", seed=2)
    evals += world.runs(test, "b", 0.5, init_seed=1, order_seed=2)
    (row,) = world.rows(evals)
    assert (row.n, row.mean) == (6, 0.5)


def test_what_by_merges_is_said(world: World) -> None:
    _two_generators(world)
    (row,) = world.rows(everything=True, by=("method",))
    assert (row.n, row.mean, row.mixed) == (4, 0.5, "2 generators")
    table = formats.for_people([row], aggregated=True)
    assert table.rows[0][table.columns.index("mixed")] == "2 generators"
    assert [(r.generator, r.mean, r.mixed) for r in world.rows(everything=True, by=("source",))] == [
        ("bad", 0.0, None), ("good", 1.0, None)
    ]  # fmt: skip


def test_cells_with_generations_of_their_own_are_one_row_of_a_mean_over_cells(world: World) -> None:
    for lang in ("en", "te"):
        test, generation = world.data("test", lang=lang), world.generation("m", lang=lang, definition=lang)
        world.sample(world.judgement(generation, model="m", definition=lang), lang)
        world.runs(test, lang, 1.0)
    (row,) = world.rows(by=("task",))
    assert (row.cells, row.n, row.generator, row.judge, row.mixed) == (2, 4, "m", "m", None)


def test_references_compare_like_with_like(world: World) -> None:
    test, other_test = world.data("test"), world.data("test", number=1)
    one, two = world.generation("m", revision="1"), world.generation("m", revision="2")
    evals = []
    for name, generation, linear, zero_shot in (("a", one, 0.9, 0.5), ("b", two, 0.2, 0.1)):
        world.sample(generation, name)
        evals += world.runs(test, name, linear)
        evals += world.runs(test, name, 0.7, method="finetune", model="small")
        evals += world.runs(test, name, zero_shot, method="icl", model="m", rows=0, repeats=(0,), setting=name,
                            revision=str(generation.config["model"]["revision"]))  # fmt: skip
    evals += world.runs(other_test, "a", 1.0)
    rows = world.rows(evals)
    tuned = {row.generator_version: row for row in rows if row.method == "finetune"}
    assert (tuned["1"].linear, tuned["1"].reference) == (0.9, 0.5)
    assert (tuned["2"].linear, tuned["2"].reference) == (0.2, 0.1)
    elsewhere = [row for row in rows if row.test == other_test.short]
    assert [(row.linear, row.reference) for row in elsewhere] == [(1.0, None)]


def test_a_top_up_by_another_model_has_two_authors(world: World) -> None:
    test, first = world.data("test"), world.generation("one")
    second = world.generation("two", inputs=[world.judgement(first).key])
    world.sample(second, "a")
    world.runs(test, "a", 1.0)
    assert world.rows()[0].generator == "one, two"


def test_hidden_runs_are_counted(world: World) -> None:
    test, old_test = world.data("test"), world.data("test", number=1)
    world.sample(world.generation("old"), "old")
    world.runs(test, "old", 0.5)
    world.sample(world.generation("m"), "a")
    world.runs(old_test, "a", 0.5, repeats=(0,))
    world.runs(test, "a", 1.0)
    world.said.clear()
    assert [row.n for row in world.rows()] == [2]
    expected = "3 runs are left out (2 on an older sample, 1 on another test); --all takes them, too"
    assert world.said[0] == f"report: {expected}"
    cell = cells.expand(world.store, ["en"], ["sarcasm"])[0]
    assert len(eval_stage.find_runs(world.context, cell)) == 2
    assert world.said[-1] == f"eval en/sarcasm: {expected}"
    world.said.clear()
    assert sorted(row.n for row in world.rows(everything=True)) == [1, 2, 2]
    assert len(eval_stage.find_runs(world.context, cell, everything=True)) == 5
    assert not [line for line in world.said if "left out" in line]
    world.runs(test, "a", 0.0, version=2)
    world.said.clear()
    assert [(row.n, row.version) for row in world.rows()] == [(2, 2)]
    assert "made by an older version of sdc" in world.said[0]


def test_a_student_of_an_older_version_is_left_out(world: World) -> None:
    """Its method has a VERSION of its own; the report showed both as `version 1`."""
    test = world.data("test")
    world.sample(world.generation("m"), "a")
    world.runs(test, "a", 0.5, method="linear")
    world.runs(test, "a", 0.0, method="finetune", finetune=2)
    world.runs(test, "a", 1.0, method="finetune", finetune=3)
    world.said.clear()
    assert sorted((row.method, row.n) for row in world.rows()) == [("finetune", 2), ("linear", 2)]
    assert "2 made by an older version of sdc" in world.said[0]


def test_imported_generations_of_several_cells_are_one_row_of_a_mean_over_cells(world: World) -> None:
    """The digest of their rows, which is another in every cell, stood for a setting of a generator."""
    for lang, name in (("en", "a"), ("te", "b")):
        made = world.put("gen", {"origin": "import", "digest": name * 64}, [], lang=lang, summary={"model": None})
        world.sample(made, name)
        world.runs(world.data("test", lang=lang), name, 1.0)
    (row,) = world.rows(by=("method", "source", "size"))
    assert (row.cells, row.n, row.test) == (2, 4, None)


def test_every_field_of_a_result_is_kept_or_counted() -> None:
    portable = [name for names in PARTS.values() for name in names]
    assert sorted([*portable, *OF_ONE_CELL, "rows", "metric"]) == sorted(NAMES)


def test_nothing_current_is_an_error_that_counts_the_hidden(world: World) -> None:
    world.data("train")
    with pytest.raises(DataError):
        world.rows()
    assert runs.find(world.store).hidden == {}
