"""What becomes of every text in gen: a row with a status and a reason, whatever it is.

Here: copies, gates, the quota, replies without text. Not here: which calls are made (`loop.py`), the gates themselves.

Statuses: `seed` (shown to the generator), `ok`, `surplus` (as good, but the quota was full), `duplicate`,
`near_duplicate`, `seed_copy`, `rejected` (by a gate), `truncated`; and without a text `empty`, `refused`, `failed`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.protocol import Reply
from sdc.pipelines.gen import split
from sdc.pipelines.gen.label import LabelState
from sdc.pipelines.gen.saturation import Sample
from sdc.pipelines.gen.split import Texts
from sdc.pipelines.tasks import Label
from sdc.pipelines.text.similarity import Index

#: Gives (gate, reason) of the gate that rejects a text, or None.
RejectedBy = Callable[[str], tuple[str, str] | None]


class GenRows:
    """The rows of one generation, and which texts were seen how often.

    Args:
        cell: Their language and task.
        near_duplicate: Similarity at which a text counts as a copy.
        check: The gates.
    """

    def __init__(self, cell: Cell, *, near_duplicate: float, check: RejectedBy) -> None:
        self.rows: list[dict[str, Any]] = []
        #: Type (position in the index) -> calls that saw it, and one more if it was known before.
        self.sightings: Counter[int] = Counter()
        self._cell, self._check = cell, check
        self._index = Index(threshold=near_duplicate)
        self._num_known = 0
        self._seeds: set[int] = set()

    def add_seed(self, text: str, label: Label, *, origin: str) -> None:
        """Adds an example that the generator is shown; nothing like it will be new."""
        self._add(text, label, source="human", status="seed", origin=origin)
        self._seeds.add(self._remember(text))

    def add_judged(self, text: str, item: LabelState, *, accepted: bool, origin: str) -> None:
        """Adds a text that a judgement accepted; one that it rejected only does not come back."""
        self.sightings[self._remember(text)] += 1
        if accepted:
            item.accepted += 1
            item.kept += 1
            item.texts.append(text)
            self._add(text, item.label, status="ok", origin=origin)

    def add_text(self, text: str, item: LabelState, *, origin: str) -> tuple[str, int | None]:
        """Adds the row of one text; returns its status, and its type if it is acceptable, or like one that is."""
        status, reason, type_ = self._status(text, item)
        if status in ("ok", "surplus"):
            item.texts.append(text)
            item.accepted += status == "ok"
        self._add(text, item.label, status=status, reason=reason, origin=origin)
        return status, type_

    def add_reply(self, reply: Reply, item: LabelState, *, origin: str, asked: int) -> Sample:
        """Adds the rows of a reply, or one that says why there is no text, and returns what the call brought.

        Args:
            reply: What came back.
            item: The label that was asked for.
            origin: Which call it was.
            asked: How many texts were asked for.
        """
        texts = split.read(reply.text, asked=asked, cut=reply.finish == "length") if reply.is_answer else Texts()
        if not texts.whole and not texts.half:
            status, reason = ("empty", "no text in the reply") if reply.is_answer else (reply.finish, reply.reason)
            item.problems[f"{status}: {reason}" if reason else status] += 1
            self._add("", item.label, status=status, reason=reason or None, origin=origin)
            return Sample(texts=0)
        found = [self.add_text(text, item, origin=origin) for text in texts.whole]
        if texts.half:
            item.problems["truncated"] += 1
            reason = "the reply ended at max_tokens"
            self._add(texts.half, item.label, status="truncated", reason=reason, origin=origin)
        statuses = Counter(status for status, _ in found)
        types = frozenset(type_ for _, type_ in found if type_ is not None)
        self.sightings.update(types)
        new = statuses["ok"] + statuses["surplus"]
        return Sample(texts=len(found), new=new, rejected=statuses["rejected"], types=types)

    def _status(self, text: str, item: LabelState) -> tuple[str, str | None, int | None]:
        near = self._index.nearest(text)
        if near is not None:
            if near[0] in self._seeds:
                item.problems["seed_copy"] += 1
                return "seed_copy", f"similarity {near[1]:.2f} to a seed example", None
            status = "duplicate" if near[1] == 1.0 else "near_duplicate"
            return status, f"similarity {near[1]:.2f} to an earlier text", near[0]
        failed = self._check(text)
        if failed is not None:
            item.problems[f"rejected: {failed[0]}"] += 1
            return "rejected", f"{failed[0]}: {failed[1]}", None
        type_ = self._remember(text)
        return ("ok", None, type_) if item.missing else ("surplus", "the quota was full", type_)

    def _remember(self, text: str) -> int:
        self._index.add(text)
        self._num_known += 1
        return self._num_known - 1

    def _add(
        self, text: str, label: Label, *, status: str, origin: str, reason: str | None = None, source: str = "synthetic"
    ) -> None:
        self.rows.append(
            {
                "idx": len(self.rows),
                "lang": self._cell.lang,
                "task": self._cell.task.name,
                "text": text,
                "label": label.id,
                "label_name": label.name,
                "source": source,
                "split": "train",
                "status": status,
                "reason": reason,
                "origin": origin,
            }
        )
