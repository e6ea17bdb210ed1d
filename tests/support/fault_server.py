"""A real OpenAI-compatible server on loopback that misbehaves on demand, and keeps a journal of what it was asked.

`with FaultServer(faults={"429": 0.1, "half": 0.1}, seed=7) as server:` answers at `server.url`; which request meets
which fault is drawn from the seed, in the order of the requests to `/chat/completions` and `/completions`.
`FaultServer(script=lambda prompt, nth: ...)` decides it for the nth request of a prompt, from 0 on.
Not here: right answers (`fault_answers.py`), the batch API (`fault_batches.py`). `python tests/fault_server.py` serves
until it is killed.

Faults: `429` and `429-wait` (with Retry-After), `500`, `half` (the connection is cut in the body), `closed` (without a
byte), `empty`, `garbage` (not JSON), `shape` (other JSON), `wrong-model`, `hang`, `drip` (a byte at a time, for ever),
`400`, `filter` (400 of a content filter), `refusal`, `length`, any of 401 to 599, and those of `fault_kinds.py` and
`fault_leaks.py`.
"""

import json
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import fault_answers
import fault_leaks
import fault_responses
from fault_batches import Batches

Script = Callable[[str, int], str]
OK = "ok"


@dataclass(kw_only=True)
class Entry:
    """One request: when it came, what it asked, and what it met."""

    path: str
    prompt: str
    fault: str
    body: Any
    authorization: str
    at_s: float = field(default_factory=time.monotonic)


