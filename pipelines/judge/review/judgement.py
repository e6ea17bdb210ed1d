"""Reviews made into a judgement: the verdicts of people, over those of the judge where people said nothing.

A text that people reword or relabel becomes a new row of a corrected generation, which is kept in the same transaction,
so that whatever reads a judgement (sample, a top-up) finds everything under one key.

Here: keys, what is kept, summaries. Not here: checks (`reviewed.py`), rows (`rows.py`).
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdc.cache.store import Artifact, Rows
from sdc.pipelines import stage
from sdc.pipelines.judge.review import rows
from sdc.pipelines.judge.review.agreement import MachineVerdict, measure
from sdc.pipelines.judge.review.form import Form
from sdc.pipelines.judge.review.reviewed import Reviewed, check
from sdc.pipelines.stage import Context, Outcome

_STAGE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The artifacts that reviews become: a judgement, and a corrected generation if a text was changed."""

    reviewed: Reviewed
    judgement: Artifact
    corrected: Artifact | None


def plan(context: Context, forms: Sequence[Form]) -> list[Plan]:
    """Returns what saved reviews become: those of one judgement become one.

    Raises:
        UsageError: One person has two reviews of the same judgement.
        DataError: A review is about something that the store does not have, or has otherwise.
    """
    groups: dict[tuple[str, str], list[Form]] = defaultdict(list)
    for form in forms:
        groups[form.generation, form.judgement or ""].append(form)
    return [_plan(check(context, group)) for group in groups.values()]


def keep(context: Context, plans: Sequence[Plan]) -> list[Outcome]:
    """Returns the judgements, those that are there and those that are made now; new ones are kept all or none."""
    outcomes: list[Outcome] = []
    items: list[tuple[Artifact, Rows]] = []
    hits: list[str] = []
    for planned in plans:
        there = stage.hits(context, [planned.judgement.key])
        if there:
            hits += [planned.corrected.key] if planned.corrected else []
            outcomes.append(there[planned.judgement.key])
            continue
        made = _compute(context, planned)
        items += made
        outcomes.append(Outcome(key=planned.judgement.key, hit=False, summary=made[-1][0].summary))
    if hits:
        context.store.touch(hits)
    stage.keep(context, items)
    return outcomes


def others(context: Context, planned: Plan) -> list[str]:
    """Returns the people who reviewed the same generation, and whose reviews are not among these."""
    found = context.store.query(
        "select distinct reviewer from reviews where example_key = ? order by reviewer",
        [planned.reviewed.generation.key],
    )
    return [name for (name,) in found if name not in planned.reviewed.people]


def _plan(reviewed: Reviewed) -> Plan:
    cell, base = reviewed.cell, reviewed.judgement
    about = {"lang": cell.lang, "task": cell.task.name}
    config = {"review": reviewed.digest, "definition": cell.task.identity()}
    more = [base.key] if base else []
    target, corrected = reviewed.generation, None
    if any(ruling.accepted and ruling.changed for ruling in reviewed.rulings.values()):
        written_by = {"model": target.config["model"]} if target.config.get("model") else {}
        corrected = stage.plan(
            stage="gen",
            version=_STAGE_VERSION,
            config={"origin": "review", **config, **written_by},
            inputs=[target.key, *more],
            **about,
        )
        target = corrected
    judgement = stage.plan(stage="judge", version=_STAGE_VERSION, config=config, inputs=[target.key, *more], **about)
    return Plan(reviewed=reviewed, judgement=judgement, corrected=corrected)


def _compute(context: Context, planned: Plan) -> list[tuple[Artifact, Rows]]:
    """Returns the artifacts of a plan with their rows, the judgement last."""
    start = time.perf_counter()
    reviewed = planned.reviewed
    examples = rows.examples(context, reviewed.generation)
    verdicts = rows.base_verdicts(context, reviewed, examples)
    machine = {
        idx: MachineVerdict(accepted=row["accepted"], judged_by=row["judged_by"]) for idx, row in verdicts.items()
    }
    for idx, ruling in reviewed.rulings.items():
        verdicts[idx] = rows.verdict(idx, ruling, accepted=ruling.accepted and not ruling.changed)
    made: list[tuple[Artifact, Rows]] = []
    target = reviewed.generation
    if planned.corrected is not None:
        target = planned.corrected
        examples, verdicts = rows.corrected(reviewed, examples, verdicts)
        made.append((replace(target, summary=_generation_summary(reviewed, examples)), {"examples": examples}))
    judged = [{**verdict, "example_key": target.key} for verdict in verdicts.values()]
    labels = {row["idx"]: row["label_name"] for row in examples}
    accepted = Counter(labels[row["idx"]] for row in judged if row["accepted"])
    rejected = Counter(row["judged_by"] for row in judged if not row["accepted"])
    summary = {
        "rows": len(judged),
        "accepted": accepted.total(),
        "rejected": dict(sorted(rejected.items())),
        "labels": {name: accepted[name] for name in reviewed.cell.task.label_names},
        "review": _review_summary(reviewed, machine),
        "usage": {},
    }
    seconds = time.perf_counter() - start
    tables = {"verdicts": judged, "reviews": rows.reviews(reviewed)}
    return [*made, (replace(planned.judgement, summary=summary, seconds=seconds), tables)]


def _generation_summary(reviewed: Reviewed, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    old = reviewed.generation.summary
    ok = Counter(row["label_name"] for row in rows if row["status"] == "ok")
    quotas = old.get("labels", {})
    return {
        # Who wrote the texts, where the judge finds the model, what a user's task is: later stages look here.
        **{name: old[name] for name in ("model", "folder", "task") if name in old},
        "rows": len(rows),
        "ok": ok.total(),
        "statuses": dict(Counter(row["status"] for row in rows)),
        "labels": {
            label.name: {
                "quota": quotas.get(label.name, {}).get("quota", reviewed.cell.task.quota),
                "accepted": ok[label.name],
                "stopped": "corrected in review",
            }
            for label in reviewed.cell.task.labels
        },
        "usage": {},
    }


def _review_summary(reviewed: Reviewed, machine: Mapping[int, MachineVerdict]) -> dict[str, Any]:
    votes = [vote for of_text in reviewed.votes.values() for vote in of_text]
    rulings = reviewed.rulings.values()
    people = {}
    for name in reviewed.people:
        own = [vote for vote in votes if vote.reviewer == name]
        people[name] = {
            "decided": sum(vote.decision is not None for vote in own),
            "accepted": sum(vote.as_it_is for vote in own),
            "changed": sum(vote.decision == "accept" and not vote.as_it_is for vote in own),
            "rejected": dict(sorted(Counter(str(vote.reason) for vote in own if vote.reason).items())),
            "comments": sum(vote.comment is not None for vote in own),
        }
    return {
        "decided": len(rulings),
        "accepted": sum(ruling.accepted and not ruling.changed for ruling in rulings),
        "changed": sum(ruling.accepted and ruling.changed for ruling in rulings),
        "rejected": sum(not ruling.accepted for ruling in rulings),
        "as_before": len(machine.keys() - reviewed.rulings.keys()),
        "people": people,
        "agreement": measure(votes, machine),
    }
