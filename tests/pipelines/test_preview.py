"""Previews of gen, judge and icl: the calls that a run begins with, and nothing that is kept but their replies."""

from pathlib import Path

import pytest
from scripted import ScriptedEngine, World, obliging, world

from sdc.pipelines import gen, icl, judge
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    return ScriptedEngine(obliging).install(monkeypatch)


@pytest.fixture
def small(tmp_path: Path, engine: ScriptedEngine) -> World:
    return world(tmp_path)


def num_artifacts(small: World) -> int:
    return len(small.store.everything())


@pytest.mark.parametrize("style", ["name", "explanation"])
def test_gen_begins_a_run_and_keeps_replies_alone(small: World, engine: ScriptedEngine, style: str) -> None:
    before = num_artifacts(small)
    config = GenConfig(model=small.model, quota=6, num_texts=2, num_seeds=2, label_style=style)
    found = gen.preview(small.context, config, small.cell, data=small.train, judgement=None, most=3)
    asked = [call for call in engine.calls if call.prompt.startswith("Please create")]
    assert len(asked) == 3 and num_artifacts(small) == before
    assert found.prompts["write first"] in [call.prompt for call in asked]
    assert ("explain the labels" in found.prompts) == (style == "explanation")
    labels = [row["label"] for row in found.results.rows]
    assert labels == ["first", "first", "second", "second", "first", "first"]  # every label in turn
    assert {row["status"] for row in found.results.rows} == {"ok"} and "3 calls" in found.results.title
    gen.run(small.context, config, small.cell, data=small.train)
    again = [call.prompt + str(call.seed) for call in engine.calls]
    assert len(again) == len(set(again)), "what the preview asked is asked by the run again"


def test_judge_gives_verdicts_on_a_few_texts_of_each_label(small: World, engine: ScriptedEngine) -> None:
    generation = small.gen()
    before = num_artifacts(small)
    config = JudgeConfig(model=small.model, gates=False, label_threshold=0.3)
    found = judge.preview(small.context, config, small.cell, generation, most=3)
    assert [row["label"] for row in found.results.rows].count("first") == 2 and len(found.results.rows) == 3
    assert list(found.prompts) == ["which label", "will it do"] and num_artifacts(small) == before
    assert all(prompt in [call.prompt for call in engine.calls] for prompt in found.prompts.values())
    outcome = judge.run(small.context, config, small.cell, generation=generation)
    sql = """select e.text, v.accepted, v.judged_by, v.reason from verdicts v
        join examples e on e.key = v.example_key and e.idx = v.idx where v.key = ?"""
    verdicts = small.store.query(sql, [outcome.key])
    for row in found.results.rows:
        assert (row["text"], row["verdict"] == "accepted", row["judged_by"], row["reason"]) in verdicts


def test_gates_alone_need_no_prompt(small: World, engine: ScriptedEngine) -> None:
    generation = small.gen()
    asked = len(engine.calls)
    found = judge.preview(small.context, JudgeConfig(llm=False), small.cell, generation, most=2)
    assert found.prompts == {} and len(found.results.rows) == 2 and len(engine.calls) == asked


@pytest.mark.parametrize(("decoding", "reply"), [("scores", None), ("generate", "first")])
def test_icl_answers_the_first_test_rows(
    small: World, engine: ScriptedEngine, decoding: str, reply: str | None
) -> None:
    before = num_artifacts(small)
    config = IclConfig(model=small.model, shots=0, decoding=decoding)
    found = icl.preview(small.context, config, small.cell, draws=[], test=small.test, most=2)
    assert [(row["gold"], row["answer"], row["reply"]) for row in found.results.rows] == [
        ("first", "first", reply), ("second", "first", reply)
    ]  # fmt: skip
    assert found.prompts["classify"] == engine.calls[0].prompt and len(engine.calls) == 2
    assert num_artifacts(small) == before
    icl.run(small.context, config, small.cell, draws=[], test=small.test)
    assert len(engine.calls) == 6
