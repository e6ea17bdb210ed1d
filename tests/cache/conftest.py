"""Tests of the store: every one is made anew."""

import pytest


@pytest.fixture(autouse=True)
def _empty_stores() -> None:
    """In the place of the fixture that copies empty stores."""


@pytest.fixture(autouse=True)
def _one_duckdb() -> None:
    """In the place of the fixture that starts DuckDB once for all of them."""
