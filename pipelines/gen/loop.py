"""The loop of gen: asks for texts, label by label and call by call, until each label has its quota or is saturated.

Here: seed examples, what is carried over from a judgement, rounds of calls, the summary. Not here: settings and keys
(`gen`), what becomes of a text (`rows.py`), what is known of a label (`label.py`), when a label ends
(`saturation.py`), what a prompt shows beside the seeds (`incentives/`).
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import derive_seed
from sdc.cache.store import Artifact
from sdc.errors import EngineError
from sdc.pipelines import gates, prompts
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.engines.protocol import Call
from sdc.pipelines.gen import explanations
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.gen.explanations import Explanation
from sdc.pipelines.gen.incentives import INCENTIVES, NONE
from sdc.pipelines.gen.incentives.schedule import round_size
from sdc.pipelines.gen.incentives.shown import Show, Shown, shuffled
from sdc.pipelines.gen.label import LabelState, outlook
from sdc.pipelines.gen.rows import GenRows, RejectedBy
from sdc.pipelines.progress import Progress, Rounds, ahead, silent
from sdc.pipelines.records.examples import ExampleRow, OriginRow
from sdc.pipelines.records.judged import JudgedRow
from sdc.pipelines.stage import Computed
from sdc.pipelines.view import Preview, ViewPart, in_turn

#: The emergency brake, times the calls that would do if all texts were new; the estimate of the unseen ends it before.
_CALLS_PER_QUOTA = 40
#: Calls that the rate of new texts is taken from.
_RECENT = 5


@dataclass(frozen=True, kw_only=True)
class GenInputs:
    """What a generation is made from.

    Args:
        human: The usable human examples.
        judged: What an earlier judgement said of its texts, for a top-up.
        surplus: What its generation had no room for.
    """

    human: Sequence[ExampleRow]
    judged: Sequence[JudgedRow] = ()
    surplus: Sequence[OriginRow] = ()


class Generation:
    """One generation while it is made; `compute` makes it.

    Args:
        config: How.
        cell: Language and task.
        planned: The artifact that it becomes.
        inputs: From what; no store is needed beside it.
        progress: Hears of every answered call.
        say: Takes a line for the user.
    """

    def __init__(
        self,
        config: GenConfig,
        cell: Cell,
        planned: Artifact,
        inputs: GenInputs,
        *,
        progress: Progress = silent,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.config, self.cell, self.planned, self.inputs = config, cell, planned, inputs
        self.progress, self.say = progress, say
        self._rounds = Rounds(progress)
        quota = config.quota or cell.task.quota
        self.salt = planned.inputs[1] if len(planned.inputs) > 1 else ""  # a top-up must not repeat the same calls
        self.most_calls = _CALLS_PER_QUOTA * math.ceil(quota / config.num_texts)
        self.rows = GenRows(cell, near_duplicate=config.near_duplicate, check=self._check)
        self.labels = [
            LabelState(label=label, seeds=seeds, quota=quota)
            for label, seeds in zip(cell.task.labels, self._choose_seeds(), strict=True)
        ]
        self._carry()

    def first_calls(self) -> list[Call]:
        """Returns the calls that would do if every text were new and accepted, as far as they are known.

        That is the questions about the labels, and calls whose prompts show the task's own descriptions instead of the
        answers, and no incentive.
        """
        calls = self._explanation_calls() if self.config.label_style != "name" else []
        for item in self.labels:
            item.explanation = explanations.of_task(item.label)
            calls += [self._call(item, k, None) for k in range(math.ceil(item.missing / self.config.num_texts))]
        return calls

    def num_calls(self, first: int, *, per_call: float | None) -> tuple[int, int | None]:
        """Returns the most calls that it can take, and what it likely takes.

        Args:
            first: How many `first_calls` are.
            per_call: New, accepted texts that a call brings; None: nobody knows.
        """
        still_open = [item for item in self.labels if item.missing]
        questions = len(self.labels) if self.config.label_style != "name" else 0
        most = questions * explanations.TRIES + len(still_open) * self.most_calls
        if per_call is None:
            return most, None
        wanted = sum(math.ceil(item.missing / max(per_call, 1e-9)) for item in still_open)
        return most, min(most, max(first, questions + wanted))

    def compute(self, asker: Asker) -> Computed:
        """Returns the rows of the generation and what became of each label.

        Raises:
            EngineError: The model wrote nothing usable for any label.
        """
        for item in self.labels:
            if self.config.num_seeds and not item.seeds:
                self.say(f"{self.cell}: no human example of {item.label.name!r}; it is generated without any")
        for item, explanation in zip(self.labels, self._explain(asker), strict=True):
            item.explanation = explanation
        while planned := self._plan_round():
            self._round(asker, planned)
        if not any(item.accepted for item in self.labels):
            first = self.labels[0]
            raise EngineError(
                f"the model wrote nothing usable for {self.cell} ({first.label.name}: {first.stopped})",
                self.config.model,
                "try another model or sampling",
            )
        return Computed(rows={"examples": self.rows.rows}, summary=self._summary(asker))

    def preview(self, asker: Asker, *, most: int) -> Preview:
        """Returns the prompts, and what comes of the first calls, of every label in turn."""
        for item, explanation in zip(self.labels, self._explain(asker), strict=True):
            item.explanation = explanation
        planned = in_turn(self._plan_round(), most, of=lambda one: one[0].label.id)
        questions = [] if self.config.label_style == "name" else self._explanation_calls()
        asked = {"explain the labels": questions[0].prompt} if questions else {}
        asked |= {f"write {item.label.name}": call.prompt for item, _, call in planned[:1]}
        before = len(self.rows.rows)
        self._round(asker, planned)
        names = {"label": "label_name", **{name: name for name in ("status", "text", "reason")}}
        rows = [{name: row[column] for name, column in names.items()} for row in self.rows.rows[before:]]
        title = f"{self.cell}: what {counted(len(planned), 'call')} brought"
        return Preview(prompts=asked, results=ViewPart(title=title, rows=rows))

    # -- before the loop --------------------------------------------------------------------------------------------

    def _choose_seeds(self) -> list[list[str]]:
        chosen = []
        for label in self.cell.task.labels:
            texts = list(dict.fromkeys(text for _, text, label_id in self.inputs.human if label_id == label.id))
            draw = random.Random(derive_seed(self.config.seed, "seeds", label.name))
            chosen.append(draw.sample(texts, min(self.config.num_seeds, len(texts))))
            for text in chosen[-1]:
                self.rows.add_seed(text, label, origin=self.planned.inputs[0])
        return chosen

    def _check(self, text: str) -> tuple[str, str] | None:
        return self._gates(text)

    @cached_property
    def _gates(self) -> RejectedBy:
        """The gates, built on the first text: a dry run needs none."""
        if not self.config.gates:
            return lambda text: None
        return gates.build(self.cell, [text for _, text, _ in self.inputs.human])

    def _carry(self) -> None:
        """Takes over what a judgement accepted, then the texts that its generation had no room for.

        What it rejected is remembered and does not come back.
        """
        for row in self.inputs.judged:
            label = self.labels[row.label]
            self.rows.add_judged(row.text, label, accepted=row.accepted, origin=f"kept {row.example_key}")
        for text, label_id, key in self.inputs.surplus:
            self.rows.add_text(text, self.labels[label_id], origin=f"surplus of {key}")

    def _explanation_calls(self) -> list[Call]:
        return explanations.calls(self.cell, self.cell.task.labels, **self._explanation_settings)

    def _explain(self, asker: Asker) -> list[Explanation]:
        if self.config.label_style == "name":
            return [Explanation()] * len(self.labels)
        self._rounds.begin(0.0, 0.0)
        return explanations.ask(self.cell, asker, progress=ahead(self._rounds), **self._explanation_settings)

    @property
    def _explanation_settings(self) -> dict[str, Any]:
        config = self.config
        seeds = {item.label.id: item.seeds for item in self.labels}
        return {"seed_texts": seeds, "seed": config.seed, "temperature": config.temperature, "top_p": config.top_p}

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _plan_round(self) -> list[tuple[LabelState, str, Call]]:
        """Returns the next calls of all open labels, with their incentives; none when all labels have ended."""
        planned: list[tuple[LabelState, str, Call]] = []
        for item in self.labels:
            name, show = self._next_incentive(item)
            if name is not None:
                numbers = range(item.calls, item.calls + self._calls_wanted(item, name))
                planned += [(item, name, self._call(item, number, show)) for number in numbers]
        return planned

    def _next_incentive(self, item: LabelState) -> tuple[str | None, Show | None]:
        """Returns the incentive of a label's next calls and what it shows; None if the label has ended."""
        offered = set(INCENTIVES)
        while True:
            name = item.next_incentive(
                self.config.incentive,
                sightings=self.rows.sightings,
                offered=offered,
                asked=self.config.num_texts,
                most_calls=self.most_calls,
            )
            if name is None or name == NONE:
                return name, None
            others = [text for other in self.labels if other is not item for text in other.texts]
            show = INCENTIVES[name](item.seeds, item.texts, others)
            if show is not None:
                return name, show
            offered.remove(name)
            item.lacking.add(name)

    def _calls_wanted(self, item: LabelState, name: str) -> int:
        """Returns how many calls should fill the quota at the rate of new texts so far, as far as one round goes."""
        samples, asked = item.samples.get(name, []), self.config.num_texts
        recent = samples[-_RECENT:]
        rate = max(1.0, sum(sample.new for sample in recent) / len(recent)) if recent else asked
        wanted = min(math.ceil(item.missing / rate), self.most_calls - item.calls)
        return round_size(self.config.incentive, name, wanted=wanted, calls=len(samples), asked=asked)

    def _round(self, asker: Asker, planned: Sequence[tuple[LabelState, str, Call]]) -> None:
        calls = [call for _, _, call in planned]
        written, until, wanted = outlook(self.labels, num_calls=len(calls))
        self._rounds.begin(written / wanted, until / wanted)
        what = f"gen {self.cell}: {written:,} of {wanted:,} texts"
        answers = asker.ask(calls, what=what, progress=self._rounds)
        self._rounds.say(f"{what}, gates")
        for (item, name, _), reply in zip(planned, answers, strict=True):
            origin = f"call {item.calls}" if name == NONE else f"call {item.calls}, {name}"
            before = item.accepted
            brought = self.rows.add_reply(reply, item, origin=origin, asked=self.config.num_texts)
            item.samples.setdefault(name, []).append(brought)
            item.written[name] += item.accepted - before
            item.calls += 1

    def _call(self, item: LabelState, number: int, show: Show | None) -> Call:
        seed = derive_seed(self.config.seed, "gen", self.salt, item.label.name, number)
        draw = random.Random(seed)
        shown = show(draw) if show else Shown(examples=shuffled(tuple(item.seeds), draw))
        return Call(
            prompt=prompts.gen(
                self.cell.task,
                self.cell.language,
                item.label,
                seed_texts=shown.examples,
                explanation=item.explanation.text,
                label_style=self.config.label_style,
                num_texts=self.config.num_texts,
                taboo=shown.taboo,
            ),
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            repetition_penalty=self.config.repetition_penalty,
            max_tokens=self.config.max_tokens,
            seed=seed,
        )

    # -- after it -----------------------------------------------------------------------------------------------------

    def _summary(self, asker: Asker) -> dict[str, Any]:
        counts = Counter(row["status"] for row in self.rows.rows)
        shown = [len(item.seeds) for item in self.labels]
        return {
            "model": asker.model.name,
            "folder": asker.model.folder,  # where the judge finds it again; no part of any key
            "rows": len(self.rows.rows),
            "ok": counts["ok"],
            "statuses": dict(counts),
            "unanswered": counts["refused"] + counts["failed"],
            "incentives": dict(sum((item.written for item in self.labels), Counter())),
            "labels": {item.label.name: item.as_json(self.rows.sightings) for item in self.labels},
            "seeds": "-".join(map(str, sorted({min(shown), max(shown)}))),  # per label, as they were shown
            "usage": asker.usage.as_json(),
        }
