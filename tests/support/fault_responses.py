"""Responses of the fault server that are made byte by byte if need be.

A kind is a function from a request to a `Response`. Here: what kinds are made of. Not here: the kinds
(`fault_kinds.py`, `fault_leaks.py`), sockets (`fault_server.py`).
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Response:
    """What goes over the line.

    Args:
        body: Bytes, or pieces that are sent one by one.
        status: HTTP status.
        phrase: The reason phrase.
        headers: Beside Content-Type and Content-Length.
        how: `length` (with Content-Length), `chunked`, `close` (until the connection ends), `raw` (the body is all that
            is sent, with what stands in it for a head), `reset` (the connection is reset behind it).
    """

    body: bytes | Callable[[], Iterator[bytes]] = b""
    status: int = 200
    phrase: str = "OK"
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "length"


#: From the right answer, the key that was sent, and the request's JSON to a response.
Kind = Callable[[dict[str, Any], str, dict[str, Any]], Response]


def changed(change: Callable[[dict[str, Any]], Any]) -> Kind:
    """A right answer that `change` changes in place, or something else that it returns."""

    def kind(answer: dict[str, Any], key: str, request: dict[str, Any]) -> Response:
        other = change(answer)
        return Response(body=json.dumps(answer if other is None else other).encode())

    return kind


def choice(**fields: Any) -> Kind:
    """A right answer whose choice has other fields."""
    return changed(lambda answer: answer["choices"][0].update(fields))


def message(**fields: Any) -> Kind:
    """A right answer whose message has other fields; a function makes one from its text."""

    def change(answer: dict[str, Any]) -> None:
        mine = answer["choices"][0]["message"]
        text = mine["content"]
        mine.update({name: value(text) if callable(value) else value for name, value in fields.items()})

    return changed(change)


def top(**fields: Any) -> Kind:
    """A right answer without fields of its own at the top, or with others."""
    return changed(lambda answer: {**answer, **fields})


def without(name: str) -> Kind:
    """A right answer that lacks something at the top."""
    return changed(lambda answer: {key: value for key, value in answer.items() if key != name})


def sent(**how: Any) -> Kind:
    """The right answer, sent in another way; a function makes the body from its bytes."""

    def kind(answer: dict[str, Any], key: str, request: dict[str, Any]) -> Response:
        body = json.dumps(answer).encode()
        make = how.get("body")
        return replace(Response(**{**how, "body": body}), body=make(body) if make else body)

    return kind


def says(body: Any = b"", **how: Any) -> Kind:
    """Other bytes instead of the answer."""
    return lambda answer, key, request: Response(body=body, **how)


def error(status: int, message: Any = "something is wrong", **more: Any) -> Kind:
    """An error as OpenAI words it."""
    headers = more.pop("headers", {})
    body = {"error": {"message": message, "type": "error", "param": None, "code": None, **more}}
    return lambda answer, key, request: Response(status=status, body=json.dumps(body).encode(), headers=headers)


def bomb(pack: Callable[[bytes], Any], size: int) -> Callable[[], Iterator[bytes]]:
    """Yields so many spaces, packed: one block of them, again and again."""

    @cache
    def parts() -> tuple[bytes, bytes]:
        packer = pack(b"")
        first, second = (packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
        return first, second

    def pieces() -> Iterator[bytes]:
        first, block = parts()
        yield first
        for _ in range(size // MIB):
            yield block

    return pieces


def long_text(size: int) -> Callable[[], Iterator[bytes]]:
    """Yields the beginning of an answer and then so many letters."""

    def pieces() -> Iterator[bytes]:
        yield b'{"choices": [{"message": {"content": "'
        for _ in range(size // MIB):
            yield b"x" * MIB
        yield b'"}, "finish_reason": "stop"}]}'

    return pieces


def parts_of(text: str) -> list[dict[str, str]]:
    return [{"type": "thinking", "thinking": "Let me see."}, {"type": "text", "text": text}]


def zipper(wbits: int) -> Callable[[bytes], Any]:
    return lambda data: zlib.compressobj(1, zlib.DEFLATED, wbits)
