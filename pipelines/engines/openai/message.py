"""The message in a chat answer: its text, and the reasoning that a server sends beside it.

Here: plain texts, lists of parts, fields for reasoning. Not here: tags within a text (`reasoning.py`).
"""

from collections.abc import Mapping
from typing import Any

from sdc.pipelines.engines.openai.faults import TryFailed

#: Where servers put what a model thought.
_FIELDS = ("reasoning_content", "reasoning", "thinking", "thoughts", "reasoning_text")
_THOUGHTS = ("thinking", "reasoning", "reasoning_content", "thought", "redacted_thinking")
_DEPTH = 4


def read(message: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the text of a message and the reasoning beside it; no content at all is the empty text.

    >>> read({"content": "sports", "reasoning_content": "A match."})
    ('sports', 'A match.')
    >>> read({"content": [{"type": "thinking", "thinking": "A match."}, {"type": "text", "text": "sports"}]})
    ('sports', 'A match.')

    Raises:
        TryFailed: The content is neither text nor a list of parts.
    """
    content = message.get("content")
    if isinstance(content, Mapping):
        content = [content]
    thoughts = [_text(message.get(name)) for name in _FIELDS]
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, Mapping)]
        thoughts += [_thought(part) for part in parts if part.get("type") in _THOUGHTS]
        # Parts of older servers are without a type; plain strings in a list are text too.
        content = "".join(
            _text(part.get("text") or part.get("content")) if isinstance(part, Mapping) else _text(part)
            for part in content
            if not isinstance(part, Mapping) or part.get("type") in (None, "text", "output_text")
        )
    if not isinstance(content, str | None):
        raise TryFailed("the answer's content is no text")
    # The same thought may stand in two fields.
    return _whole(content or ""), _whole("\n".join(dict.fromkeys(filter(None, thoughts))))


def _thought(part: Mapping[str, Any]) -> str:
    return next(filter(None, (_text(part.get(name)) for name in ("thinking", "text", "reasoning", "content"))), "")


def _text(raw: Any, depth: int = _DEPTH) -> str:
    """Returns a text, or the texts in a list of parts."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, list) and depth:
        return "".join(_text(part.get("text") if isinstance(part, Mapping) else part, depth - 1) for part in raw)
    return ""


def _whole(text: str) -> str:
    """Returns a text that a file can store: a reply that was cut within a character may hold half of it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
