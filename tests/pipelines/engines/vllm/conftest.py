"""The pocket teacher in vLLM, loaded once for all tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from pocket_calls import in_vllm, pocket


@pytest.fixture(scope="session")
def vllm() -> Iterator[Any]:
    with in_vllm(pocket("teacher")) as engine:
        yield engine
