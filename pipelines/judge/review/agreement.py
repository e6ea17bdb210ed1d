"""How far people agree with each other, and with the judge whose verdicts were hidden from them.

Here: who is compared with whom, on which texts. What is compared is whether a text will do as it is: one that a person
relabels or rewords will not. Not here: the coefficients (`metrics/`).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sdc.pipelines.judge.review.form import Vote
from sdc.pipelines.metrics import kappa, krippendorff

#: Of verdicts that no machine has given: by people, on a text that was never judged, and where the LLM had no answer.
HUMAN, NOBODY, UNANSWERED = "human:", "nobody", "none"
_GATE = "gate:"


@dataclass(frozen=True, kw_only=True)
class MachineVerdict:
    """What the judgement that was reviewed says of a text."""

    accepted: bool
    judged_by: str


def measure(votes: Sequence[Vote], verdicts: Mapping[int, MachineVerdict]) -> dict[str, Any]:
    """Returns the agreement of all pairs, as it stands in the summary of a judgement.

    Args:
        votes: All that was decided, at most one per person and text.
        verdicts: What was reviewed, by `idx`; those of people are left out.

    Returns:
        `reviewers`: per pair of people `between`, `rows`, `agree` (share) and `kappa`. `alpha`: Krippendorff's, for
        more than two people. `judge`: per person and judge (`gates`, `llm`, or `both` together) the same, with
        `judge_accepts` and `judge_rejects`: how often the judge alone does that. A coefficient is None where it is
        not defined: both always said the same one thing.
    """
    said: dict[str, dict[int, Vote]] = defaultdict(dict)
    for vote in votes:
        if vote.decision is not None:
            said[vote.reviewer][vote.idx] = vote
    people = sorted(said)
    found: dict[str, Any] = {
        "reviewers": [{"between": [a, b], **_pair(said[a], said[b])} for a, b in combinations(people, 2)]
    }
    if len(people) > 2:
        units = defaultdict(list)
        for by_idx in said.values():
            for idx, vote in by_idx.items():
                units[idx].append(vote.as_it_is)
        found["alpha"] = _rounded(krippendorff.alpha(list(units.values())))
    machine = {
        idx: verdict
        for idx, verdict in verdicts.items()
        if not verdict.judged_by.startswith(HUMAN) and verdict.judged_by not in (NOBODY, UNANSWERED)
    }
    judges = _judges(machine)
    found["judge"] = [
        {"reviewer": name, "judge": judge, **_against(said[name], machine, accepts)}
        for name in people
        for judge, accepts in judges.items()
    ]
    return found


_Accepts = Callable[[MachineVerdict], bool | None]


def _judges(verdicts: Mapping[int, MachineVerdict]) -> dict[str, _Accepts]:
    """Returns the judges that gave these verdicts: whether one accepts a text, or None where it was not asked."""
    gated = any(verdict.judged_by.startswith(_GATE) for verdict in verdicts.values())
    asked = any(not verdict.judged_by.startswith(_GATE) for verdict in verdicts.values())
    found: dict[str, _Accepts] = {}
    if gated:
        found["gates"] = lambda verdict: verdict.accepted or not verdict.judged_by.startswith(_GATE)
    if asked:
        found["llm"] = lambda verdict: None if verdict.judged_by.startswith(_GATE) else verdict.accepted
    if gated and asked:
        found["both"] = lambda verdict: verdict.accepted
    return found


def _pair(a: Mapping[int, Vote], b: Mapping[int, Vote]) -> dict[str, Any]:
    shared = sorted(a.keys() & b.keys())
    return _agreement([a[idx].as_it_is for idx in shared], [b[idx].as_it_is for idx in shared])


def _against(votes: Mapping[int, Vote], verdicts: Mapping[int, MachineVerdict], accepts: _Accepts) -> dict[str, Any]:
    pairs = [
        (vote.as_it_is, machine)
        for idx, vote in sorted(votes.items())
        if vote.blind and idx in verdicts and (machine := accepts(verdicts[idx])) is not None
    ]
    return _agreement([person for person, _ in pairs], [machine for _, machine in pairs]) | {
        "judge_accepts": sum(machine and not person for person, machine in pairs),
        "judge_rejects": sum(person and not machine for person, machine in pairs),
    }


def _agreement(a: Sequence[bool], b: Sequence[bool]) -> dict[str, Any]:
    agree = sum(x == y for x, y in zip(a, b, strict=True)) / len(a) if a else None
    return {"rows": len(a), "agree": _rounded(agree), "kappa": _rounded(kappa.cohen(a, b))}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
