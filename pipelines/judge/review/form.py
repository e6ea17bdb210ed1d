"""The file that a review page saves: what one person said of each text.

Here: reading it, and what can be wrong with it by itself. Not here: whether the store knows what it is about
(`judgement.py`), how it is written (`page.js`).
"""

import json
import re
import stat
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdc.errors import DataError, UsageError, system_reason
from sdc.pipelines.judge.review import FORMAT, MAX_NAME_CHARS, REASONS, VERSION
from sdc.pipelines.text.folding import one_line

#: 10,000 rows, each with a long comment and a long corrected text, stay far below.
MAX_BYTES = 2**26
_MAX_TEXT_CHARS = 100_000
DECISIONS = ("accept", "reject")
_AGAIN = "save it again from the page"
#: Names in Telugu, Persian or Sinhala need them.
_JOINERS = "\u200c\u200d"
_KEY = re.compile(r"[0-9a-f]{64}")
#: The fields of a row in the order in which the check sum is made.
_FIELDS = ("idx", "sha256", "decision", "reason", "label", "text", "comment", "blind", "decided_at")


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What one person said of one text.

    Args:
        reviewer: Who.
        idx: The text's row in the generation.
        sha256: Digest of the text that was shown.
        decision: `accept`, `reject`, or None if there is only a comment.
        reason: Why it was rejected, a name from `REASONS`.
        label: Name of the label that it was given instead, or None; only with `accept`.
        text: The text as corrected, or None; only with `accept`.
        comment: Free words, or None.
        blind: Whether the judge's verdict was hidden from the person.
        decided_at: When, in UTC without a zone, as the store has it.
    """

    reviewer: str
    idx: int
    sha256: str
    decision: str | None
    reason: str | None
    label: str | None
    text: str | None
    comment: str | None
    blind: bool
    decided_at: datetime | None

    @property
    def as_it_is(self) -> bool:
        """Whether the text will do with its label, without any change."""
        return self.decision == "accept" and self.label is None and self.text is None


@dataclass(frozen=True, kw_only=True)
class Form:
    """One saved review: where it stands, what it is about, and one vote per text that was decided or commented."""

    where: str
    reviewer: str
    generation: str
    judgement: str | None
    labels: Sequence[str]
    votes: Sequence[Vote]

    def content(self) -> list[Any]:
        """Returns what of the review decides its judgement: no times, so that saving again changes nothing."""
        votes = [[v.idx, v.sha256, v.decision, v.reason, v.label, v.text, v.comment, v.blind] for v in self.votes]
        return [self.reviewer, self.generation, self.judgement, votes]


def read(path: Path, *, reviewer: str | None = None) -> Form:
    """Returns the review in a file.

    Args:
        path: What a review page saved.
        reviewer: A name that replaces the one in the file.

    Raises:
        UsageError: There is no name, or an impossible one.
        DataError: The file is none of ours, or was changed since it was saved.
    """
    raw = _load(path)
    where = str(path)
    if raw.get("format") != FORMAT:
        raise DataError("this is no saved review", where, "give the .json file that a review page saved")
    if raw.get("version") != VERSION:
        raise DataError("the review is of another version of sdc", where, "make the sheet again")
    rows = raw.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("the review has no list of rows", where, _AGAIN)
    generation, judgement = raw.get("generation"), raw.get("judgement")
    labels = raw.get("labels")
    if not all(isinstance(raw.get(field), str) for field in ("sheet", "reviewer")):
        raise DataError("the review names no sheet or no reviewer", where, _AGAIN)
    if not _is_key(generation) or not (judgement is None or _is_key(judgement)):
        raise DataError("the review names no artifact", where, _AGAIN)
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise DataError("the review has no list of labels", where, _AGAIN)
    name = check_name(reviewer or str(raw["reviewer"]), "--reviewer" if reviewer else where)
    votes = [_vote(row, number, name, labels, where) for number, row in enumerate(rows, start=1)]
    seen: set[int] = set()
    for vote in votes:
        if vote.idx in seen:
            raise DataError(f"text {vote.idx} stands in the review twice", where, _AGAIN)
        seen.add(vote.idx)
    if raw.get("check") != check_sum(raw):
        raise DataError("the review was changed after it was saved", where, _AGAIN)
    if not any(vote.decision for vote in votes):
        raise DataError("nothing is decided in this review", where, "accept or reject some texts first")
    return Form(
        where=where,
        reviewer=name,
        generation=str(generation),
        judgement=judgement,
        labels=tuple(labels),
        votes=tuple(sorted(votes, key=lambda vote: vote.idx)),
    )


def check_name(name: str, where: str = "--reviewer") -> str:
    """Returns the name of a reviewer, in NFC and with single spaces.

    Raises:
        UsageError: It is empty, too long, or holds what cannot be seen.
    """
    text = unicodedata.normalize("NFC", one_line(name))
    if not text:
        raise UsageError("the review does not say who made it", where, "give --reviewer NAME")
    unseen = any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn") and c not in _JOINERS for c in text)
    if len(text) > MAX_NAME_CHARS or unseen:
        what = f"{text[:MAX_NAME_CHARS]!r} is no name of at most {MAX_NAME_CHARS} letters"
        raise UsageError(what, where, "give --reviewer NAME")
    return text


def check_sum(raw: Mapping[str, Any]) -> str:
    """Returns the check sum over what a file says, as the page makes it: against accidents, not against forgers."""
    rows = [[row.get(field) for field in _FIELDS] for row in raw["rows"]]
    about = [raw.get(field) for field in ("sheet", "generation", "judgement", "labels", "reviewer")]
    text = json.dumps([*about, rows], ensure_ascii=False, separators=(",", ":"))
    return f"{zlib.crc32(text.encode(errors='surrogatepass')):08x}"


def _load(path: Path) -> Mapping[str, Any]:
    where = str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError("this is no regular file", where, "give the .json file that a review page saved")
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 2**20:.0f} MiB, at most {MAX_BYTES / 2**20:.0f}"
            raise DataError(f"the file is too large for a review ({size})", where, "check that it is the right one")
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        what = f"cannot read the review ({system_reason(error)})"
        raise DataError(what, where, "check the path and its permissions") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, cut off; a path with a NUL
        raise DataError(f"the review was cut off, or is no JSON ({str(error)[:80]})", where, _AGAIN) from error
    if not isinstance(value, dict):
        raise DataError("this is no saved review", where, "give the .json file that a review page saved")
    return value


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _vote(row: Mapping[str, Any], number: int, reviewer: str, labels: Sequence[str], where: str) -> Vote:
    def refuse(what: str) -> DataError:
        return DataError(f"row {number}: {what}", where, _AGAIN)

    idx, sha256 = row.get("idx"), row.get("sha256")
    if not isinstance(idx, int) or isinstance(idx, bool) or not 0 <= idx < 2**31:
        raise refuse(f"{str(idx)[:40]!r} is no row number")
    if not _is_key(sha256):
        raise refuse("it has no digest of its text")
    decision, reason = row.get("decision"), row.get("reason")
    if decision is not None and decision not in DECISIONS:
        raise refuse(f"unknown decision {str(decision)[:40]!r}")
    if (decision == "reject") != (reason in tuple(REASONS)) or (reason is not None and decision != "reject"):
        raise refuse(f"the decision {decision!r} does not go with the reason {str(reason)[:40]!r}")
    label, text, comment = (_text(row.get(name), name, refuse) for name in ("label", "text", "comment"))
    if label is not None and label not in labels:
        raise refuse(f"unknown label {label[:40]!r}")
    if decision != "accept" and (label is not None or text is not None):
        raise refuse("only an accepted text can have another label or wording")
    if text is not None and not text.strip():
        raise refuse("the corrected text is empty")
    if decision is None and comment is None:
        raise refuse("it says nothing")
    if not isinstance(row.get("blind"), bool):
        raise refuse("it does not say whether the verdict was hidden")
    return Vote(
        reviewer=reviewer,
        idx=idx,
        sha256=str(sha256),
        decision=decision,
        reason=reason,
        label=label,
        text=text,
        comment=comment,
        blind=bool(row["blind"]),
        decided_at=_time(row.get("decided_at"), refuse),
    )


def _text(value: object, name: str, refuse: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MAX_TEXT_CHARS:
        raise refuse(f"its {name} is no text of at most {_MAX_TEXT_CHARS:,} characters")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise refuse(f"its {name} holds characters that no text has")
    return value


def _time(value: object, refuse: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise refuse(f"{str(value)[:40]!r} is no time") from error
