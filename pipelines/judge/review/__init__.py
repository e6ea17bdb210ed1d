"""Review of synthetic texts by people: a page to hand out, and the judgement that comes back.

Here: what the page and the file that it saves have in common. The rest, in the order in which it is used: `sheet.py`
(which texts), `page.py` (with `page.html.jinja`, `page.css` and `page.js`: the page), `form.py` (the saved file),
`reviewed.py` (the file against the store), `votes.py` (what several people's votes come to), `agreement.py`,
`judgement.py` and `rows.py` (the artifact). Not here: flags (`cli/`).
"""

FORMAT = "sdc-review"
#: Of the page's data and of the saved file; a page of another version is refused.
VERSION = 1
#: Why a text is rejected: what the file says -> what the page shows.
REASONS = {
    "language": "Not {language}, or mixed with another language",
    "unnatural": "Unnatural or ungrammatical",
    "label": "No label fits",
    "incomplete": "Cut off or garbled",
    "repeats": "Repeats another text",
    "unsafe": "Offensive or private",
    "other": "Something else",
}
MAX_NAME_CHARS = 60
