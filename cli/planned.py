"""What a dry run found: a table on stderr with its total, or with --json an object per artifact on stdout.

Here: rows that are alike are one line, sums, how they are known. Not here: what would be asked or fitted (the stages).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sdc.cache.counted import counted
from sdc.cli import render
from sdc.cli.progress import duration, short

Number = TypeVar("Number", int, float)
#: What tells lines apart; the rest of a row is added up.
_ALIKE = ("stage", "cell", "source", "reviews", "size", "rows", "trials", "method", "model")
_HOW = {
    "tokenizer": "tokens of prompts by the model's tokenizer",
    "ledger": "tokens of prompts as in earlier calls of this kind",
    "characters": "tokens of prompts by their characters: half or twice as many may be true",
}


class Planned:
    """The artifacts that a command would make.

    Args:
        rows: As JSON has them.
        apart: What tells lines of the table apart.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = (), *, apart: Sequence[str] = _ALIKE) -> None:
        self._rows = list(rows)
        self._apart = apart

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Takes more rows."""
        self._rows += rows

    def show(self, *, as_json: bool) -> None:
        """Shows them, if there are any."""
        if as_json:
            render.records(self._rows)
            return
        if not self._rows:
            return
        groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in self._rows:
            groups.setdefault(tuple(row.get(name) for name in self._apart), []).append(row)
        lines = [_Line.of(rows) for rows in groups.values()]
        total = _Line.of(self._rows)
        stages = list(dict.fromkeys(str(row.get("stage") or "review") for row in self._rows))
        told = self._apart if len(stages) > 1 else [name for name in self._apart if name != "stage"]
        names = [name for name in told if any(row.get(name) not in (None, "") for row in self._rows)]
        columns = [name for name in _COLUMNS if any(_COLUMNS[name](line) for line in lines)]
        columns = [name for name in columns if name != "there" or total.there]
        table = [
            [*(str(line.alike.get(name) or "") for name in names), *(_COLUMNS[name](line) for name in columns)]
            for line in lines
        ]
        title = f"{' and '.join(stages)}, a dry run"
        render.table([*names, *columns], table, title=title, spare=("there", "rows"), to_stderr=True)
        self._say(total)

    def _say(self, total: "_Line") -> None:
        to_do = total.artifacts - total.there
        parts = [f"{to_do} of {counted(total.artifacts, 'artifact')} to make", *total.words()]
        render.result(f"in all: {', '.join(parts)}")
        told = [row for row in self._rows if row.get("tokens_from") and _scaled(row, "tokens")]
        known = dict.fromkeys(str(row["tokens_from"]) for row in told)
        for name in known:
            answers = "at their longest" if name == "characters" else "as long as earlier ones, else at their longest"
            render.result(f"{_HOW[name]}; answers {answers}")


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Artifacts that are alike, together; None is unknown.

    Tokens, seconds and cost are those of the likely calls, or else of those that are sure; `most` of the most calls.
    """

    alike: Mapping[str, Any]
    artifacts: int
    there: int
    at_least: int | None
    at_most: int | None
    likely: int | None
    tokens: float | None
    seconds: float | None
    cost: float | None
    most: tuple[float | None, float | None, float | None]
    currency: str

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "_Line":
        asks = [row for row in rows if "calls" in row]
        most = [_sum([_scaled(row, name, "calls_at_most") for row in asks]) for name in ("tokens", "seconds", "cost")]
        return cls(
            alike={name: rows[0].get(name) for name in _ALIKE},
            artifacts=len(rows),
            there=sum(bool(row.get("cached")) for row in rows),
            at_least=sum(_new(row, "calls_at_least") for row in asks) if asks else None,
            at_most=sum(_new(row, "calls_at_most") for row in asks) if asks else None,
            likely=_sum([None if row["calls_likely"] is None else _new(row, "calls_likely") for row in asks]),
            tokens=_sum([_scaled(row, "tokens") for row in asks]) if asks else None,
            seconds=_sum([_scaled(row, "seconds") for row in rows if asks or "seconds" in row]),
            cost=_sum([_scaled(row, "cost") for row in asks]),
            most=(most[0], most[1], most[2]),
            currency=next((str(row["currency"]) for row in asks if row.get("currency")), ""),
        )

    def words(self) -> list[str]:
        found = []
        if self.at_most is not None:
            likely = f", likely {self.likely:,}" if self.likely is not None and self.at_least != self.at_most else ""
            found.append(f"{_range(self, ' to at most ')} new calls{likely}")
        taken = _words(self.tokens, self.seconds, self.cost, self.currency)
        found += taken
        if taken and self.has_more:
            found[-1] += f"; at most {', '.join(_words(*self.most, self.currency))}"
        return found

    @property
    def has_more(self) -> bool:
        """Whether the most calls take more tokens than the likely ones, or those that are sure."""
        return bool(self.tokens and self.most[0] and self.most[0] > self.tokens)


def _words(tokens: float | None, seconds: float | None, cost: float | None, currency: str) -> list[str]:
    found = [f"{short(round(tokens))} tokens"] if tokens else []
    found += [duration(seconds)] if seconds else []
    return found + ([f"{cost:.2f} {currency}"] if cost else [])


def _range(line: _Line, between: str = " to ") -> str:
    if line.at_most is None or line.at_least is None:
        return ""
    return f"{line.at_least:,}{between}{line.at_most:,}" if line.at_least < line.at_most else f"{line.at_most:,}"


def _token_range(line: _Line) -> str:
    if line.tokens is None:
        return ""
    most = line.most[0] if line.has_more else None
    return short(round(line.tokens)) + ("" if most is None else f" to {short(round(most))}")


#: Names of columns -> what stands in them.
_COLUMNS: dict[str, Callable[[_Line], str]] = {
    "to make": lambda line: f"{line.artifacts - line.there:,}",
    "there": lambda line: f"{line.there:,}",
    "new calls": _range,
    "likely": lambda line: "" if line.likely is None or line.at_least == line.at_most else f"{line.likely:,}",
    "tokens": _token_range,
    "time": lambda line: "" if line.seconds is None else duration(line.seconds),
    "cost": lambda line: "" if line.cost is None else f"{line.cost:.2f} {line.currency}",
}


def _new(row: Mapping[str, Any], name: str) -> int:
    return max(0, int(row[name]) - int(row["cached_calls"]))


def _tokens(row: Mapping[str, Any]) -> float | None:
    return _sum([row["prompt_tokens"], row["completion_tokens"]])


def _scaled(row: Mapping[str, Any], name: str, to: str = "calls_likely") -> float | None:
    """Returns what the likely calls take, or as many as `to` says, where the figure is for those that are sure."""
    value: float | None = _tokens(row) if name == "tokens" else row.get(name)
    if row.get(to) is None:
        return value
    sure, wanted = _new(row, "calls"), _new(row, to)
    if not sure and wanted:
        a_call = (row.get("a_call") or {}).get(name)
        return None if a_call is None else float(a_call) * wanted
    return None if value is None else value * max(sure, wanted) / (sure or 1)


def _sum(values: Sequence[Number | None]) -> Number | None:
    """Returns the sum; None if one of them is unknown."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None
