"""More kinds of faults of the fault server, by name, grouped by what sdc has to make of them.

`RIGHT`: the answer is right all the same; `AGAIN`: another try may do; `ROW`: this call has no answer; `STOP`: no call
would have one. Not here: kinds that repeat the key (`fault_leaks.py`).
"""

import gzip
import json
import zlib
from typing import Any

from fault_responses import (
    MIB,
    Kind,
    Response,
    bomb,
    changed,
    choice,
    error,
    long_text,
    message,
    parts_of,
    says,
    sent,
    top,
    without,
    zipper,
)


def _any(*values: Any) -> tuple[Any, ...]:
    return values


def _endless(answer: dict[str, Any], key: str, request: dict[str, Any]) -> Response:
    """Thoughts that take all tokens."""
    cut = {"message": {"role": "assistant", "content": "<think>Let me"}, "finish_reason": "length"}
    usage = {"prompt_tokens": 3, "completion_tokens": request["max_tokens"]}
    return Response(body=json.dumps({**answer, "choices": [{"index": 0, **cut}], "usage": usage}).encode())


_HARMONY = "<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>"

RIGHT: dict[str, Kind] = {
    **{f"finish {word!r}": choice(finish_reason=word) for word in ("STOP", "", "eos", "end_turn", "Stop", "complete")},
    **{
        f"finish {word!r}": choice(finish_reason=word)
        for word in (None, "FinishReason.STOP", "fertig", "stop_token", 7)
    },
    "no finish": changed(lambda answer: answer["choices"][0].pop("finish_reason") and None),
    "no usage": without("usage"),
    **{f"usage {value!r}": top(usage=value) for value in _any(None, "many", [1, 2], {}, 7)},
    **{
        f"usage of {value!r:.12}": top(usage={"prompt_tokens": value, "completion_tokens": value})
        for value in (-1, 2.5, "12", None, 10**400, 1e300, True)
    },
    **{f"model {name!r}": top(model=name) for name in ("tiny-2024-08-06", "tiny:free", "/srv/tiny", "tiny-latest")},
    **{f"model {name!r}": top(model=name) for name in (None, 7, "", "TINY.gguf")},
    "no model": without("model"),
    "parts": message(content=lambda text: [{"type": "text", "text": text}]),
    "parts with thoughts": message(content=parts_of),
    "reasoning_content": message(reasoning_content="Let me see."),
    "reasoning": message(reasoning="Let me see."),
    "think": message(content=lambda text: f"<think>Let me see.</think>\n\n{text}"),
    "thinking": message(content=lambda text: f"<thinking>\nLet me see.\n</thinking>\n{text}"),
    "THINK": message(content=lambda text: f"[THINK]Let me see.[/THINK]{text}"),
    "closing tag": message(content=lambda text: f"Let me see.\n</think>\n{text}"),
    "empty thought": message(content=lambda text: f"<think>\n\n</think>\n\n{text}"),
    "two thoughts": message(content=lambda text: f"<think>a</think><think>b</think>{text}"),
    "channels": message(content=_HARMONY.format),
    "unknown fields": top(extra={"a": [1, 2]}, system_fingerprint=None, service_tier=["x"]),
    "chunked": sent(how="chunked"),
    "gzip": sent(body=gzip.compress, headers={"Content-Encoding": "gzip"}),
    "deflate": sent(body=zlib.compress, headers={"Content-Encoding": "deflate"}),
    "gzip chunked": sent(body=gzip.compress, headers={"Content-Encoding": "gzip"}, how="chunked"),
    "until the end": sent(how="close"),
    "blanks around": sent(body=lambda body: b" \r\n\t" * 500 + body + b"\n" * 500),
    "a mark in front": sent(body=lambda body: b"\xef\xbb\xbf" + body),
    "UTF-16": sent(body=lambda body: body.decode().encode("utf-16")),
    "names twice": sent(body=lambda body: b'{"object": "chat.completion", ' + body[1:]),
    "text/html": sent(headers={"Content-Type": "text/html"}),
    "cookies": sent(headers={"Set-Cookie": "a=b; Path=/; Domain=example.com"}),
    "201": sent(status=201, phrase="Created"),
    "another phrase": sent(phrase="F\xe4hig"),
}
AGAIN: dict[str, Kind] = {
    **{str(status): error(status) for status in (408, 409, 425, 429, 500, 502, 503, 504, 520, 529, 599)},
    **{
        f"wait {value!r:.20}": error(429, headers={"Retry-After": value})
        for value in ("0.1", "-5", "soon", "nan", "1e400", "Wed, 21 Oct 2015 07:28:00 GMT", "9" * 400, "")
    },
    "wait in ms": error(503, headers={"retry-after-ms": "50"}),
    "500 of html": says(b"<html>" + b"x" * 100_000, status=500),
    "500 without a word": says(status=500),
    "500 of a bomb": says(bomb(zipper(31), 512 * MIB), status=500, headers={"Content-Encoding": "gzip"}, how="chunked"),
    "error in a 200": top(choices=None, error={"message": "overloaded"}),
    "204": says(status=204),
    "blanks": says(b"  \n "),
    "html": says(b"<html>sign in</html>"),
    "half JSON": sent(body=lambda body: body[: len(body) // 2]),
    "not UTF-8": says(b'{"choices": "\xff\xfe\xff"}'),
    **{f"JSON {text[:12]}": says(text.encode()) for text in ("null", "7", '"text"', "[]", "[[]]", "{}", "NaN")},
    **{f"choices {value!r}": top(choices=value) for value in _any(None, [], {}, [None], [[]], "x", [{}])},
    **{f"message {value!r}": choice(message=value) for value in _any(None, "text", [], 7)},
    **{f"content {value!r:.20}": message(content=value) for value in _any(None, "", " \n", 7, {"a": 1}, [], [7, None])},
    "thoughts alone": message(content="<think>Let me see.</think>"),
    "a thought apart, no answer": message(content=None, reasoning_content="Let me see."),
    **{f"finish {word!r}": choice(finish_reason=word) for word in ("error", "abort", "tool_calls", "network_error")},
    "names that differ": sent(body=lambda body: body[:-1] + b', "choices": []}'),
    "deep": says(b'{"choices": ' + b"[" * 200_000),
    "deep and whole": says(b'{"choices": ' + b"[" * 900 + b"]" * 900 + b"}"),
    "401 digits": sent(body=lambda body: b'{"choices": ' + b"1" * 401 + b"}"),
    "5000 digits": sent(body=lambda body: b'{"choices": ' + b"1" * 5_000 + b"}"),
    "50 MB": says(long_text(50 * MIB), how="chunked"),
    "50 MB at once": lambda answer, key, request: Response(body=b"".join(long_text(50 * MIB)())),
    "no end": says(long_text(4096 * MIB), how="chunked"),
    "gzip bomb": says(bomb(zipper(31), 1024 * MIB), headers={"Content-Encoding": "gzip"}, how="chunked"),
    "deflate bomb": says(bomb(zipper(15), 1024 * MIB), headers={"Content-Encoding": "deflate"}, how="chunked"),
    "gzip twice": sent(body=lambda b: gzip.compress(gzip.compress(b)), headers={"Content-Encoding": "gzip, gzip"}),
    "brotli": says(b"\x0b\x02\x80", headers={"Content-Encoding": "br"}),
    "zstd": says(b"\x28\xb5\x2f\xfd", headers={"Content-Encoding": "zstd"}),
    "no gzip": sent(headers={"Content-Encoding": "gzip"}),
    "half gzip": sent(body=lambda body: gzip.compress(body)[:-20], headers={"Content-Encoding": "gzip"}),
    "header bomb": says(headers={"X-Long": "x" * 500_000}),
    "many headers": says(headers={f"X-{number}": "x" * 100 for number in range(5_000)}),
    "no head": says(b"hello\r\n", how="raw"),
    "noise": says(bytes(range(256)) * 4, how="raw"),
    "status 999": says(b"HTTP/1.1 999999 OK\r\n\r\n", how="raw"),
    "no such version": says(b"HTTP/9.9 200 OK\r\n\r\n", how="raw"),
    "a header without a colon": says(b"HTTP/1.1 200 OK\r\nhello\r\n\r\n", how="raw"),
    "a bad chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n", how="raw"),
    "a huge chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nx", how="raw"),
    "a negative length": says(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", how="raw"),
    "too long a length": says(b'HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{"choices"', how="raw"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nhello", how="raw"),
    "reset": says(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"choi', how="reset"),
}
ROW: dict[str, Kind] = {
    **{str(status): error(status) for status in (400, 406, 410, 413, 414, 415, 418, 422, 431, 451)},
    "400 without a word": says(status=400),
    "400 of a list": says(b'{"error": [1, 2]}', status=400),
    "400 of a depth": says(b'{"error": {"message": ' + b"[" * 500 + b"]" * 500 + b"}}", status=400),
    "400 of a novel": error(400, "long " * 100_000),
    "400 with escapes": error(400, "\x1b[31mred\x07\x9b1m\u202e"),
    "filtered": error(400, "the prompt was filtered", code="content_filter"),
    "flagged": error(403, "the prompt was flagged by moderation"),
    "refused": message(content=None, refusal="I will not write that."),
    **{f"finish {word!r}": choice(finish_reason=word) for word in ("content_filter", "SAFETY", "refusal")},
    "thoughts that do not end": _endless,
}
STOP: dict[str, Kind] = {
    **{str(status): error(status) for status in (401, 402, 403, 404, 405, 407)},
    "an empty account": error(429, "you have no money", code="insufficient_quota"),
    "moved": says(status=301, headers={"Location": "/elsewhere"}),
    "moved for ever": says(status=308, headers={"Location": "/v1/chat/completions"}),
    "moved nowhere": says(status=302),
    "moved badly": says(status=307, headers={"Location": "http://[::1"}),
    "all by another": top(model="another-model"),
}
KINDS: dict[str, Kind] = {
    f"{group}: {name}": kind
    for group, kinds in {"right": RIGHT, "again": AGAIN, "row": ROW, "stop": STOP}.items()
    for name, kind in kinds.items()
}
