"""Calls as a batch job (/v1/files, /v1/batches): answered within a day, by many providers at half the price.

Here: making a job or finding it again, and waiting for it. Not here: what its files hold (`batch_files.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sdc.errors import EngineError
from sdc.pipelines.engines.openai.batch_files import BatchReplies, Part, ask, cut
from sdc.pipelines.engines.openai.chat import PATH, Chat
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.secrets import scrub
from sdc.pipelines.engines.openai.tries import Tries
from sdc.pipelines.engines.protocol import Call, Reply

_PAGE, _PAGES = 100, 5
_LONGEST_POLL_S = 60.0
#: Jobs end within 24 hours; a server that forgets to end one is not waited for longer than this.
_LONGEST_S = 36 * 3600.0
_RUNNING = ("validating", "in_progress", "finalizing")
_TAG = "sdc"
_AGAIN = "run this again: a job that was made goes on, and is found again"


class BatchJobs:
    """Batch jobs at one server.

    Args:
        server: Where.
        chat: What a call's request is.
        tries: For the requests that make, find and read jobs.
    """

    def __init__(self, server: Server, chat: Chat, tries: Tries) -> None:
        self._server, self._chat, self._tries = server, chat, tries

    async def run(self, calls: Sequence[Call], emit: Callable[[Mapping[int, Reply]], None], *, poll_s: float) -> None:
        """Emits the replies of each job together, in the order of the jobs: what a killed run lacks is whole jobs.

        Jobs of an earlier run that asked the same are taken up. Where there are none, the first call is asked
        directly: what the server does not take is then known now, and not tomorrow.

        Raises:
            EngineError: The server has no batches, or a job failed.
        """
        known = await self._persist(self._known)
        rest = range(len(calls))
        parts = list(cut(self._chat, calls, rest))
        if not any(part.tag in known for part in parts):
            emit({0: await self._tries.reply(lambda: ask(self._server, self._chat, calls[0]))})
            rest = rest[1:]
            parts = list(cut(self._chat, calls, rest))
        jobs = [known.get(part.tag) or await self._start(part) for part in parts]
        for part, job in zip(parts, jobs, strict=True):
            found = await self._finish(calls, part, job, poll_s)
            # A job that was found may be one of which nothing came, or nothing is left.
            if part.tag in known and not any(reply.is_answer for reply in found.values()):
                found = await self._finish(calls, part, await self._start(part), poll_s)
            emit(found)

    # -- making jobs and finding them ---------------------------------------------------------------------------------

    async def _known(self) -> dict[str, Any]:
        """Returns the newest jobs of sdc that run or have answers, by their tags."""
        known: dict[str, Any] = {}
        after = ""
        for _ in range(_PAGES):
            page = await self._server.get(f"/batches?limit={_PAGE}{after}")
            jobs = page.get("data") if isinstance(page, dict) else None
            if not isinstance(jobs, list):
                raise TryFailed("the answer is no list of batches")
            for job in map(_job, jobs):
                metadata = job.get("metadata")
                tag = metadata.get(_TAG) if isinstance(metadata, dict) else None
                if isinstance(tag, str) and (job["status"] in _RUNNING or job.get("output_file_id")):
                    known.setdefault(tag, job)
            if not page.get("has_more") or not jobs:
                break
            after = f"&after={quote(jobs[-1]['id'], safe='')}"
        return known

    async def _start(self, part: Part) -> Any:
        async def store() -> str:
            file = await self._server.upload("sdc.jsonl", part.lines)
            if not isinstance(file, dict) or not isinstance(file.get("id"), str):
                raise TryFailed("the answer is no file")
            return str(file["id"])

        body = {
            "input_file_id": await self._persist(store),
            "endpoint": f"/v1{PATH}",
            "completion_window": "24h",
            "metadata": {_TAG: part.tag},
        }
        asked = False

        async def start() -> Any:
            nonlocal asked
            if asked:  # the try that failed may have made it all the same, and a second one would be paid too
                known = await self._known()
                if part.tag in known:
                    return known[part.tag]
            asked = True
            return _job(await self._server.post("/batches", body))

        return await self._persist(start)

    # -- waiting and reading ------------------------------------------------------------------------------------------

    async def _finish(self, calls: Sequence[Call], part: Part, job: Any, poll_s: float) -> dict[int, Reply]:
        import anyio

        end = time.monotonic() + _LONGEST_S
        name = quote(job["id"], safe="")

        async def look() -> dict[str, Any]:
            return _job(await self._server.get(f"/batches/{name}"))

        while job["status"] in _RUNNING:
            if time.monotonic() > end:
                raise EngineError(f"batch {name} does not end", self._tries.where, "see to it at the server")
            await anyio.sleep(poll_s)
            poll_s = min(poll_s * 1.5, _LONGEST_POLL_S)
            job = await self._persist(look)
        if job["status"] == "failed":
            what = scrub(f"batch {name} failed ({_first_error(job)})")
            raise EngineError(what, self._tries.where, "correct it, or ask without batch_api")
        found: dict[str, Reply] = {}
        for kind in ("error_file_id", "output_file_id"):
            if job.get(kind):
                found |= await self._read(calls, part, str(job[kind]))
        missing = Reply(finish="failed", reason=f"batch {name} ended as {job['status']} without this call")
        return {
            position: found.get(custom, missing) for custom, several in part.positions.items() for position in several
        }

    async def _read(self, calls: Sequence[Call], part: Part, file: str) -> dict[str, Reply]:
        """Returns the replies in a file of the job by custom id; none if the file is gone."""
        path = f"/files/{quote(file, safe='')}/content"
        most = max(self._chat.most_bytes(calls[several[0]]) for several in part.positions.values())
        answers = BatchReplies(self._chat, calls, part)

        async def read() -> dict[str, Reply]:
            await self._server.lines(path, answers.take, num=len(part.positions), most_line=most)
            return answers.found

        try:
            return await self._tries.persist(read)
        except Rejected as no:
            if no.status == 404:
                return {}
            raise EngineError(f"{file} cannot be read ({no.reason})", self._tries.where, _AGAIN) from None
        except TryFailed as failure:
            raise EngineError(f"{file} cannot be read ({failure.reason})", self._tries.where, _AGAIN) from None

    async def _persist(self, ask: Callable[[], Any]) -> Any:
        """Returns what `ask` returns in the end.

        Raises:
            EngineError: The server has no batches, says no, or does not answer.
        """
        try:
            return await self._tries.persist(ask)
        except TryFailed as failure:
            raise EngineError(f"no answer about the batch ({failure.reason})", self._tries.where, _AGAIN) from None
        except Rejected as no:
            if no.status in (404, 405, 501):
                raise EngineError("the server has no batch API", self._tries.where, "ask without batch_api") from None
            fix = "correct it, or ask without batch_api"
            raise EngineError(f"the server says no to a batch ({no.reason})", self._tries.where, fix) from None


def _job(raw: Any) -> dict[str, Any]:
    """Returns the JSON of a job.

    Raises:
        TryFailed: It is something else.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str) or not isinstance(raw.get("status"), str):
        raise TryFailed("the answer is no batch")
    return raw


def _first_error(job: Mapping[str, Any]) -> str:
    errors = job.get("errors")
    listed = errors.get("data") if isinstance(errors, dict) else None
    first = listed[0] if isinstance(listed, list) and listed else None
    return str((first.get("message") if isinstance(first, dict) else None) or "no reason given")
