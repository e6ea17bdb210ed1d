"""A hub on loopback that serves a folder as `owner/name`: enough of its interface for the real client library.

`commits` maps a revision to a commit, `folders` a commit to the folder with its files; both may change while it runs.
"""

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
class FakeHub:
    """What is served, and what was asked for."""

    repo: str = "owner/name"
    url: str = ""
    commits: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """Serves the hub on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(path)
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
