"""A figure that is ready to be written, and one that cannot be drawn.

Here: what all figures have in common. Not here: drawing them (a file per kind), writing them (`written.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdc.pipelines.report.figures import marks
from sdc.pipelines.report.figures.vega import Spec


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure.

    Args:
        name: Of its files, without an ending: `figure-2`.
        title: The quantity; or a finding that a check supports.
        caption: How it was made: sentences.
        says: The finding in numbers, for who cannot see it.
        chart: A Vega-Lite specification without title; charts that hold it may share its parts.
        width: In pixels, without the y axis.
        records: The numbers behind it.
    """

    name: str
    title: str
    caption: tuple[str, ...]
    says: str
    chart: Spec
    width: int
    records: Sequence[Mapping[str, object]]

    def spec(self, *, bare: bool = False) -> Spec:
        """Returns the whole as a Vega-Lite specification; a bare one has no title and caption."""
        if bare:
            return {**self.chart, "config": marks.config()}
        lines = [
            line for sentence in self.caption for line in marks.wrapped(sentence, width_px=self.width, char_px=5.7)
        ]
        title = {
            "text": self.title, "subtitle": lines, "anchor": "start", "frame": "group", "fontSize": 15, "offset": 14,
            "subtitleFontSize": 11, "subtitleLineHeight": 14,
        }  # fmt: skip
        return {**self.chart, "title": title, "config": marks.config()}


@dataclass(frozen=True, kw_only=True)
class NotDrawn:
    """A figure that cannot be drawn, and what is missing."""

    name: str
    why: str
