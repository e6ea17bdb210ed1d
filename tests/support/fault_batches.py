"""The batch API of the fault server: files and jobs in memory. A job is run when it was looked at often enough.

Every line of a job meets a fault as a request does; there are three more: `expired` (the job ends before this line),
`missing` (no line comes back) and `garbage` (a line that is not JSON).
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import fault_answers

if TYPE_CHECKING:
    from fault_server import FaultServer

_PAGE = 2  # short pages, so that they are turned


class Batches:
    """Files and jobs.

    Args:
        owner: Decides what lines meet, and answers them.
        polls: How often a job must be looked at until it is done.
    """

    def __init__(self, owner: "FaultServer", *, polls: int) -> None:
        self.owner, self.polls = owner, polls
        self.files: dict[str, bytes] = {}
        self.jobs: list[dict[str, Any]] = []

    def keep(self, form: bytes) -> dict[str, Any]:
        """Keeps the file in a form: the one part whose lines are JSON objects."""
        with self.owner.lock:
            name = f"file-{len(self.files)}"
            self.files[name] = b"\n".join(line for line in form.splitlines() if line.startswith(b"{"))
        return {"id": name, "object": "file"}

    def make(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a job."""
        with self.owner.lock:
            self.jobs.append({**body, "id": f"batch_{len(self.jobs)}", "status": "validating", "polls": 0})
        return self.jobs[-1]

    def get(self, path: str, query: str) -> Any:
        """What lies at a path: the jobs, a job, or a file; None if there is nothing."""
        name = path.removesuffix("/content").rpartition("/")[2]
        if path == "/v1/batches":
            newest = list(reversed(self.jobs))
            after = dict(part.partition("=")[::2] for part in query.split("&")).get("after")
            start = next((i + 1 for i, job in enumerate(newest) if job["id"] == after), 0)
            page = newest[start : start + _PAGE]
            return {"object": "list", "data": page, "has_more": start + _PAGE < len(newest)}
        if path.startswith("/v1/batches/"):
            job = next((job for job in self.jobs if job["id"] == name), None)
            return None if job is None else self._look(job)
        return self.files.get(name) if path.endswith("/content") else None

    def _look(self, job: dict[str, Any]) -> dict[str, Any]:
        job["polls"] += 1
        if job["status"] == "validating":
            job["status"] = "in_progress"
        if job["status"] == "in_progress" and job["polls"] >= self.polls:
            self._run(job)
        return job

    def _run(self, job: dict[str, Any]) -> None:
        good: list[Any] = []
        bad: list[Any] = []
        status = "completed"
        for raw in self.files[job["input_file_id"]].splitlines():
            line = json.loads(raw)
            custom, body = line["custom_id"], line["body"]
            fault = self.owner.draw("batch", body["messages"][0]["content"], body, "")
            if fault == "expired":
                status = "expired"
                bad.append({"custom_id": custom, "error": {"code": "batch_expired", "message": "too late"}})
            elif fault == "garbage":
                good.append("no JSON")
            elif fault in ("ok", "length", "refusal"):
                good.append(_line(custom, 200, fault_answers.chat(self.owner, body, fault)))
            elif fault != "missing":
                code = "content_filter" if fault == "filter" else None
                bad.append(_line(custom, 400, {"error": {"message": f"fault {fault}", "code": code}}))
        for kind, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                job[kind] = f"{job['id']}-{kind}"
                texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
                self.files[job[kind]] = "\n".join(texts).encode()
        job["status"] = status


def _line(custom: str, status: int, body: Any) -> dict[str, Any]:
    return {"custom_id": custom, "response": {"status_code": status, "request_id": "r", "body": body}, "error": None}
