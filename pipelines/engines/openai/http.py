"""One try at an OpenAI-compatible server: a request with a deadline, and what became of it.

Here: the deadline, redirects, proxies, errors of the connection. Not here: secrets (`secrets.py`), bodies
(`body.py`), errors of HTTP (`faults.py`), trying again (`tries.py`), what is asked and what the
answers mean (`chat.py`).
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines.engines.openai import body as openai_body
from sdc.pipelines.engines.openai import faults, safe_json
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.secrets import api_key, remember, scrub, shown

#: Longest wait for a connection; the rest of the deadline is for the answer.
_CONNECT_S = 10.0
#: What a slow line moves in a second: files of a batch get that much more time.
_BYTES_PER_S = 250_000
_REDIRECTS = 5
#: The most bytes of a list of models or jobs, and of an error's message; what an answer in a batch takes, about.
_LIST_BYTES, _ERROR_BYTES, _ANSWER_BYTES = 16 * 2**20, 2**16, 4_000


class Server:
    """A connection to one server, for use within one event loop: `async with Server(...) as server`.

    Args:
        url: Base URL with `/v1`; a query behind it goes along with every request.
        timeout_s: The longest that one request may take in all, in seconds.

    Raises:
        UsageError: The URL, the key, the proxy or the certificates cannot be used.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        import httpx2

        remember(url)
        where = shown(url)
        parts, self._timeout_s = urllib.parse.urlsplit(url), timeout_s
        self._base = urllib.parse.urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
        self._query = parts.query
        headers = {"User-Agent": "sdc", "Accept": "application/json", "Accept-Encoding": openai_body.ENCODINGS}
        key = api_key()
        if key:  # servers that want none do not look
            headers["Authorization"] = f"Bearer {key}"
            if "api-version=" in parts.query:  # Azure's name for it
                headers["api-key"] = key
        try:
            _check_port(_proxy(self._base))
            self._client = httpx2.AsyncClient(
                headers=headers,
                timeout=httpx2.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except OSError as error:
            fix = "correct $SSL_CERT_FILE or $SSL_CERT_DIR"
            raise UsageError(f"the certificates cannot be read ({scrub(str(error))})", where, fix) from None
        except (httpx2.InvalidURL, ValueError, ImportError) as error:
            fix = "correct the URL, and $HTTP_PROXY, $HTTPS_PROXY and $ALL_PROXY"
            raise UsageError(f"the URL or the proxy cannot be used ({scrub(str(error))})", where, fix) from None

    async def __aenter__(self) -> "Server":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Any:
        """Returns the JSON at `path`, which begins with a slash.

        Raises:
            TryFailed: No usable answer.
            Rejected: A status of 300 to 499.
        """
        return _parsed(await self._try("GET", path, _whole(_LIST_BYTES)))

    async def post(self, path: str, body: Mapping[str, Any], *, most: int = _LIST_BYTES) -> Any:
        """Returns the JSON that answers `body`, which has at most `most` bytes; raises as `get`."""
        content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"}
        return _parsed(await self._try("POST", path, _whole(most), content=content, headers=headers))

    async def lines(self, path: str, take: Callable[[bytes], None], *, num: int, most_line: int) -> None:
        """Hands the lines of the file at `path` to `take`; raises as `get`.

        Args:
            path: Where the file lies.
            take: Gets one line at a time; all again when a try failed.
            num: Lines that are expected.
            most_line: The most bytes of one; longer ones are left out.
        """

        async def read(response: Any) -> bytes:
            async for line in openai_body.lines(response, most=(num + 1) * most_line, most_line=most_line):
                take(line)
            return b""

        await self._try("GET", path, read, num_bytes=num * _ANSWER_BYTES)

    async def upload(self, name: str, content: bytes) -> Any:
        """Returns the JSON about a file that was stored for batches; raises as `get`."""
        files = {"file": (name, content), "purpose": (None, "batch")}
        return _parsed(await self._try("POST", "/files", _whole(_LIST_BYTES), num_bytes=len(content), files=files))

    async def _try(
        self, method: str, path: str, read: Callable[[Any], Awaitable[bytes]], *, num_bytes: int = 0, **sent: Any
    ) -> bytes:
        import anyio
        import httpx2

        limit_s = self._timeout_s + num_bytes / _BYTES_PER_S
        late = f"no whole answer within {limit_s:g} s"
        try:
            # The library's time-outs are between bytes: a server that drips them would never end.
            with anyio.fail_after(limit_s):
                return await self._send(self._client.build_request(method, self._at(path), **sent), read)
        except (TimeoutError, httpx2.TimeoutException):
            through = proxy_of(self._base)
            raise TryFailed(f"{late}{f', through the proxy {through}' if through else ''}") from None
        except openai_body.UnreadableBody as error:
            raise TryFailed(str(error)) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError, ValueError, RuntimeError) as error:
            through = proxy_of(self._base)
            what = f"the connection through the proxy {through} failed" if through else "the connection failed"
            raise TryFailed(f"{what} ({_cause(error)})") from None

    async def _send(self, request: Any, read: Callable[[Any], Awaitable[bytes]]) -> bytes:
        """Returns what `read` makes of the answer, following redirects that repeat the request as it is."""
        for _ in range(_REDIRECTS):
            response = await self._client.send(request, stream=True)
            try:
                following = response.next_request
                if following is None or following.method != request.method:
                    if not response.is_success:
                        raise faults.sort(response, await openai_body.beginning(response, most=_ERROR_BYTES))
                    return await read(response)
            finally:
                await response.aclose()
            request = following
        raise Rejected(310, f"more than {_REDIRECTS} redirects")

    def _at(self, path: str) -> str:
        path, _, query = path.partition("?")
        return f"{self._base}{path}?{'&'.join(filter(None, (self._query, query)))}".rstrip("?")


def proxy_of(url: str) -> str:
    """Returns the proxy that requests to a URL go through, as messages may show it; empty without one.

    The environment says so, as for other programs: $HTTPS_PROXY or $HTTP_PROXY by the scheme, else $ALL_PROXY, unless
    $NO_PROXY names the host.
    """
    return scrub(_proxy(url))


def _proxy(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return (proxy if "://" in proxy else f"http://{proxy}").rstrip("/")


def _check_port(url: str) -> None:
    """Raises a ValueError if the port of a URL is no port: the connection would fail with a traceback."""
    _ = urllib.parse.urlsplit(url).port


def _whole(most: int) -> Callable[[Any], Awaitable[bytes]]:
    return lambda response: openai_body.read(response, most=most)


def _parsed(content: bytes) -> Any:
    if not content.strip():
        raise TryFailed("the answer is empty")
    try:
        return safe_json.parse(content)
    except safe_json.NotJson:
        raise TryFailed("the answer is not JSON") from None


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause).strip() or type(cause).__name__
