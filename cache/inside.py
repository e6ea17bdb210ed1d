"""Names out of a store become paths here and nowhere else: inside one folder, whatever the name says.

A store can come from somebody else (`sdc store merge`, a folder that was handed over), so a name in it is data: it must
not reach a file outside, on no file system and through no link. Here: what a name may be, and the two ways to use one.
"""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from sdc.errors import StoreError

_DIGEST = re.compile(r"[0-9a-f]{64}")
#: What Windows opens as a device, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_UNTRUE = "sdc wrote no such name: use this store only if you know who made it"


def is_digest(text: object) -> bool:
    """Returns whether `text` is a sha256 as sdc writes it: 64 hexadecimal digits, lower case.

    >>> is_digest("ab" * 32), is_digest("../" + "a" * 61)
    (True, False)
    """
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def fault(name: str) -> str | None:
    r"""Returns why `name` is no name of a file inside a folder, or None.

    >>> fault("model.safetensors"), fault("1_Pooling/config.json")
    (None, None)
    >>> fault("../x"), fault("/etc/passwd"), fault("c:x"), fault("a\\b"), fault("")
    ('leaves its folder', 'is absolute', 'has a colon', 'has a backslash', 'is empty')
    """
    for found, what in (
        (not name, "is empty"),
        (name.startswith("/"), "is absolute"),
        ("\\" in name, "has a backslash"),
        (":" in name, "has a colon"),
        (any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name), "has a control character"),
        (
            any(len(part.encode("utf-8", "replace")) > 255 for part in name.split("/")) or len(name) > 1024,
            "is too long",
        ),
        (".." in name.split("/"), "leaves its folder"),
        (any(part in ("", ".") for part in name.split("/")), "has an empty part"),
        (any(part[-1:] in (".", " ") for part in name.split("/")), "has a part that ends with a full stop or blank"),
        (any(_DEVICES.fullmatch(part) for part in name.split("/")), "is a device"),
    ):
        if found:
            return what
    return None


def faults(names: Iterable[str]) -> list[str]:
    """Returns what is wrong with the names of one folder, a line per name: each alone, and two that are one file.

    >>> faults(["a.json", "A.json", "a.json/b"])
    ["'A.json' is the same file as 'a.json' on some machines", "'a.json/b' lies in the file 'a.json'"]
    """
    found, seen = [], dict[str, str]()
    for name in names:
        what = fault(name)
        if what is not None:
            found.append(f"{name[:80]!r} {what}")
            continue
        alike = _alike(name)
        if alike in seen:
            found.append(f"{name[:80]!r} is the same file as {seen[alike][:80]!r} on some machines")
        seen.setdefault(alike, name)
    for alike, name in seen.items():
        folders = [alike[:end] for end, sign in enumerate(alike) if sign == "/"]
        found += [f"{name[:80]!r} lies in the file {seen[other][:80]!r}" for other in folders if other in seen]
    return found


def new_file(folder: Path, name: str) -> Path:
    """Returns where a file of that name can be made below `folder`; folders on the way are made.

    Raises:
        StoreError: The name leaves the folder, is taken, or a link leads out of it.
    """
    path = _checked(folder, name)
    for parent in (*reversed(path.relative_to(folder).parents[:-1]),):
        if (folder / parent).is_symlink():
            raise StoreError(f"a link stands in the way of the file {name[:80]!r}", str(folder), _UNTRUE)
        (folder / parent).mkdir(exist_ok=True)
    if os.path.lexists(path):
        raise StoreError(f"two files are called {name[:80]!r}", str(folder), _UNTRUE)
    return path


def old_file(folder: Path, name: str) -> Path:
    """Returns the regular file of that name below `folder`.

    Raises:
        StoreError: The name leaves the folder, or a link leads out of it.
        FileNotFoundError: There is no such file, or it is a folder, a pipe, a device.
    """
    path = _checked(folder, name)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"the file {name[:80]!r} is a link that leaves its folder", str(folder), _UNTRUE)
    if not path.is_file():
        raise FileNotFoundError(path)
    return path


def _checked(folder: Path, name: str) -> Path:
    what = fault(name)
    if what is not None:
        raise StoreError(f"the file name {name[:80]!r} {what}", str(folder), _UNTRUE)
    return folder / name


def _alike(name: str) -> str:
    """Returns what file systems without case, or with one Unicode form, take a name for."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
