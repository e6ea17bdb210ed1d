"""How figures look: colours, dashes and shapes of students, fonts, sizes of text.

Here: one look for all figures. Not here: what is drawn.
"""

import itertools
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FONT = "Noto Sans"
_HARD_SPACE = "\u00a0"
INK, MUTED, FAINT = "#1a1a1a", "#666666", "#e4e4e4"
#: Okabe and Ito's colours, which colour-blind people can tell apart; dark enough for text on white.
_COLOURS = {
    "finetune": "#0072B2", "icl": "#C24E00", "lora": "#00855F", "linear": "#7A6A00", "probe": "#A4447E",
}  # fmt: skip
_DASHES: Mapping[str, Sequence[int]] = {"finetune": (), "icl": (7, 3), "lora": (2, 2), "linear": (9, 3, 2, 3)}
_SHAPES = {"finetune": "circle", "icl": "triangle-up", "lora": "square", "linear": "diamond", "probe": "cross"}
#: For students that share a method, in turn: shapes and shares of their colour.
_MORE_SHAPES = ("circle", "triangle-down", "square", "diamond", "cross", "triangle-up")
_MORE_COLOURS = ("#0072B2", "#C24E00", "#00855F", "#7A6A00", "#A4447E", "#2F8FB5", "#5B5B5B", "#8C3B00")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The look of one line; `filled` shapes are synthetic rows, empty ones human."""

    colour: str
    dash: tuple[int, ...]
    shape: str
    filled: bool


def of(method: str, source: str | None, *, nth: int = 0) -> Mark:
    """Returns the look of a student.

    Args:
        method: As in the store.
        source: Of its rows.
        nth: Its number among the lines of one method and source in a panel.
    """
    human = source == "human"
    colour = _COLOURS.get(method, _MORE_COLOURS[-2]) if nth == 0 else _MORE_COLOURS[(nth + 3) % len(_MORE_COLOURS)]
    dash = tuple(_DASHES.get(method, (4, 2)))
    return Mark(
        colour=colour,
        dash=(12, 2) if human else dash,
        shape=_SHAPES.get(method, "circle") if nth == 0 else _MORE_SHAPES[nth % len(_MORE_SHAPES)],
        filled=not human,
    )


def colours(methods: Sequence[str]) -> list[str]:
    """Returns a colour for each line, by its method: the first of a method has its own, the others what is left.

    >>> len(set(colours(["lora", "icl", "lora", "icl", "lora", "icl"])))
    6
    """
    firsts = {method: _COLOURS[method] for method in methods if method in _COLOURS}
    left = itertools.cycle([colour for colour in _MORE_COLOURS if colour not in firsts.values()] or _MORE_COLOURS)
    return [firsts.pop(method, "") or next(left) for method in methods]


def config() -> dict[str, Any]:
    """Returns the configuration of all charts: no frames, light grid, one font."""
    return {
        "aria": False,  # the drawing has one description in words; thousands of labels would hide it
        "font": FONT,
        "background": "white",
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "labelColor": INK,
            "titleColor": INK, "domainColor": "#888888", "tickColor": "#888888", "gridColor": FAINT,
        },
        "title": {"fontSize": 12, "anchor": "start", "color": INK, "subtitleColor": MUTED, "subtitleFontSize": 10.5},
        "header": {"labelFontSize": 11, "titleFontSize": 11},
        "legend": {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"},
        "text": {"font": FONT, "fontSize": 11},
    }  # fmt: skip


@cache
def register_fonts() -> None:
    """Lets vl-convert use the fonts of this folder: a machine without any font draws the same."""
    import vl_convert

    vl_convert.register_font_directory(str(Path(__file__).with_name("fonts")))


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Returns places near the wanted ones that are `gap` apart, within `low` and `high` if they fit, in the same order.

    >>> spread([1, 1.2, 8], gap=1, low=0, high=10)
    [0.6, 1.6, 8.0]
    >>> spread([9.9, 10], gap=1, low=0, high=10)
    [9.0, 10.0]
    """
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    blocks: list[tuple[float, list[int]]] = []  # sum of wanted places less offsets, and who is in it
    for place in order:
        total, inside = float(wanted[place]), [place]
        while blocks and blocks[-1][0] / len(blocks[-1][1]) + gap * len(blocks[-1][1]) > total / len(inside):
            before, others = blocks.pop()
            total = before + total - gap * len(others) * len(inside)
            inside = others + inside
        blocks.append((total, inside))
    found = [0.0] * len(wanted)
    for total, inside in blocks:
        start = float(min(max(total / len(inside), low), high - gap * (len(inside) - 1)))
        for number, place in enumerate(inside):
            found[place] = round(start + gap * number, 6)
    return found


def wrapped(text: str, *, width_px: float, char_px: float = 5.6, whole: Sequence[str] = ()) -> list[str]:
    """Returns a text in lines that fit a width, as far as that can be known from the number of characters.

    Args:
        text: In one line.
        width_px: Of the longest line.
        char_px: Of a character.
        whole: Parts of the text that are not torn where one fits a line.
    """
    most = max(20, int(width_px / char_px))
    for part in whole:
        if len(part) < most:
            text = text.replace(part, part.replace(" ", _HARD_SPACE))
    # A number stays with its interval.
    kept = re.sub(r" rows \[[^]]*\]", lambda found: found[0].replace(" ", _HARD_SPACE), text)
    lines = textwrap.wrap(kept, most, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_HARD_SPACE, " ") for line in lines]
