"""Small files that a person names: read whole, and never waited for."""

import errno
from pathlib import Path

from sdc.errors import DataError

MAX_BYTES = 2**22


def waits(path: Path) -> bool:
    """Returns whether a file is a named pipe: opening it waits for ever where nobody is at its other end.

    What a shell makes (`/dev/stdout`, `>(command)`) has somebody there.
    """
    return path.is_fifo() and not str(path).startswith(("/dev/", "/proc/"))


def content(path: Path) -> bytes:
    """Returns the bytes of a task, a price table or the like.

    Raises:
        OSError: It cannot be read, is a pipe or a device, which might never end, or has more than `MAX_BYTES`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    with path.open("rb") as file:
        found = file.read(MAX_BYTES + 1)
    if len(found) > MAX_BYTES:
        raise OSError(errno.EINVAL, f"it is larger than {MAX_BYTES // 2**20} MiB", str(path))
    return found


def text(path: Path, what: str) -> str:
    """Returns the text of a file in UTF-8, with or without its mark of byte order.

    Args:
        path: The file.
        what: What it holds, as an error says it: `the claims`.

    Raises:
        DataError: It cannot be read, as `content` says, or is not UTF-8.
    """
    try:
        return content(path).decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read {what} ({error.strerror})", str(path)[:200], "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read {what} (it is not UTF-8)", str(path), "save it as UTF-8") from error