class FaultServer:
    """The server; a context manager that listens on a free port of loopback.

    Args:
        faults: Shares of requests that meet a fault, by its name; the rest are answered.
        script: Decides the fault instead, from the prompt and the number of its earlier requests.
        seed: Of the draw.
        models: What /v1/models lists; None has no such page.
        maker: Its `owned_by`.
        hang_s: How long a hang lasts, in seconds.
        retry_after: The header of `429-wait`.
        unknown: Fields of a request that are refused, and the message of the 400.
        key: The only key that is let in; None asks for none.
        batches: Whether there is a batch API; a job is done when it was looked at `batch_polls` times.
        top_logprobs: First tokens of a chat answer and their log-probabilities; None takes no `logprobs`.
        scores: Whether /v1/completions computes log-probabilities; `forks`: those of tokens one asks for, as vLLM does.
        model_shown: The model that answers name; None is the one asked for.
    """

    def __init__(
        self,
        *,
        faults: Mapping[str, float] | None = None,
        script: Script | None = None,
        seed: int = 0,
        models: Sequence[str] | None = ("tiny",),
        maker: str = "test",
        hang_s: float = 300.0,
        retry_after: str = "0.2",
        unknown: Mapping[str, str] | None = None,
        key: str | None = None,
        batches: bool = True,
        batch_polls: int = 2,
        top_logprobs: Mapping[str, float] | None = None,
        scores: bool = False,
        forks: bool = False,
        model_shown: str | None = None,
        port: int = 0,
    ) -> None:
        self.faults, self.script, self.rng = dict(faults or {}), script, random.Random(seed)
        self.models, self.maker, self.hang_s, self.retry_after = models, maker, hang_s, retry_after
        self.unknown, self.key = dict(unknown or {}), key
        self.batches = Batches(self, polls=batch_polls) if batches else None
        self.top_logprobs, self.model_shown, self.scores, self.forks = top_logprobs, model_shown, scores, forks
        self.text: str | None = None  # what every chat answer says; None is an answer of the prompt's own
        self.say: Callable[[str, int], str] | None = None  # what a chat answer says to a prompt and a seed
        self.journal: list[Entry] = []
        self.lock, self.closing = threading.Lock(), threading.Event()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, prompt: str) -> list[str]:
        """What the requests of one prompt met, in order."""
        return [entry.fault for entry in self.journal if entry.prompt == prompt]

    def good(self) -> list[str]:
        """The prompts that were answered, once for every right answer."""
        return [entry.prompt for entry in self.journal if entry.fault in (OK, "length", "refusal")]

    def draw(self, path: str, prompt: str, body: Any, authorization: str) -> str:
        """Decides and notes what a request meets."""
        with self.lock:
            if self.script is not None:
                fault = self.script(prompt, sum(entry.prompt == prompt for entry in self.journal))
            else:
                names, shares = list(self.faults), list(self.faults.values())
                fault = self.rng.choices([*names, OK], [*shares, max(0.0, 1 - sum(shares))])[0]
            self.journal.append(Entry(path=path, prompt=prompt, fault=fault, body=body, authorization=authorization))
            return fault


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: FaultServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what these tests do; nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer takes 40 ms
    server: _Http

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        owner, (path, _, query) = self.server.owner, self.path.partition("?")
        if not self._may_enter():
            return
        if path == "/v1/models" and owner.models is not None:
            data = [{"id": name, "object": "model", "owned_by": owner.maker} for name in owner.models]
            self._send(200, {"object": "list", "data": data})
        else:
            found = owner.batches.get(path, query) if owner.batches else None
            self._send(200, found) if found is not None else self._error(404, "not found")

    def do_POST(self) -> None:
        owner = self.server.owner
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._may_enter():
            return
        if self.path in ("/v1/chat/completions", "/v1/completions"):
            self._complete(json.loads(content))
        elif owner.batches and self.path == "/v1/files":
            self._send(200, owner.batches.keep(content))
        elif owner.batches and self.path == "/v1/batches":
            job = owner.batches.make(json.loads(content))
            if owner.script is not None and owner.script("batches", len(owner.batches.jobs) - 1) == "closed":
                self.close_connection = True  # it was made, and nobody is told
            else:
                self._send(200, job)
        else:
            self._error(404, "not found")

    def _complete(self, body: Any) -> None:
        owner, is_chat = self.server.owner, self.path.endswith("chat/completions")
        prompt = body["messages"][0]["content"] if is_chat else json.dumps(body["prompt"])
        for name, message in owner.unknown.items():
            if name in body:
                owner.draw(self.path, prompt, body, "refused")
                owner.journal[-1].fault = f"no {name}"
                self._error(400, message)
                return
        fault = owner.draw(self.path, prompt, body, self.headers.get("Authorization", ""))
        if not is_chat and not owner.scores and fault == OK:
            self._error(404, "not found")
        elif fault in (OK, "length", "refusal"):
            self._send(
                200, fault_answers.chat(owner, body, fault) if is_chat else fault_answers.completion(owner, body)
            )
        elif fault == "wrong-model":
            self._send(200, {**fault_answers.chat(owner, body), "model": "another-model"})
        else:
            self._misbehave(fault, body)

    def _misbehave(self, fault: str, body: Any) -> None:
        owner = self.server.owner
        if fault == "429-wait":
            self._error(429, "slow down", headers={"Retry-After": owner.retry_after})
        elif fault == "filter":
            self._error(400, "the prompt was filtered", code="content_filter")
        elif fault.isdigit():
            self._error(int(fault), f"fault {fault}")
        elif fault in ("empty", "garbage", "shape"):
            self._send(200, {"empty": b"", "garbage": b"<html>hello", "shape": b'{"choices": [7]}'}[fault])
        elif fault in ("half", "closed"):
            whole = json.dumps(fault_answers.chat(owner, body)).encode()
            if fault == "half":
                self._head(200, len(whole))
                self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True
        elif fault == "hang":
            owner.closing.wait(owner.hang_s)
            self.close_connection = True
        elif fault == "drip":
            self._head(200, 1_000_000)
            while not owner.closing.wait(0.05):
                self.wfile.write(b" ")
        elif fault in fault_leaks.KINDS:
            kind = fault_leaks.KINDS[fault]
            self._respond(kind(fault_answers.chat(owner, body), self.headers.get("Authorization", ""), body))
        else:
            raise ValueError(fault)

    def _respond(self, response: fault_responses.Response) -> None:
        """Sends a response as it is, a piece at a time."""
        body = response.body() if callable(response.body) else iter([response.body])
        if response.how not in ("raw", "reset"):
            first = b"" if response.how != "length" else next(body)
            headers = {"Content-Type": "application/json", **response.headers}
            if response.how == "length":
                headers["Content-Length"] = str(len(first))
            if response.how == "chunked":
                headers["Transfer-Encoding"] = "chunked"
            self.send_response(response.status, response.phrase)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(first)
        for piece in body:
            is_chunked = response.how == "chunked"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked and piece else piece)
        if response.how == "chunked":
            self.wfile.write(b"0\r\n\r\n")
        if response.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if response.how in ("raw", "reset", "close"):
            self.close_connection = True

    def _may_enter(self) -> bool:
        key = self.server.owner.key
        sent = self.headers.get("Authorization", "")
        if key is None or sent == f"Bearer {key}":
            return True
        self._error(401, f"Incorrect API key provided: {sent.removeprefix('Bearer ')}")  # some really repeat it
        return False

    def _error(self, status: int, message: str, *, code: str | None = None, headers: Any = None) -> None:
        error = {"error": {"message": message, "type": "error", "param": None, "code": code}}
        self._send(status, error, headers=headers)

    def _send(self, status: int, content: Any, *, headers: Mapping[str, str] | None = None) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self._head(status, len(raw), headers or {})
        self.wfile.write(raw)

    def _head(self, status: int, length: int, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()


if __name__ == "__main__":
    with FaultServer(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0) as running:
        print(running.url, flush=True)
        threading.Event().wait()
