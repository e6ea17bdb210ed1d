"""Diversity incentives: what each shows, when `auto` takes the next one, and what is recorded of it."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from scripted import EngineDied, ScriptedEngine, World, obliging, unlike_any, world

from sdc.cache.store import Artifact
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.gen import incentives
from sdc.pipelines.gen.incentives import chain, hints, taboo
from sdc.pipelines.gen.incentives.schedule import SWITCH_BELOW, choose, round_size, window
from sdc.pipelines.gen.saturation import Unseen
from sdc.pipelines.text.words import terms

SEEDS = ("a seed", "another seed", "the third seed")
THAI = ("ฉันชอบฟังเพลงทุกวัน", "เปิดเพลงให้ฉันหน่อย", "อยากฟังเพลงใหม่")
CHINESE = ("今天天气怎么样", "明天天气好吗", "北京天气如何")


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


# -- words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world! It's 2024.", ["Hello", "world", "It's"]),
        ("రేపు వర్షం పడుతుందా?", ["రేపు", "వర్షం", "పడుతుందా"]),
        ("می‌خواهم بروم", ["می‌خواهم", "بروم"]),
        ("", []),
        ("... 12 %", []),
        ("LCD 液晶", ["LCD", "液晶"]),
    ],
)
def test_words_of_scripts_with_spaces(text: str, words: list[str]) -> None:
    assert list(terms(text)) == words


def test_pieces_of_scripts_without_spaces_do_not_cut_written_characters() -> None:
    pieces = set(terms("น้ำดี"))  # two of its code points stand above or below others
    assert pieces == {"น้ำ" + "ดี"} | {p for p in pieces if p in ("น้ำดี",)}
    assert not any(piece.startswith(("้", "ี")) for text in THAI for piece in terms(text))


# -- what each shows ----------------------------------------------------------------------------------------------


def test_taboo_names_frequent_words_that_the_other_labels_do_not_use() -> None:
    texts = ["play the song", "stop the song", "the next song please", "play the next album"]
    words = taboo.characteristic(texts, ["book the train", "the train is late", "is the bus on time"])
    assert words[0] == "song"
    assert "the" not in words and "please" not in words  # everybody says it; said once
    assert "play" in words


def test_taboo_without_other_labels_names_the_most_frequent_words() -> None:
    assert taboo.characteristic(["red bus", "red car", "blue bus now red"], [], most=2) == ["red", "bus"]


def test_taboo_counts_texts_and_not_mentions_and_keeps_the_usual_spelling() -> None:
    texts = ["Paris Paris Paris Paris", "go to Rome", "Rome in may", "see rome"]
    assert taboo.characteristic(texts, ["other words here"], most=1) == ["Rome"]


@pytest.mark.parametrize(
    ("texts", "others", "word"),
    [(THAI, ("วันนี้อากาศดี", "พรุ่งนี้ฝนตกไหม"), "เพลง"), (CHINESE, ("播放音乐", "我要听音乐"), "天气")],
    ids=["Thai", "Chinese"],
)
def test_taboo_finds_words_without_spaces(texts: Sequence[str], others: Sequence[str], word: str) -> None:
    found = taboo.characteristic(texts, others)
    assert found[0] == word
    assert not any(a != b and a in b for a in found for b in found)


def test_nothing_is_taboo_if_no_word_comes_twice() -> None:
    assert taboo.build(SEEDS, ["one thing", "another matter"], []) is None


def test_hints_are_the_texts_least_similar_to_the_others() -> None:
    alike = [f"please play song number {i} of the album" for i in range(12)]
    odd = ["zebra xylophone", "quick vowels jump", "fjord"]
    similarity = hints.similarity_to_others([*alike, *odd])
    assert max(similarity[12:]) < min(similarity[:12])
    show = hints.build(SEEDS, [*alike, *odd], [])
    assert show is not None
    for seed in range(20):
        examples = show(random.Random(seed)).examples
        assert set(examples) >= set(SEEDS) and len(examples) == len(set(examples)) == 6
        assert len(set(examples) & set(alike)) <= 3
    shown = {text for seed in range(40) for text in show(random.Random(seed)).examples}
    assert shown >= set(odd)


def test_hints_want_more_texts_than_they_show() -> None:
    assert hints.build(SEEDS, ["a", "b", "c"], []) is None
    assert hints.similarity_to_others(["alone"]) == [0.0]


def test_chain_shows_the_latest_texts_in_place_of_the_seeds() -> None:
    def shown(texts: Sequence[str], seeds: Sequence[str] = SEEDS) -> set[str] | None:
        show = chain.build(seeds, texts, [])
        return set(show(random.Random(1)).examples) if show else None

    assert shown(["t1", "t2", "t3", "t4"]) == {"t2", "t3", "t4"}
    assert shown(["t1"]) == {"a seed", "another seed", "t1"}
    assert shown([]) is None
    assert shown(["t1"], seeds=()) is None


# -- when which one is used -----------------------------------------------------------------------------------------


def state(*, calls: int = 5, novelty: float = 1.0, gain: float = 5.0, at_most: float = 6.0) -> Unseen:
    once = round(1000 * novelty)
    return Unseen(
        calls=calls, texts=1000, rejected=0, distinct=1000, once=once, share=novelty, share_at_most=1.0,
        gain=gain, gain_at_most=at_most,
    )  # fmt: skip


ALL = ("taboo", "hints", "chain")
LOW = SWITCH_BELOW - 0.1


def dead(calls: int = 5) -> Unseen:
    return state(calls=calls, novelty=0.0, gain=0.0, at_most=0.4)


@pytest.mark.parametrize(
    ("estimates", "offered", "expected"),
    [
        ({}, ALL, "none"),
        ({"none": state(calls=4, novelty=LOW)}, ALL, "none"),  # too early to say
        ({"none": state()}, ALL, "none"),
        ({"none": state(novelty=LOW)}, ALL, "taboo"),
        ({"none": state(novelty=LOW)}, ("chain",), "chain"),  # the others have nothing to offer
        ({"none": state(novelty=LOW)}, (), "none"),
        ({"none": state(novelty=LOW), "taboo": dead(4)}, ALL, "taboo"),
        ({"none": state(novelty=LOW), "taboo": state(gain=6)}, ALL, "taboo"),  # it helps: go on
        ({"none": state(novelty=LOW, gain=5), "taboo": state(gain=4)}, ALL, "hints"),  # new, but little of it will do
        ({"none": state(novelty=LOW), "taboo": state(novelty=LOW)}, ALL, "hints"),
        ({"none": state(novelty=LOW), "taboo": state(novelty=LOW, gain=2)}, ("taboo",), "none"),
        ({name: state(novelty=LOW, gain=1 + (name == "hints")) for name in ("none", *ALL)}, ALL, "hints"),
        ({name: dead() for name in ("none", "taboo", "hints")} | {"chain": state(novelty=LOW)}, ALL, "chain"),
        ({name: dead() for name in ("none", *ALL)}, ALL, None),
        ({"none": dead()}, (), None),
    ],
)  # fmt: skip
def test_auto(estimates: dict[str, Unseen], offered: Sequence[str], expected: str | None) -> None:
    assert choose("auto", estimates=estimates, offered=offered, asked=10) == expected


@pytest.mark.parametrize(
    ("mode", "estimates", "offered", "expected"),
    [
        ("none", {"none": state(novelty=0.1)}, ALL, "none"),
        ("none", {"none": dead()}, ALL, None),
        ("taboo", {}, ALL, "taboo"),
        ("taboo", {"none": state()}, (), "none"),
        ("taboo", {"none": dead(), "taboo": state(novelty=LOW)}, ALL, "taboo"),
        ("taboo", {"taboo": dead()}, ALL, None),
    ],
)
def test_a_fixed_way_of_asking(
    mode: str, estimates: dict[str, Unseen], offered: Sequence[str], expected: str | None
) -> None:
    assert choose(mode, estimates=estimates, offered=offered, asked=10) == expected


def test_rounds_are_small_where_they_must_see_what_the_last_one_brought() -> None:
    wanted = {"wanted": 40, "asked": 10}
    assert round_size("none", "none", calls=0, **wanted) == 40
    assert round_size("none", "none", calls=30, **wanted) == 15
    assert round_size("auto", "none", calls=0, **wanted) == window(10) == 5
    assert round_size("auto", "taboo", calls=0, **wanted) == 2
    assert round_size("hints", "none", calls=0, **wanted) == 2
    assert round_size("auto", "none", calls=30, wanted=3, asked=10) == 3


# -- in the loop ----------------------------------------------------------------------------------------------------


NEVER = "(?!)"


def tired(*, stock: int, cured_by: str) -> Callable[[Call], Reply | str]:
    """An LLM that writes from a small stock of texts, unless the prompt has something that wakes it."""

    def answer(call: Call) -> Reply | str:
        if not call.prompt.startswith("Please create") or re.search(cured_by, call.prompt):
            return obliging(call)
        first = "about the first" in call.prompt
        numbers = random.Random(call.seed).choices(range(stock) if first else range(stock, 2 * stock), k=10)
        return "\n---\n".join(f"{'one' if first else 'two'}word{n % 3} {unlike_any(n)}" for n in numbers)

    return answer


def origins(small: World, made: Artifact, status: str = "ok") -> Counter[str]:
    found = small.rows(made, "origin", f"status = '{status}' and source = 'synthetic'")
    return Counter(origin.partition(", ")[2] or "none" for (origin,) in found)


def test_auto_takes_the_next_incentive_when_novelty_falls(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(tired(stock=12, cured_by=r"Do not use these words: \w+, ")).install(monkeypatch)
    made = small.gen(quota=40, num_texts=10, incentive="auto")
    found = origins(small, made)
    assert set(found) == {"none", "taboo"} and found.total() == 80
    assert 20 <= found["none"] <= 24
    assert made.summary["incentives"] == dict(found)
    for item in made.summary["labels"].values():
        assert item["stopped"] == "quota"
        assert item["incentives"]["none"]["unseen"] < 0.5 < item["incentives"]["taboo"]["unseen"]
        assert sum(arm["calls"] for arm in item["incentives"].values()) == item["calls"]
    calls = [call for call in engine.calls if "Do not use these words" in call.prompt]
    line = calls[0].prompt.splitlines()[-2]
    assert re.fullmatch(r"Do not use these words: \w+(, \w+)*\.", line) and "oneword" in line
    assert calls[0].prompt.splitlines()[-1].startswith("Output only the text in English")


def test_auto_ends_by_the_stop_rule_when_nothing_helps(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(tired(stock=12, cured_by=NEVER)).install(monkeypatch)
    made = small.gen(quota=40, num_texts=10, incentive="auto")
    for item in made.summary["labels"].values():
        assert item["stopped"] == "saturated"
        assert set(item["incentives"]) == {"none", "taboo", "hints", "chain"}
        assert all(arm["calls"] >= window(10) for arm in item["incentives"].values())
        assert item["gain_at_most"] < 0.5


def test_auto_without_need_is_none(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=40, num_texts=4, incentive="auto")
    assert origins(small, made) == {"none": 80}
    ScriptedEngine(obliging).install(monkeypatch)
    plain = small.gen(quota=40, num_texts=4)
    assert small.rows(made, "idx, text, label, status, origin") != []
    texts = [sorted(small.rows(a, "text, label, status, origin")) for a in (made, plain)]
    assert texts[0] == texts[1]  # the same calls, in other rounds


@pytest.mark.parametrize("name", ["taboo", "hints", "chain"])
def test_a_fixed_incentive_begins_when_it_has_something_to_show(
    small: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ScriptedEngine(tired(stock=500, cured_by=NEVER)).install(monkeypatch)
    made = small.gen(quota=40, num_texts=10, incentive=name)
    assert set(origins(small, made)) == {"none", name}
    first = [origin for (origin,) in small.rows(made, "origin", "label = 0 and source = 'synthetic'")]
    assert first[0] == "call 0" and first[-1].endswith(f", {name}")


def test_an_incentive_with_nothing_to_offer_is_named_with_what_it_lacks(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=8, num_texts=4, num_seeds=0, incentive="chain")
    assert made.summary["labels"]["first"]["unused_incentives"] == {"chain": f"needs {incentives.NEEDS['chain']}"}
    assert set(origins(small, made)) == {"none"}
    assert not any("Examples:" in call.prompt for call in engine.calls if call.prompt.startswith("Please create"))


@pytest.mark.parametrize("name", ["auto", "taboo", "hints", "chain"])
def test_a_restart_makes_the_same_calls_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    settings: dict[str, Any] = {"quota": 30, "num_texts": 10, "incentive": name}
    whole, pieces = world(tmp_path / "a"), world(tmp_path / "b")
    unbroken = ScriptedEngine(tired(stock=12, cured_by=r"Do not use")).install(monkeypatch)
    expected = whole.gen(**settings)
    asked: list[Call] = []
    for _ in range(100):  # dies at every third batch
        dying = ScriptedEngine(tired(stock=12, cured_by=r"Do not use"), dies_after=3).install(monkeypatch)
        try:
            made = pieces.gen(**settings)
        except EngineDied:
            continue
        finally:
            asked += dying.calls
        break
    assert pieces.rows(made) == whole.rows(expected)
    assert json.dumps(made.summary["labels"]) == json.dumps(expected.summary["labels"])
    assert asked == unbroken.calls


def test_a_top_up_uses_incentives_on_what_was_kept(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from sdc.pipelines import gen, judge
    from sdc.pipelines.gen.config import GenConfig
    from sdc.pipelines.judge.config import JudgeConfig

    ScriptedEngine(tired(stock=500, cured_by=NEVER)).install(monkeypatch)
    made = small.gen(quota=10, num_texts=10)
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=made)
    with small.store.open(write=True) as con:
        con.execute("update verdicts set accepted = idx % 2 = 0 where key = ?", [outcome.key])
    engine = ScriptedEngine(tired(stock=500, cured_by=NEVER)).install(monkeypatch)
    config = GenConfig(model=small.model, quota=30, num_texts=10, num_seeds=2, incentive="taboo")
    topped = small.get(gen.run(small.context, config, small.cell, data=small.train, judgement=small.get(outcome)))
    written = [call for call in engine.calls if call.prompt.startswith("Please create")]
    assert all("Do not use these words" in call.prompt for call in written)
    assert topped.summary["labels"]["first"]["stopped"] == "quota"
