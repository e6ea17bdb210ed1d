"""Secrets of servers and proxies, and how they are kept out of everything that is shown or stored.

Here: which strings are secret, the forms in which servers repeat them, `hider` for answers and `scrub` for reasons.
Everything that a server says passes here before anything else sees it (`safe_json.py`, `http.py`).
"""

import base64
import html
import json
import os
import re
import string
import urllib.parse
from collections.abc import Callable, Iterator
from functools import lru_cache

from sdc.errors import UsageError
from sdc.pipelines.text.folding import one_line

#: Variables that hold the key of a server.
KEYS = ("SDC_API_KEY", "OPENAI_API_KEY")
#: The variable that holds the token of the Hugging Face hub.
TOKEN = "HF_TOKEN"  # noqa: S105 (its name)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
#: Parameters of a URL whose values are secret, whatever they look like; others are if they are long.
_SECRET_NAME = re.compile(r"key|token|secret|pass|sig|auth|code|cred", re.I)
_LONG_VALUE = 20
#: Pieces of a secret that are hidden: in reasons, where masked keys occur, and in answers, which are data.
_REASON_RUN, _ANSWER_RUN = 6, 16
#: Shorter ones (`EMPTY`, `ollama`) protect nothing; in a reason they are hidden as whole words, in an answer never.
_SHORTEST = 8
_REASON_CHARS = 200
#: Longer texts are no reasons; what stands behind is not looked at.
_LOOKED_AT = 10_000
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_MASK = re.compile(r"\*{2,}|•{2,}|…+|\.{3,}|[xX]{4,}")
_USER = re.compile(r"(?<=://)[^/\s@'\"]+@")
_CREDENTIALS = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.I)
#: URLs of servers that were asked in this process.
_urls: set[str] = set()


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


def remember(url: str) -> None:
    """Makes the credentials in a server's URL known as secrets."""
    _urls.add(url)


def shown(url: str) -> str:
    """Returns the URL as messages may show it: without user, password and query.

    Raises:
        UsageError: It is no URL, or it has no host or an impossible port.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname or parts.port == 0:
            raise ValueError("there is no host in it, or an impossible port")
    except ValueError as error:
        raise UsageError(f"the URL cannot be used ({scrub(str(error))})", "--server", "correct it") from None
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def hider() -> Callable[[str], str]:
    """Returns what gives an answer's text with every secret in it as `***`, in whatever form it was repeated."""
    secrets = tuple(secret for secret in _secrets() if len(secret) >= _SHORTEST)
    return lambda text: _without(text, secrets, run=_ANSWER_RUN) if secrets else text


def scrub(text: str, *, most: int = _REASON_CHARS) -> str:
    """Returns a reason: one line of `most` characters without secrets, pieces of them and control characters."""
    text = text[:_LOOKED_AT]
    secrets = _secrets()
    if secrets:
        text = _without(text, secrets, run=_REASON_RUN)
    text = _CREDENTIALS.sub(r"\1 ***", _USER.sub("***@", text))
    line = "".join(char if char.isprintable() else " " for char in text)
    return one_line(line)[:most]


# -- what is secret -----------------------------------------------------------------------------------------------


def _secrets() -> tuple[str, ...]:
    """Returns the secrets of this process; the environment is read each time."""
    found = [os.environ.get(name, "").strip() for name in (*KEYS, TOKEN)]
    proxies = [os.environ.get(name, "") for base in _PROXIES for name in (base, base.upper())]
    for url in [*sorted(_urls), *filter(None, proxies)]:
        found += _in_url(url)
    return tuple(sorted({secret for secret in found if secret}))


@lru_cache(maxsize=64)
def _in_url(url: str) -> tuple[str, ...]:
    found: list[str] = []
    rest = url.partition("://")[2] or url
    user, at, _ = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")
    if at:
        name, colon, password = user.partition(":")
        raw = [password, user] if colon else [name]
        found += [text for part in raw for text in (part, urllib.parse.unquote(part))]
    query = rest.partition("?")[2].partition("#")[0]
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=False):
        if _SECRET_NAME.search(name) or len(value) >= _LONG_VALUE:
            found.append(value)
    return tuple(found)


def _forms(secret: str) -> Iterator[str]:
    """Yields a secret as servers repeat it: as it is, in JSON, in a URL, in HTML, in hex, and within any base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    quoted = urllib.parse.quote(raw, safe="")
    yield from (quoted, urllib.parse.quote(quoted, safe=""), urllib.parse.quote(raw))
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret)[1:-1].replace("/", "\\/")
    yield "".join(f"\\u{ord(char):04x}" for char in secret)
    yield from (html.escape(secret), repr(secret)[1:-1], raw.hex())
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        # What stands beside the secret decides the characters at both ends.
        inner = whole[(0, 2, 3)[before] : len(whole) - ((before + len(raw)) % 3 > 0)]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


# -- finding it ---------------------------------------------------------------------------------------------------


def _without(text: str, secrets: tuple[str, ...], *, run: int) -> str:
    low, covered = text.translate(_LOWER), bytearray(len(text))
    for length, pieces in _pieces(secrets, run).items():
        for i in range(len(low) - length + 1):
            if low[i : i + length] in pieces and (length >= run or _is_word(low, i, i + length)):
                covered[i : i + length] = b"\1" * length
    if run == _REASON_RUN:
        _cover_masked(low, secrets, covered)
    parts = re.finditer(b"\x01+|\x00+", covered)
    return "".join("***" if part[0][0] else text[part.start() : part.end()] for part in parts)


@lru_cache(maxsize=16)
def _pieces(secrets: tuple[str, ...], run: int) -> dict[int, frozenset[str]]:
    """Returns, by their length, the pieces of secrets that give them away: runs, and all of what is shorter."""
    found: dict[int, set[str]] = {}
    for secret in secrets:
        for form in {form.translate(_LOWER) for form in _forms(secret)}:
            length = min(run, len(form))
            if form:
                found.setdefault(length, set()).update(form[i : i + length] for i in range(len(form) - length + 1))
    return {length: frozenset(pieces) for length, pieces in found.items()}


def _is_word(text: str, start: int, end: int) -> bool:
    return not (text[:start][-1:].isalnum() or text[end : end + 1].isalnum())


def _cover_masked(low: str, secrets: tuple[str, ...], covered: bytearray) -> None:
    """Covers what a server leaves of a key that it masks itself, as in `sk-ab*****yz`."""
    for mask in _MASK.finditer(low):
        for secret in (secret.translate(_LOWER) for secret in secrets if len(secret) >= _SHORTEST):
            most = len(secret)
            left = max((n for n in range(2, most) if low[: mask.start()].endswith(secret[:n])), default=0)
            right = max((n for n in range(2, most) if low.startswith(secret[-n:], mask.end())), default=0)
            if left or right:
                start, end = mask.start() - left, mask.end() + right
                covered[start:end] = b"\1" * (end - start)
