"""Tests of the store: the file is opened for every operation, and closed after it."""

import pytest


@pytest.fixture(autouse=True)
def _held_store() -> None:
    """In the place of the fixture that leaves it open."""
