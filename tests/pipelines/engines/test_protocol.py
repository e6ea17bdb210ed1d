"""What the cache kept, and whether it is an answer."""

from dataclasses import asdict
from typing import Any

import pytest

from sdc.pipelines.engines.protocol import Reply

SCORED = asdict(Reply(finish="scored", scores=(-1.5, -0.2)))
WRITTEN = asdict(Reply(text="నేడు 🎉", reasoning="hm"))


@pytest.mark.parametrize("sound", [SCORED, WRITTEN, asdict(Reply(text="", finish="length")), {**WRITTEN, "newer": 1}])
def test_an_answer_is_one(sound: dict[str, Any]) -> None:
    assert Reply.fault(sound) is None


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [
        ({}, "it is no answer ('')"),
        ({"finish": "stop"}, "it has no text"),
        ({"text": "x"}, "it is no answer ('')"),
        ({**WRITTEN, "text": "\ud800"}, "its text is no Unicode"),
        ({**WRITTEN, "reasoning": "నే\udfff"}, "its reasoning is no Unicode"),
        ({**SCORED, "scores": []}, "its scores are no log-probabilities"),
        ({**SCORED, "scores": [5.0, 5.0]}, "its scores are no log-probabilities"),
        ({**WRITTEN, "scores": [-1.0]}, "its scores are no log-probabilities"),
        ({**SCORED, "scores": [float("nan")]}, "its scores are no finite numbers"),
    ],
)
def test_a_damaged_one_is_none(damaged: dict[str, Any], fault: str) -> None:
    """Such replies were rows with the status ok, or a traceback, and `store verify` said that all was well."""
    assert Reply.fault(damaged) == fault
    with pytest.raises(ValueError, match="it"):
        Reply.from_json(damaged)
