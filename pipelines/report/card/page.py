"""A data card as one HTML page that needs no other file, no script and no network.

Here: what stands on the page. Not here: the pictures (`pictures.py`), its markup and style (`page.jinja`).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sdc.pipelines.report.card import Card, formats, pictures
from sdc.pipelines.report.formats import Table

#: Pictures: what they show -> what is said below them.
_CAPTIONS = {
    "lengths": "Lengths: how many rows of each side have how many characters.",
    "neighbours": "Nearest neighbours: how similar each row is to the nearest row of the other or of its own side, of "
    "equally many rows. Further to the right is more alike; 1 is the same text.",
    "labels": "Rows per label. The two panels have a scale each.",
}
_VISIBLE = {" ": "␣", "\n": "⏎"}
_COPY_KINDS = {
    "seed_copies": "seed example", "human_copies": "human row", "leaks": "test row", "duplicates": "earlier row",
}  # fmt: skip


def as_html(cards: Sequence[Card]) -> str:
    """Returns the page of one or more cards. Texts, labels and names are escaped."""
    from jinja2 import Environment, StrictUndefined

    # The environment escapes all that it is given; only the pictures, which we draw, are put in as they are.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("page.jinja").read_text("utf-8"))
    overview = _grid(formats.overview(cards)) if len(cards) > 1 else None
    return template.render(cards=[_section(card) for card in cards], overview=overview) + "\n"


def _section(card: Card) -> dict[str, Any]:
    from markupsafe import Markup

    openings, giveaways, copies = (card.examples.get(name, ()) for name in ("openings", "classifier", "copies"))
    return {
        "card": card,
        "id": "".join(c if c.isalnum() else "-" for c in card.cell),
        "figures": _grid(formats.figures_table(card)),
        "labels": _grid(formats.labels_table(card)),
        "rejected": _grid(formats.rejected_table(card)) if card.examples.get("rejected") else None,
        "in_sample": bool(card.figure("rejected").details.get("human_in_sample")),
        "pictures": [
            {"svg": Markup(svg), "caption": _CAPTIONS[name]}  # noqa: S704 (drawn by vl-convert, which escapes texts)
            for name, svg in pictures.draw(card).items()
        ],
        "openings": _beside([{**row, "text": f"{row['opening']} … ({row['rows']})"} for row in openings]),
        "giveaways": _beside([{**row, "text": visible(row["characters"])} for row in giveaways]),
        "copies": [{**row, "kind": _COPY_KINDS[row["kind"]]} for row in copies],
    }


def visible(characters: str) -> str:
    """Returns characters so that white space, marks without a base and invisible ones can be seen.

    >>> visible(" a\\n"), visible("\u0c4d"), visible("\u200c")
    ('␣a⏎', '◌్', '[U+200C]')
    """
    base = "◌" if unicodedata.category(characters[:1] or " ").startswith("M") else ""
    return base + "".join(_VISIBLE.get(c) or _named(c) for c in characters)


def _named(c: str) -> str:
    if c.isspace():
        return _VISIBLE[" "]
    return f"[U+{ord(c):04X}]" if unicodedata.category(c) in ("Cc", "Cf") else c


def _grid(table: Table) -> dict[str, Any]:
    """Returns a table with what stands to the right: columns that hold nothing but numbers."""
    numeric = [
        name != "note" and all(row[i] == "-" or row[i].lstrip("+-")[:1].isdigit() for row in table.rows)
        for i, name in enumerate(table.columns)
    ]
    return {"table": table, "numeric": numeric}


def _beside(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Returns the texts of both sides in pairs, as rows of a table."""
    ours, theirs = ([row["text"] for row in rows if row["side"] == side] for side in ("synthetic", "human"))
    return list(zip_longest(ours, theirs, fillvalue=""))
