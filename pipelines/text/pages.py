"""Pages that need no network: what runs in them is what was written into them, and no text becomes markup.

Here: content security policies and JSON inside scripts. Not here: any page (`judge/review`, `report/card`,
`report/page`).
"""

import base64
import hashlib
import json


def policy(*, style: str, script: str) -> str:
    """Returns a content security policy under which a page's own script and style are used, and nothing else.

    Args:
        style: The text of the style element, or `'unsafe-inline'` where pictures have styles of their own.
        script: The text of the script element.
    """
    styles = style if style == "'unsafe-inline'" else _source(style)
    return (
        f"default-src 'none'; style-src {styles}; script-src {_source(script)}; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_json(value: object) -> str:
    r"""Returns JSON that can stand inside a script element: no text in it can close the element.

    >>> as_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
