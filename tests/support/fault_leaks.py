"""Kinds of faults in which a server repeats the key that it was sent, in every place and form that there is."""

import base64
import html
import json
import urllib.parse
from collections.abc import Callable
from typing import Any

import fault_kinds
from fault_responses import Kind, Response, error

#: Forms of a key, in which it must not be found anywhere.
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "bearer": lambda key: f"Authorization: Bearer {key}",
    "upper": str.upper,
    "percent": lambda key: urllib.parse.quote(key, safe=""),
    "percent twice": lambda key: urllib.parse.quote(urllib.parse.quote(key, safe=""), safe=""),
    "json": lambda key: json.dumps(json.dumps({"key": key}))[1:-1],
    "unicode": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "html": lambda key: html.escape(key),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "basic": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "base64 url": lambda key: base64.urlsafe_b64encode(f"Bearer {key}".encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "beginning": lambda key: f"no such key {key[: len(key) // 2]}",
    "end": lambda key: f"no such key {key[len(key) // 2 :]}",
    "masked": lambda key: f"Incorrect API key provided: {key[:6]}{'*' * 20}{key[-4:]}.",
    "url": lambda key: f"http://user:{key}@proxy.example/v1?key={key}",
}


def _of(authorization: str) -> str:
    return authorization.removeprefix("Bearer ")


def _in_error(status: int, form: Callable[[str], str]) -> Kind:
    return lambda answer, key, request: error(status, form(_of(key)))(answer, key, request)


def _in_answer(change: Callable[[dict[str, Any], str], Any]) -> Kind:
    def kind(answer: dict[str, Any], key: str, request: dict[str, Any]) -> Response:
        change(answer, _of(key))
        return Response(body=json.dumps(answer).encode())

    return kind


def _said(**fields: str) -> Kind:
    """A message whose fields are templates for the key."""
    return _in_answer(
        lambda answer, key: answer["choices"][0]["message"].update(
            {name: text.format(key) for name, text in fields.items()}
        )
    )


def _with(make: Callable[[str], Response]) -> Kind:
    return lambda answer, key, request: make(_of(key))


LEAKS: dict[str, Kind] = {
    **{f"400 {name}": _in_error(400, form) for name, form in FORMS.items()},
    **{f"500 {name}": _in_error(500, form) for name, form in FORMS.items()},
    "401": _in_error(401, FORMS["masked"]),
    "phrase of a 400": _with(lambda key: Response(status=400, phrase=f"No {key}")),
    "phrase of a 500": _with(lambda key: Response(status=500, phrase=f"No {key}", body=b"<html>")),
    "phrase of a 403": _with(lambda key: Response(status=403, phrase=f"No {key}")),
    "retry-after": _with(lambda key: Response(status=503, phrase=key, headers={"Retry-After": key})),
    "location": _with(lambda key: Response(status=302, headers={"Location": f"http://{key}@127.0.0.1:9/{key}"})),
    "location of a host": _with(lambda key: Response(status=308, headers={"Location": f"http://{key}.invalid/"})),
    "cookie": _with(lambda key: Response(status=500, headers={"Set-Cookie": f"key={key}"})),
    "encoding": _with(lambda key: Response(body=b"x", headers={"Content-Encoding": key})),
    "type": _with(lambda key: Response(status=400, headers={"Content-Type": key})),
    "param": lambda answer, key, request: error(400, "no", param=_of(key), code=_of(key))(answer, key, request),
    "nested": lambda answer, key, request: error(400, {"a": [{"b": _of(key)}]})(answer, key, request),
    "name of a field": lambda answer, key, request: error(400, {_of(key): 1})(answer, key, request),
    "error in a 200": _with(lambda key: Response(body=json.dumps({"error": {"message": key}}).encode())),
    "answer": _said(content="The key is {}."),
    "answer in base64": _in_answer(
        lambda answer, key: answer["choices"][0]["message"].update(content=FORMS["basic"](key))
    ),
    "refusal": _said(refusal="I will not use {}."),
    "reasoning": _said(reasoning_content="I was sent {}."),
    "finish": _in_answer(lambda answer, key: answer["choices"][0].update(finish_reason=key)),
    "name in a message": _in_answer(lambda answer, key: answer["choices"][0].update(message={key: 1})),
    "model": _in_answer(lambda answer, key: answer.update(model=key)),
    "usage": _in_answer(lambda answer, key: answer.update(usage={key: key})),
    "garbage": _with(lambda key: Response(body=f"<html>{key}".encode())),
    "status line": _with(lambda key: Response(body=f"HTTP/1.1 {key}\r\n\r\n".encode(), how="raw")),
    "no head": _with(lambda key: Response(body=f"{key}: {key}\r\n\r\n".encode(), how="raw")),
}
KINDS: dict[str, Kind] = {**fault_kinds.KINDS, **{f"leak: {name}": kind for name, kind in LEAKS.items()}}
