"""A hub on loopback that serves a folder as `owner/name`, and takes what is pushed: enough for the real client library.

`commits` maps a revision to a commit, `folders` a commit to the folder with its files; both may change while it runs.
What is pushed with the token `token` stands in `pushed`.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(kw_only=True)
class Pushed:
    """A repository that was made by a push: path -> content, and the messages of its commits."""

    kind: str
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class FakeHub:
    """What is served, what was asked for, and what was pushed."""

    repo: str = "owner/name"
    url: str = ""
    commits: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    token: str = "hf_good"
    pushed: dict[str, Pushed] = field(default_factory=dict)
    refuses: str = "nothing"  # a part of a path that is answered with `refusal`, and the token
    refusal: int = 403
    objects: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves the hub on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_POST(self) -> None:
            self._take()

        def do_PUT(self) -> None:
            self._take()

        def _take(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            is_known = self.headers.get("Authorization") == f"Bearer {hub.token}" or path.startswith("/object/")
            status = 401 if not is_known else hub.refusal if hub.refuses in path else 200
            refused = {"error": f"This is refused: {self.headers.get('Authorization')}"}
            value = _taken(hub, path, content) if status == 200 else refused
            said = {"error": "You already created this repo"} if value is None else value
            self._send(json.dumps(said).encode(), status=409 if value is None else status)

        def _send(self, content: bytes, *, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(path)
            repo = path.removeprefix("/api/models/").removeprefix("/api/datasets/")
            if repo in hub.pushed:
                self._send_json({"id": repo, "sha": "0" * 40, "private": hub.pushed[repo].private}, body)
                return
            api, files = f"/api/models/{hub.repo}", f"/{hub.repo}/resolve/"
            if path.startswith(f"{api}/revision/"):
                self._send_json({"id": hub.repo, "sha": self._commit(path.removeprefix(f"{api}/revision/"))}, body)
            elif path.startswith(f"{api}/tree/"):
                folder = hub.folders.get(self._commit(path.removeprefix(f"{api}/tree/")) or "")
                entries = [
                    {"type": "file", "path": file.relative_to(folder).as_posix(), "size": file.stat().st_size,
                     "oid": _digest(file)}
                    for file in sorted(folder.rglob("*")) if file.is_file()
                ] if folder else None  # fmt: skip
                self._send_json(entries, body)
            elif path.startswith(files):
                commit, _, name = path.removeprefix(files).partition("/")
                self._send_file(hub.folders.get(commit, Path("/nowhere")) / name, commit, body)
            else:
                self._send_json(None, body)

        def _commit(self, revision: str) -> str | None:
            return hub.commits.get(revision, revision if revision in hub.folders else None)

        def _send_json(self, value: object, body: bool) -> None:
            is_known = value is not None and value != {"id": hub.repo, "sha": None}
            content = json.dumps(value if is_known else {"error": "Repository not found"}).encode()
            self.send_response(200 if is_known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def _send_file(self, file: Path, commit: str, body: bool) -> None:
            if not file.is_file():
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", commit)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = file.read_bytes()
            self.send_response(200)
            for name, value in (("ETag", f'"{_digest(file)}"'), ("X-Repo-Commit", commit), ("Accept-Ranges", "bytes"),
                                ("Content-Length", str(len(content)))):  # fmt: skip
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def _taken(hub: FakeHub, path: str, content: bytes) -> object:
    """Returns what the hub says to what is sent; None for a repository that is there already."""
    if path.startswith("/object/"):
        hub.objects[path.removeprefix("/object/")] = content
        return {}
    if path == "/api/validate-yaml":
        return {"warnings": []}
    if path == "/api/repos/create":
        asked = json.loads(content)
        repo = f"{asked['organization']}/{asked['name']}"
        if repo in hub.pushed:
            return None
        private = asked.get("private", asked.get("visibility") == "private")
        hub.pushed[repo] = Pushed(kind=asked.get("type", "model"), private=private)
        return {"url": f"{hub.url}/{repo}"}
    if path.endswith("/info/lfs/objects/batch"):
        objects = [
            {**each, "actions": {"upload": {"href": f"{hub.url}/object/{each['oid']}"}}}
            for each in json.loads(content)["objects"]
        ]
        return {"transfer": "basic", "objects": objects}
    repo = "/".join(path.split("/")[3:5])
    if "/preupload/" in path:
        names = [each["path"] for each in json.loads(content)["files"]]
        modes = {name: "regular" if name.endswith((".md", ".json")) else "lfs" for name in names}
        return {"files": [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]}
    assert "/commit/" in path, path
    for line in map(json.loads, content.splitlines()):
        value = line["value"]
        if line["key"] == "header":
            hub.pushed[repo].messages.append(value["summary"])
        elif line["key"] == "file":
            hub.pushed[repo].files[value["path"]] = base64.b64decode(value["content"])
        else:
            hub.pushed[repo].files[value["path"]] = hub.objects[value["oid"]]
    return {"commitUrl": f"{hub.url}/{repo}/commit/1", "commitOid": "1" * 40, "success": True}
