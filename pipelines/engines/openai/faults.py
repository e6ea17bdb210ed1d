"""What became of a try that was no success: another may do (`TryFailed`), or the server said no (`Rejected`).

Here: sorting HTTP errors, what a server says in them, Retry-After. Not here: the requests (`http.py`).
"""

import email.utils
import json
import math
import time
from collections.abc import Mapping
from typing import Any

from sdc.pipelines.engines.openai import safe_json
from sdc.pipelines.engines.openai.secrets import scrub
from sdc.pipelines.engines.protocol import Reply

_AGAIN = (408, 409, 425, 429)


class TryFailed(Exception):
    """This try gave no usable answer; another one may.

    Args:
        reason: Why; it is scrubbed here, so that no secret goes any further.
        wait_s: How long the server asks to be left alone, in seconds; None where it does not say.
        came: A paid answer that is none for this call, as that of another model; it is kept all the same.
    """

    def __init__(self, reason: str, wait_s: float | None = None, *, came: Reply | None = None) -> None:
        self.reason, self.wait_s = scrub(reason), wait_s
        self.came = came
        super().__init__(self.reason, wait_s)


class Rejected(Exception):
    """The server understood the request and said no; the same request again would change nothing.

    Args:
        status: HTTP status, 300 to 499.
        reason: What the server says; it is scrubbed here.
        code: The server's word for it, such as `content_filter`; may be empty.
    """

    def __init__(self, status: int, reason: str, code: str = "") -> None:
        self.status, self.reason, self.code = status, scrub(reason), scrub(code)
        super().__init__(status, self.reason, self.code)


def sort(response: Any, content: bytes) -> TryFailed | Rejected:
    """Returns what an HTTP error means: try again, or a no."""
    status = int(response.status_code)
    reason, code = _said(response, content)
    # Waiting does not help against an empty account, although it is told with "too many requests".
    if (status in _AGAIN or status >= 500) and code != "insufficient_quota":
        return TryFailed(f"HTTP {status}: {reason}", asked_wait_s(response.headers))
    return Rejected(status, f"HTTP {status}: {reason}", code)


def _said(response: Any, content: bytes) -> tuple[str, str]:
    """Returns a server's message and its code. Servers differ in where they put them."""
    try:
        body = safe_json.parse(content)
    except safe_json.NotJson:
        body = None
    error: Any = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        return error, ""
    if not isinstance(error, dict):
        return response.reason_phrase or "no reason given", ""
    message = error.get("message") or error.get("detail") or response.reason_phrase
    text = message if isinstance(message, str) else json.dumps(message)
    field = error.get("param")
    if isinstance(field, str) and field not in text:
        text += f" ({field})"
    return text, str(error.get("code") or error.get("type") or "")


def asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """Returns what Retry-After asks for, in seconds from now; None where it is missing or senseless."""
    text = headers.get("retry-after-ms")
    wait_s = _number(text, 1 / 1000) if text else _number(headers.get("retry-after", ""), 1.0)
    if wait_s is None and headers.get("retry-after"):
        try:
            wait_s = email.utils.parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, wait_s) if wait_s is not None else None


def _number(text: str, unit: float) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return number if math.isfinite(number) else None
