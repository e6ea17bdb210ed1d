"""What is known of one label while it is generated, and what the summary says of it.

Here: counts, the estimate of each way of asking, why a label ended. Not here: asking (`loop.py`), what becomes of a
text (`rows.py`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.counted import counted
from sdc.pipelines.gen.explanations import Explanation
from sdc.pipelines.gen.incentives import NEEDS
from sdc.pipelines.gen.incentives.schedule import choose
from sdc.pipelines.gen.saturation import Sample, Unseen, estimate
from sdc.pipelines.tasks import Label

#: How a label ends that has what was asked for.
QUOTA = "quota"
_SHOWN_PROBLEMS = 3
#: What a round is taken to bring at most, as a share of what is missing: while nothing is known, and later on.
_AT_FIRST, _LATER = 0.6, 0.9


@dataclass(kw_only=True)
class LabelState:
    """The state of one label while it is generated.

    Args:
        label: The label.
        seeds: Human examples that the generator is shown.
        quota: Accepted texts wanted.
        explanation: What the prompt says of the label.
        texts: New texts so far, in order: accepted and surplus ones.
        accepted: Rows with status ok.
        kept: Those of them that a judgement had accepted before.
        calls: Calls made.
        samples: Incentive -> what each of its calls brought.
        written: Incentive -> accepted texts that its calls brought.
        lacking: Incentives that had nothing to offer when it was their turn.
        problems: Why texts and replies could not be used, by how often.
        stopped: Why the label ended; empty while it is open.
    """

    label: Label
    seeds: list[str]
    quota: int
    explanation: Explanation = field(default_factory=Explanation)
    texts: list[str] = field(default_factory=list)
    accepted: int = 0
    kept: int = 0
    calls: int = 0
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    written: Counter[str] = field(default_factory=Counter)
    lacking: set[str] = field(default_factory=set)
    problems: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def missing(self) -> int:
        """Accepted texts that are still wanted."""
        return max(0, self.quota - self.accepted)

    def estimates(self, sightings: Mapping[int, int]) -> dict[str, Unseen]:
        """Returns what the calls of each incentive that was used say about the unseen."""
        return {name: estimate(samples, sightings) for name, samples in self.samples.items()}

    def next_incentive(
        self, mode: str, *, sightings: Mapping[int, int], offered: Collection[str], asked: int, most_calls: int
    ) -> str | None:
        """Returns the incentive of the next calls, or None if the label has ended, with the reason in `stopped`."""
        if not self.missing:
            self.stopped = QUOTA
        elif self.calls >= most_calls:
            self.stopped = f"gave up after {counted(self.calls, 'call')}"
        else:
            name = choose(mode, estimates=self.estimates(sightings), offered=offered, asked=asked)
            if name is not None:
                return name
            known = any(sample.types for samples in self.samples.values() for sample in samples)
            self.stopped = "saturated" if known else f"nothing usable: {self._problems()}"
        return None

    def _problems(self) -> str:
        shown = [f"{count} {problem}" for problem, count in self.problems.most_common(_SHOWN_PROBLEMS)]
        return ", ".join(shown) or "all texts were known"

    def as_json(self, sightings: Mapping[int, int]) -> dict[str, Any]:
        """Returns the label's part of the summary. The estimate is that of the way of asking that promises most."""
        estimates = self.estimates(sightings)
        best = max(estimates.values(), key=lambda unseen: unseen.gain_at_most, default=None)
        distinct = len({t for samples in self.samples.values() for sample in samples for t in sample.types})
        rejected = sum(unseen.rejected for unseen in estimates.values())
        return {
            "quota": self.quota,
            "accepted": self.accepted,
            "kept": self.kept,
            "calls": self.calls,
            "texts": sum(unseen.texts for unseen in estimates.values()),
            "distinct": distinct,
            "once": sum(unseen.once for unseen in estimates.values()),
            "unseen": round(best.share, 4) if best else None,
            "unseen_at_most": round(best.share_at_most, 4) if best else None,
            "gain_at_most": round(best.gain_at_most, 3) if best else None,
            "acceptance": round(distinct / (distinct + rejected), 4) if distinct + rejected else None,
            "stopped": self.stopped,
            "problems": dict(self.problems.most_common()),
            "explanation": self.explanation.text,
            "explained_by": self.explanation.by,
            "explanation_problems": list(self.explanation.problems),
            "incentives": {
                name: {
                    "calls": unseen.calls,
                    "texts": unseen.texts,
                    "ok": self.written[name],
                    "unseen": round(unseen.share, 4),
                    "unseen_at_most": round(unseen.share_at_most, 4),
                }
                for name, unseen in estimates.items()
            },
            "unused_incentives": {name: f"needs {NEEDS[name]}" for name in sorted(self.lacking - set(estimates))},
        }


def describe(item: Mapping[str, Any]) -> str:
    """Returns the numbers behind the end of a label, from its part of a summary, for people.

    >>> describe({"calls": 0, "texts": 0})
    'no calls'
    """
    if not item.get("calls"):
        return "no calls"
    parts = [counted(item["calls"], "call"), counted(item["texts"], "text"), f"{item['distinct']} distinct"]
    parts.append(f"{item['once']} seen once")
    parts.append(f"unseen {item['unseen']:.1%} (at most {item['unseen_at_most']:.1%})")
    parts.append(f"a call brings at most {item['gain_at_most']:.2g} new")
    if item["acceptance"] is not None:
        parts.append(f"{item['acceptance']:.0%} acceptable")
    return ", ".join(parts)


def outlook(labels: Sequence[LabelState], *, num_calls: int) -> tuple[int, float, int]:
    """Returns how many texts are accepted, are likely to be after so many calls more, and are wanted in all."""
    accepted, wanted = sum(item.accepted for item in labels), sum(item.quota for item in labels)
    brought = [sample.new for item in labels for samples in item.samples.values() for sample in samples]
    if not brought:
        return accepted, accepted + _AT_FIRST * (wanted - accepted), wanted
    new = num_calls * sum(brought) / len(brought)
    return accepted, accepted + min(new, _LATER * (wanted - accepted)), wanted
