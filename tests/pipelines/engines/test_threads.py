"""Threads: a tiny model computes with one, and whoever comes after it has all of them again."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pocket_calls import pocket

from sdc.pipelines.engines import threads
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.protocol import Call


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("choices", [(), ("yes", "no")])
def test_a_pocket_model_writes_and_scores_with_one_thread(choices: tuple[str, ...]) -> None:
    engine = TransformersEngine(pocket("student"))
    seen: set[int] = set()

    def look(*_: Any, **__: Any) -> None:
        seen.add(torch.get_num_threads())

    engine._model.register_forward_pre_hook(look)
    for replies in engine.answer([Call(prompt="Hello", choices=choices, max_tokens=3)]):
        assert len(replies) == 1
        assert torch.get_num_threads() == 2
    assert (seen, torch.get_num_threads()) == ({1}, 2)


def test_a_larger_model_has_all_threads() -> None:
    with threads.suited(threads.TINY_BYTES):
        assert torch.get_num_threads() == 2


def test_an_error_leaves_the_threads_as_they_were() -> None:
    with pytest.raises(ValueError, match="broken"), threads.suited(0):
        raise ValueError("broken")
    assert torch.get_num_threads() == 2
