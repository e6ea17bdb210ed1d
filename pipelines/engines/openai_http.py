"""One try at an OpenAI-compatible server: a request with a deadline, and what became of it, sorted.

Here: the key, the deadline, `TryFailed` (another try may do) and `Rejected` (the server understood and said no).
Not here: trying again (`openai_tries.py`), what is asked and what the answers mean (`openai_chat.py`).
"""

import email.utils
import json
import math
import os
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

from sdc.errors import UsageError

#: Longest wait for a connection; the rest of the deadline is for the answer.
_CONNECT_S = 10.0
#: What a slow line moves in a second: files of a batch get that much more time.
_BYTES_PER_S = 250_000
_AGAIN = (408, 409, 425, 429)
_REASON_CHARS = 200


class TryFailed(Exception):
    """This try gave no usable answer; another one may.

    Args:
        reason: Why, in one line without secrets.
        wait_s: How long the server asks to be left alone, in seconds; None where it does not say.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason, wait_s)
        self.reason, self.wait_s = reason, wait_s


class Rejected(Exception):
    """The server understood the request and said no; the same request again would change nothing.

    Args:
        status: HTTP status, 300 to 499.
        reason: What the server says, in one line without secrets.
        code: The server's word for it, such as `content_filter`; may be empty.
    """

    def __init__(self, status: int, reason: str, code: str = "") -> None:
        super().__init__(status, reason, code)
        self.status, self.reason, self.code = status, reason, code


def api_key() -> str:
    """Returns the key from the environment: $SDC_API_KEY, where it is set at all, else $OPENAI_API_KEY; may be empty.

    Raises:
        UsageError: It holds characters that cannot be sent. HTTP libraries would show the key in their error.
    """
    name = "SDC_API_KEY" if "SDC_API_KEY" in os.environ else "OPENAI_API_KEY"
    key = os.environ.get(name, "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise UsageError("the key holds spaces or characters that no key has", f"${name}", "set it again")
    return key


def scrub(text: str) -> str:
    """Returns one line of at most 200 characters, without the key, should a server have repeated it."""
    key = api_key()
    text = text.replace(key, "***") if key else text
    return " ".join(text.split())[:_REASON_CHARS]


class Server:
    """A connection to one server, for use within one event loop: `async with Server(...) as server`.

    Args:
        url: Base URL with `/v1`.
        timeout_s: The longest that one request may take in all, in seconds.

    Raises:
        UsageError: The URL or the key cannot be used.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        import httpx2
        import openai

        self._timeout_s = timeout_s
        try:
            self._client = openai.AsyncOpenAI(
                base_url=url,
                api_key=api_key() or "none",  # the library wants one; servers that want none do not look
                timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
                max_retries=0,
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise UsageError(f"the URL cannot be used ({scrub(str(error))})", "--server", "correct it") from None

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def get(self, path: str) -> Any:
        """Returns the JSON at `path`, which begins with a slash.

        Raises:
            TryFailed: No usable answer.
            Rejected: A status of 300 to 499.
        """
        return _parsed(await self.download(path))

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Returns the JSON that answers `body`; raises as `get`."""
        import httpx2

        return _parsed(await self._try(lambda: self._client.post(path, body=dict(body), cast_to=httpx2.Response)))

    async def download(self, path: str, *, num_bytes: int = 0) -> bytes:
        """Returns what lies at `path`; raises as `get`. About `num_bytes` are expected."""
        import httpx2

        return await self._try(lambda: self._client.get(path, cast_to=httpx2.Response), num_bytes)

    async def upload(self, name: str, content: bytes) -> Any:
        """Returns the JSON about a file that was stored for batches; raises as `get`."""
        files = self._client.files.with_raw_response
        return _parsed(
            await self._try(lambda: files.create(file=(name, content), purpose="batch"), num_bytes=len(content))
        )

    async def _try(self, send: Callable[[], Awaitable[Any]], num_bytes: int = 0) -> bytes:
        import anyio
        import openai

        limit_s = self._timeout_s + num_bytes / _BYTES_PER_S
        late = f"no whole answer within {limit_s:g} s"
        try:
            # The library's time-outs are between bytes: a server that drips them would never end.
            with anyio.fail_after(limit_s):
                response = await send()
                return bytes(response.content)
        except (TimeoutError, openai.APITimeoutError):
            raise TryFailed(late) from None
        except openai.APIStatusError as error:
            raise _sorted(error.response) from None
        except openai.APIConnectionError as error:
            raise TryFailed(scrub(f"the connection failed ({_cause(error)})")) from None


def shown(url: str) -> str:
    """Returns the URL as messages may show it: without user, password and query.

    Raises:
        UsageError: It is no URL.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise UsageError(f"the URL cannot be used ({scrub(str(error))})", "--server", "correct it") from None
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def _parsed(content: bytes) -> Any:
    if not content.strip():
        raise TryFailed("the answer is empty")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise TryFailed("the answer is not JSON") from None


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause).strip() or type(cause).__name__


def _sorted(response: Any) -> TryFailed | Rejected:
    """Returns what an HTTP error means: try again, or a no."""
    status = int(response.status_code)
    reason, code = _said(response)
    # Waiting does not help against an empty account, although it is told with "too many requests".
    if (status in _AGAIN or status >= 500) and code != "insufficient_quota":
        return TryFailed(f"HTTP {status}: {reason}", _asked_wait_s(response.headers))
    return Rejected(status, f"HTTP {status}: {reason}", code)


def _said(response: Any) -> tuple[str, str]:
    """Returns a server's message and its code. Servers differ in where they put them."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    error: Any = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(error, str):
        return scrub(error), ""
    if not isinstance(error, dict):
        return response.reason_phrase or "no reason given", ""
    message = error.get("message") or error.get("detail") or response.reason_phrase
    text = message if isinstance(message, str) else json.dumps(message)
    field = error.get("param")
    if isinstance(field, str) and field not in text:
        text += f" ({field})"
    return scrub(text), str(error.get("code") or error.get("type") or "")


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
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
