"""A folder as a repository of the Hugging Face hub: private unless it is said otherwise, in one commit.

Here: what is sent, the token, one error for all that can go wrong. Not here: what stands in the folder (`export/`),
fetching (`engines/hub.py`).
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, UsageError, first_line
from sdc.pipelines.engines.openai.secrets import TOKEN, scrub

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class SharedFile:
    """One file of a repository: its path in it, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Where a folder goes.

    Args:
        repo: `ORG/NAME`.
        kind: `model` or `dataset`.
        public: Everybody may see it.
        update: The repository may be there already: the files are added to it in a new commit.
    """

    repo: str
    kind: str = "model"
    public: bool = False
    update: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.repo) or ".." in self.repo or "--" in self.repo:
            raise UsageError(f"{self.repo[:80]!r} is no repository", "--push", "give it as ORG/NAME")


def check() -> None:
    """Raises a UsageError where there is no token to push with, before anything is made that is to be pushed."""
    _token()


def files(folder: Path) -> list[SharedFile]:
    """Returns what is sent of a folder, by path: every file in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return [SharedFile(path=path.relative_to(folder).as_posix(), size=path.stat().st_size) for path in found]


def push(folder: Path, where: Shared, *, message: str) -> str:
    """Sends a folder, and returns the URL of the repository.

    Args:
        folder: What is sent, all of it.
        where: The repository; it is made if it is not there.
        message: Of the commit.

    Raises:
        UsageError: There is no token in the environment.
        EngineError: The hub cannot be reached or refuses it, or the repository is there and must not be changed.
    """
    token, sent = _token(), files(folder)
    from huggingface_hub import CommitOperationAdd, HfApi

    # The client remembers where the hub was when it was imported.
    endpoint = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    api = HfApi(endpoint=endpoint, token=token)
    with _quiet(), _as_ours(where):
        made = _made(api, where)
    operations = [CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=folder / file.path) for file in sent]
    with _quiet(), _as_ours(where, made=made):
        api.create_commit(where.repo, operations, repo_type=where.kind, commit_message=message)
    return f"{endpoint}/{'datasets/' if where.kind == 'dataset' else ''}{where.repo}"


def _made(api: Any, where: Shared) -> bool:
    """Returns whether the repository was made now; one that is there may be changed, and hides what it is to hide.

    Raises:
        EngineError: It is there, and must not be changed, or everybody sees it.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_repo(where.repo, repo_type=where.kind, private=not where.public)
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
    else:
        return True
    if not where.update:
        fix = "name another one, or add a commit to it with --force"
        raise EngineError("the repository is there already", where.repo, fix)
    if not where.public and not api.repo_info(where.repo, repo_type=where.kind).private:
        raise EngineError("the repository is public", where.repo, "make it private on the hub, or give --public")
    return False


def _token() -> str:
    """Returns the token from the environment; one that a login has left on this machine is not taken.

    Raises:
        UsageError: There is none, or it holds characters that cannot be sent: a client would show it in its error.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not re.fullmatch(r"[!-~]+", token):
        what = "holds spaces or characters that no token has" if token else "is not set"
        raise UsageError(f"${TOKEN} {what}", "--push", f"set {TOKEN} to a token that may write; see the hub's settings")
    return token


@contextmanager
def _as_ours(where: Shared, *, made: bool = False) -> Iterator[None]:
    """Makes one line of whatever the client raises: the hub's, the network's and the disk's errors share no class."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        fix = {
            401: f"set {TOKEN} to a token that is valid",
            403: f"set {TOKEN} to a token that may write there",
        }.get(status or 0, "check the network and the name, and try again")
        left = " (the repository is made, and empty: add --force)" if made else ""
        raise EngineError(f"cannot push ({_reason(error, status)}){left}", where.repo, fix) from error


def _reason(error: BaseException, status: int | None) -> str:
    known: dict[int, str] = {401: "the hub does not know the token", 403: "the token may not write there"}
    said = getattr(error, "server_message", None) or error  # the client's own words begin with an address
    return known.get(status or 0) or scrub(first_line(said, most=None), most=160)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the progress bars, log lines and warnings of the client from the terminal."""
    import logging
    import warnings
    from importlib import import_module

    client: Any = import_module("huggingface_hub.utils")
    level, hidden = client.logging.get_verbosity(), client.are_progress_bars_disabled()
    client.logging.set_verbosity(logging.CRITICAL)
    client.disable_progress_bars()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        client.logging.set_verbosity(level)
        if not hidden:
            client.enable_progress_bars()


def total(sent: Sequence[SharedFile]) -> int:
    """Returns the size of files together, in bytes."""
    return sum(file.size for file in sent)
