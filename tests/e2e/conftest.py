"""A real browser for the pages that sdc writes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)

#: The first one draws nothing that no test looks at, and takes half of the time.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=_FLAGS.split())
        yield started
        started.close()


Opened = Callable[..., "Page"]


@pytest.fixture
def opened(browser: "Browser") -> Iterator[Opened]:
    """`opened(path)` shows a page in a fresh profile; an error of its script fails the test."""
    contexts: list[Any] = []
    faults: list[str] = []

    def dialog(shown: "Dialog") -> None:
        faults.append(f"dialog {shown.message}")
        shown.dismiss()

    def show(path: Path, *, before: str = "", loud: bool = False, **options: Any) -> "Page":
        context = browser.new_context(accept_downloads=True, **options)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        shown = context.new_page()
        shown.on("pageerror", lambda error: faults.append(str(error)))
        if not loud:  # what the browser says of a refused request
            shown.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        shown.on("dialog", dialog)
        shown.goto(path.as_uri())
        return shown

    yield show
    for context in contexts:
        context.close()
    assert faults == []
