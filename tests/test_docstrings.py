"""The examples in the docstrings: each gives what stands there."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parent.parent / "src" / "sdc"
_ROOMS = ("cli", "pipelines", "cache")  # by name: a search does not follow links
_FILES = [_PACKAGE / "errors.py", *(path for room in _ROOMS for path in (_PACKAGE / room).rglob("*.py"))]
_MODULES = sorted(
    ".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in _FILES
    if ">>> " in path.read_text("utf-8")
)


@pytest.mark.parametrize("name", _MODULES)
def test_the_examples_in_the_docstrings(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed
