"""Waits between tries, and what a server asks for."""

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.engines.openai.faults import asked_wait_s
from sdc.pipelines.engines.openai.tries import Backoff


@given(tried=st.integers(1, 40), asked=st.none() | st.floats(0, 10_000), first=st.floats(0.01, 5))
def test_waits_grow_within_their_bounds(tried: int, asked: float | None, first: float) -> None:
    backoff = Backoff(first_s=first, most_s=60.0)
    wait_s = backoff.wait_s(tried, asked)
    assert min(60.0, first * 2 ** (tried - 1) / 2) <= wait_s <= 60.0
    if asked is not None:
        assert wait_s >= min(asked, 60.0)


def test_waits_differ_from_call_to_call() -> None:
    assert len({Backoff().wait_s(3, None) for _ in range(20)}) > 10
    assert len({Backoff().wait_s(1, 20.0) for _ in range(20)}) > 10


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], expected: float | None) -> None:
    assert asked_wait_s(headers) == expected


def test_retry_after_may_be_a_date() -> None:
    then = email.utils.formatdate(time.time() + 1000, usegmt=True)
    wait_s = asked_wait_s({"retry-after": then})
    assert wait_s is not None
    assert 100 < wait_s <= 1001
