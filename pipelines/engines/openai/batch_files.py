"""What the files of a batch job hold: a request per line going in, an answer or an error per line coming out.

Here: cutting calls into jobs, and reading what came back. Not here: the jobs (`batch.py`), requests and answers
of single calls (`chat.py`, `scores.py`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sdc.cache.key import digest
from sdc.pipelines.engines.openai import safe_json, scores
from sdc.pipelines.engines.openai.chat import PATH, Chat
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.tries import is_refusal
from sdc.pipelines.engines.protocol import Call, Reply

#: Half of what OpenAI takes in bytes, and what it takes in requests.
_MOST_BYTES, _MOST_CALLS = 100_000_000, 50_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """Calls that make one job.

    Args:
        positions: Where the calls stand, by the custom id of their line; equal calls share one.
        lines: The job's file.
        tag: What the job is found by.
    """

    positions: Mapping[str, Sequence[int]]
    lines: bytes
    tag: str


async def ask(server: Server, chat: Chat, call: Call) -> Reply:
    """Returns the reply to one call that is asked directly, with the request that its line would hold.

    Raises:
        TryFailed: No usable answer.
        Rejected: A no to this prompt.
        EngineError: The server does not take a setting of the call.
    """
    return _reply(chat, await chat.ask(server, call, optional=_optional(chat, call)), call)


def cut(chat: Chat, calls: Sequence[Call], which: Sequence[int]) -> Iterator[Part]:
    """Yields the calls at the positions `which`, in parts of a size that servers take.

    What a job is found by depends on the calls and the model alone, and not on what was learned about the server.
    """
    positions: dict[str, list[int]] = {}
    lines: list[bytes] = []
    size = 0
    for position in which:
        call = calls[position]
        custom = digest(asdict(call))[:32]
        if custom in positions:
            positions[custom].append(position)
            continue
        body = chat.body(call, optional=_optional(chat, call))
        request = {"custom_id": custom, "method": "POST", "url": f"/v1{PATH}", "body": body}
        line = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        if lines and (size + len(line) > _MOST_BYTES or len(lines) == _MOST_CALLS):
            yield _part(chat, positions, lines)
            positions, lines, size = {}, [], 0
        positions[custom] = [position]
        lines.append(line)
        size += len(line)
    if lines:
        yield _part(chat, positions, lines)


class BatchReplies:
    """The replies in a file of a job, read line by line: `take` is handed each.

    Args:
        chat: How answers are read.
        calls: What was asked.
        part: The job's calls. What is no line of theirs is passed over; a call without a line is missing, and told so.
    """

    def __init__(self, chat: Chat, calls: Sequence[Call], part: Part) -> None:
        self.found: dict[str, Reply] = {}
        self._chat, self._calls, self._part = chat, calls, part

    def take(self, raw: bytes) -> None:
        """Reads a line."""
        try:
            line = safe_json.parse(raw)
        except safe_json.NotJson:
            return
        custom = line.get("custom_id") if isinstance(line, dict) else None
        if isinstance(custom, str) and custom in self._part.positions:
            self.found[custom] = _read(self._chat, line, self._calls[self._part.positions[custom][0]])


def _part(chat: Chat, positions: Mapping[str, Sequence[int]], lines: Sequence[bytes]) -> Part:
    return Part(positions=positions, lines=b"".join(lines), tag=digest([chat.served.name, sorted(positions)]))


def _read(chat: Chat, line: Mapping[str, Any], call: Call) -> Reply:
    response = _dict(line.get("response"))
    body, status = response.get("body"), response.get("status_code")
    if status == 200:
        try:
            return _reply(chat, body, call)
        except TryFailed as failure:
            return replace(failure.came or Reply(finish="failed"), reason=failure.reason)
    error = _dict(_dict(body).get("error")) or _dict(line.get("error"))
    reason = str(error.get("message") or "no reason given")
    no = Rejected(status if isinstance(status, int) else 0, reason, str(error.get("code") or ""))
    return Reply(finish="refused" if is_refusal(no) else "failed", reason=no.reason)


def _optional(chat: Chat, call: Call) -> dict[str, Any]:
    return scores.chat_fields(call, chat.served) if call.choices else {}


def _reply(chat: Chat, raw: Any, call: Call) -> Reply:
    return scores.chat_reply(chat, raw, call) if call.choices else chat.reply(raw, call)


def _dict(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}
