"""A small experiment on the bundled examples, as a file, for tests to change words in.

Here: its text, and the experiment of a text. Not here: who runs it.
"""

from pathlib import Path
from typing import Any

from sdc.pipelines.run import file
from sdc.pipelines.run.experiment import Experiment

_TEXT = """
name = "small"
[cells]
task = "topic"
lang = {lang}
[data]
from = "bundled"
[sample]
source = {source}
sizes = {sizes}
repeats = {repeats}
[[students]]
method = "linear"
"""


def small(
    *, lang: str = '["te", "sw"]', source: str = '"human"', sizes: str = '["10", "20", "30"]', repeats: int = 4
) -> str:
    """Returns the text of an experiment with the linear student; values as TOML has them."""
    return _TEXT.format(lang=lang, source=source, sizes=sizes, repeats=repeats)


def loaded(folder: Path, text: str, **how: Any) -> Experiment:
    """Returns the experiment of a text, which is written to `mine.toml` in a folder."""
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return file.load(str(path), **how)


def write_for_ray(folder: Path, text: str, address: str | None) -> None:
    """Writes `mine.toml`, and `sites.toml` with the Ray cluster `far` at an address; None: one of this machine."""
    (folder / "mine.toml").write_text(text, "utf-8")
    where = f'address = "{address}"\n' if address else ""
    (folder / "sites.toml").write_text(f'[far]\nexecutor = "ray"\n{where}', "utf-8")
