"""Files that are nearly right: changes of bytes, of JSON and of TOML, drawn from a seed.

Here: a content and a generator of random numbers in, another content out. Not here: who reads it (`fuzz.py`).
"""

import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

#: Values where another one belongs.
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 2**31, 2**63, 10**12, 10**23, -(10**23), 10**400, 0.5, -0.0, 1e308, 1e-320,
    float("nan"), float("inf"), "", " ", "a", "0", "null", "\0", "\x1b[31mred\x07", "\x9b2J", "\u202eabc", "\ud800",
    "é" * 300, "x" * 70_000, "../../../outside", "/etc/passwd", "/dev/zero", "{{ 1/0 }}", "{% raw %}", "[red]", "-",
    "~", "topic", "s3://x", [], {}, [[]], [None], [1, "a"], {"": {}}, {"a": [1]}, "2030-01-02T03:04:05Z",
)  # fmt: skip
#: Words that mean something to some reader.
_WORDS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n", b"\r", b"\n", b"\n\n\n", b'"', b'""', b"'", b",",
    b";", b"\t", b"|", b"{", b"}", b"[", b"]", b":", b"=", b"#", b"\\", b"\\u0000", b"\\ud800", b"NaN", b"1e999",
    b"9" * 400, b"-1", b"text", b"label", b"\x1b[2J", b"\x07", "\u202e".encode(), "\u2028".encode(), "\x85".encode(),
    b"[[labels]]", b"[" * 3000, b'{"a":' * 3000, b"PAR1", b"\x80\x04\x95", b"PK\x03\x04", b"\x1f\x8b\x08",
    b"../../../outside", b"a" * 5000,
)  # fmt: skip


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Returns bytes with one to four random changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(_CHANGES)(content, rng)
    return content


def json_changed(content: bytes, rng: random.Random) -> bytes:
    """Returns JSON with one value, name or element changed; bytes that are none are damaged."""
    try:
        value = json.loads(content)
    except ValueError:
        return damaged(content, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _changed(value, rng)
    return json.dumps(value).encode()


def json_lines_changed(content: bytes, rng: random.Random) -> bytes:
    """Returns JSON lines of which some are changed."""
    lines = content.splitlines(keepends=True)
    for _ in range(rng.choice((1, 3, len(lines)))):
        if lines:
            at = rng.randrange(len(lines))
            lines[at] = json_changed(lines[at], rng) + b"\n"
    return b"".join(lines)


def toml_changed(content: bytes, rng: random.Random) -> bytes:
    """Returns TOML in which a value, a name or a line is another one."""
    lines = content.decode("utf-8", "replace").splitlines()
    at = rng.randrange(len(lines)) if lines else 0
    name, equals, _ = lines[at].partition("=") if lines else ("", "", "")
    change = rng.randrange(5)
    if equals and change <= 2:
        lines[at] = f"{name}= {_toml(rng.choice(NASTY))}"
    elif equals and change == 3:
        lines[at] = f"{json.dumps(str(rng.choice(NASTY)))} = 1"
    elif change == 4 and lines:
        lines.insert(rng.randrange(len(lines)), lines[at])
    else:
        del lines[at : at + rng.randint(1, 3)]
    text = "\n".join(lines) + "\n"
    return text.encode("utf-8", "surrogatepass")


def safetensors_changed(content: bytes, rng: random.Random) -> bytes:
    """Returns a weights file whose header, size of header or values are others."""
    if len(content) < 16:
        return damaged(content, rng)
    (size,) = struct.unpack("<Q", content[:8])
    header, values = content[8 : 8 + size], content[8 + size :]
    kind = rng.randrange(5)
    if kind == 0:
        header = json_changed(header, rng)
    elif kind == 1:  # a tensor under another name, of another shape or kind, or none at all
        tensors = json.loads(header)
        name = rng.choice(list(tensors))
        entry = tensors.pop(name)
        if rng.random() < 0.6:
            entry = {
                **entry,
                **rng.choice(({"dtype": "F16"}, {"dtype": "I64"}, {"shape": [1]}, {"data_offsets": [0, 4]})),
            }
            tensors[rng.choice((name, name + "x", ""))] = entry
        header = json.dumps(tensors).encode()
    elif kind == 2:
        return struct.pack("<Q", rng.choice((0, 1, size - 1, size + 1, 2**40, 2**63))) + header + values
    elif kind == 3:  # values that are no numbers
        at = rng.randrange(0, max(1, len(values) - 4)) // 4 * 4
        values = values[:at] + rng.choice((b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f")) + values[at + 4 :]
    else:
        values = values[: rng.randrange(len(values) + 1)]
    return struct.pack("<Q", len(header)) + header + values


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(min(len(changed), rng.choice((1, 3, 30, 300)))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.choice((0, 1, rng.randrange(len(content) + 1), max(0, len(content) - 1)))]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice((rng.choice(_WORDS), rng.randbytes(rng.choice((1, 8, 200))))) + content[at:]


def _delete(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 2, 10, 500)) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at : at + rng.choice((1, 20, 2000))] * rng.choice((2, 50)) + content[at:]


def _word(content: bytes, rng: random.Random) -> bytes:
    """Puts a word in place of another one."""
    words = list(re.finditer(rb"\w+", content[:200_000]))
    if not words:
        return _insert(content, rng)
    found = rng.choice(words)
    return content[: found.start()] + rng.choice(_WORDS) + content[found.end() :]


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (_flip, _cut, _insert, _delete, _repeat, _word, _word)


def _changed(value: Any, rng: random.Random) -> Any:
    """Returns nested JSON with one place changed, at any depth."""
    if isinstance(value, dict) and value:
        name = rng.choice(list(value))
        kind = rng.random()
        rest = {key: item for key, item in value.items() if key != name}
        if kind < 0.08:
            return rest
        if kind < 0.14:
            return {**rest, str(rng.choice(NASTY)): value[name]}
        return {**value, name: _changed(value[name], rng) if rng.random() < 0.8 else rng.choice(NASTY)}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        kind = rng.random()
        if kind < 0.1:
            return value[:at] + value[at + 1 :]
        if kind < 0.2:
            return [*value[: at + 1], *value[at:]]
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(NASTY)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "none"
    if isinstance(value, float):
        return str(value)
    return json.dumps(value) if not isinstance(value, dict) else "{ a = 1 }"
