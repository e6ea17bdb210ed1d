"""What a dry run shows: a line for what is alike, ranges, one total, and how tokens are known."""

import json
from typing import Any

import pytest

from sdc.cache.store import Artifact
from sdc.cli.planned import Planned
from sdc.pipelines.engines.estimate import CallEstimate, asked_record
from sdc.pipelines.stage import plan


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def _planned(number: int, lang: str = "sw") -> Artifact:
    return plan(stage="gen", version=1, config={"n": number}, inputs=[], lang=lang, task="topic")


def _estimate(**known: Any) -> CallEstimate:
    usual = {"model": "far", "calls": 10, "cached": 2, "prompt_tokens": 800, "completion_tokens": 0}
    return CallEstimate(**{**usual, "tokens_from": "tokenizer", "seconds": 8.0, **known})


def _lines(capsys: pytest.CaptureFixture[str], planned: Planned) -> list[list[str]]:
    planned.show(as_json=False)
    seen = capsys.readouterr()
    assert seen.out == ""
    return [line.split() for line in seen.err.splitlines() if line.strip()]


def test_what_is_alike_is_a_line_and_all_of_it_a_total(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    for number in range(3):
        planned.add([asked_record(_planned(number), _estimate() if number else None, model="far", source="human")])
    planned.add([asked_record(_planned(9, "te"), _estimate(cost=0.5, currency="EUR"), model="far", source="human")])
    _, head, _, sw, te, total, how = _lines(capsys, planned)
    assert head == ["cell", "source", "model", "to", "make", "there", "new", "calls", "tokens", "time", "cost"]
    assert sw == ["sw/topic", "human", "far", "2", "1", "16", "1.6k", "0:16"]  # half of its cost is unknown
    assert te == ["te/topic", "human", "far", "1", "0", "8", "800", "0:08", "0.50", "EUR"]
    assert " ".join(total) == "in all: 3 of 4 artifacts to make, 24 new calls, 2.4k tokens, 0:24"
    assert " ".join(how).startswith("tokens of prompts by the model's tokenizer")


def test_a_range_has_what_is_likely_and_what_that_takes(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    planned.add([asked_record(_planned(0), _estimate(at_most=302, likely=42, tokens_from="characters"), model="far")])
    *_, line, total, how = _lines(capsys, planned)
    assert line == ["sw/topic", "far", "1", "8", "to", "300", "40", "4k", "to", "30k", "0:40"]
    assert "8 to at most 300 new calls, likely 40, 4k tokens, 0:40; at most 30k tokens, 5:00" in " ".join(total)
    assert "half or twice as many may be true; answers at their longest" in " ".join(how)


def test_time_that_is_not_known_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    planned.add([asked_record(_planned(0), _estimate(seconds=None), model="far")])
    planned.add([asked_record(_planned(1, "te"), _estimate(), model="far")])
    *_, sw, te, total, _ = _lines(capsys, planned)
    assert (sw[-1], te[-1], total[-1]) == ("800", "0:08", "tokens")


def test_json_is_an_object_per_artifact(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned([{"key": "a", "cached": True}])
    planned.add([asked_record(_planned(0), _estimate(at_most=302), model="far")])
    planned.show(as_json=True)
    seen = capsys.readouterr()
    one, two = map(json.loads, seen.out.splitlines())
    assert (one, seen.err) == ({"key": "a", "cached": True}, "")
    found = [two[f"calls{name}"] for name in ("", "_at_least", "_at_most", "_likely")]
    assert (found, two["cached_calls"], two["cached"], two["cell"]) == ([10, 10, 302, None], 2, False, "sw/topic")


def test_what_calls_take_of_which_none_is_sure_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    planned.add(
        [asked_record(_planned(0), _estimate(calls=2, at_most=50, likely=9, prompt_tokens=0, seconds=0.0), model="far")]
    )
    planned.show(as_json=False)
    assert "0 to at most 48 new calls, likely 7\n" in capsys.readouterr().err


def test_likely_calls_take_what_those_took_that_are_cached(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    none_sure = {"calls": 2, "prompt_tokens": 0, "seconds": 0.0}
    a_call = {"tokens": 100.0, "seconds": 2.0, "cost": None}
    planned.add([asked_record(_planned(0), _estimate(**none_sure, at_most=50, likely=9, a_call=a_call), model="far")])
    planned.show(as_json=False)
    told = capsys.readouterr().err
    assert "0 to at most 48 new calls, likely 7, 700 tokens, 0:14; at most 4.8k tokens, 1:36\n" in told
    assert "tokenizer" in told


def test_where_all_is_cached_nothing_is_said_of_how_tokens_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    planned = Planned()
    a_call = {"tokens": 100.0, "seconds": 2.0, "cost": None}
    planned.add(
        [asked_record(_planned(0), _estimate(calls=2, prompt_tokens=0, seconds=0.0, a_call=a_call), model="far")]
    )
    planned.show(as_json=False)
    told = capsys.readouterr().err
    assert "0 new calls" in told
    assert "tokenizer" not in told
