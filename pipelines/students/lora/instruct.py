"""Rows for instruction tuning: the classification prompt in the model's chat template, and the label as its answer.

Here: tokens of prompts and answers, texts that are too long. Not here: the wording (`prompts/`), the template
(`engines/prompt_tokens.py`), training.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines import prompts
from sdc.pipelines.engines import answers
from sdc.pipelines.tasks import Task

#: Room for an answer behind every prompt, in tokens: what the paper lets students generate.
ANSWER_TOKENS = 20


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """One training row: the tokens of prompt and answer, of which the answer alone is learnt, and what it counts."""

    ids: tuple[int, ...]
    num_prompt: int
    weight: float = 1.0


class Instructions:
    """Makes the rows of one task for one model.

    Args:
        tokenizer: Of the model.
        prompt_ids: Prompt -> token ids in the chat template, with one BOS.
        task: Its instruction and labels.
        limit: Tokens that prompt and answer may have together.
        model: Name for errors.
    """

    def __init__(
        self, tokenizer: Any, prompt_ids: Callable[[str], list[int]], task: Task, *, limit: int, model: str
    ) -> None:
        self._prompt_ids, self._task, self._limit, self._model = prompt_ids, task, limit, model
        # As engines score answers: the label and the end of the turn.
        self._answers = [answers.choice_ids(tokenizer, name) for name in task.label_names]
        self._room = limit - max(ANSWER_TOKENS, *map(len, self._answers))
        self._prompts: dict[str, str] = {}
        #: Texts that had to be cut.
        self.num_cut = 0

    @property
    def label_tokens(self) -> list[int]:
        """How many tokens of each label are learnt and scored, with the end of the turn."""
        return list(map(len, self._answers))

    def prompt(self, text: str) -> str:
        """Returns the prompt for a text; a text that is too long is cut at its end, for tests as for training.

        Raises:
            EngineError: There is no room even for the instruction.
        """
        if text not in self._prompts:
            prompt = self._whole(text)
            if not self._fits(prompt):
                prompt = self._whole(self._cut(text))
                self.num_cut += 1
            self._prompts[text] = prompt
        return self._prompts[text]

    def forget(self) -> None:
        """Drops the prompts that are remembered."""
        self._prompts.clear()

    def row(self, text: str, label: int) -> TokenRow:
        """Returns the training row of an example."""
        prompt = self._prompt_ids(self.prompt(text))
        return TokenRow(ids=(*prompt, *self._answers[label]), num_prompt=len(prompt))

    def _whole(self, text: str) -> str:
        return prompts.classify(self._task, text=text)

    def _fits(self, prompt: str) -> bool:
        return len(self._prompt_ids(prompt)) <= self._room

    def _cut(self, text: str) -> str:
        """Returns as much of the beginning of a text as fits."""
        if not self._fits(self._whole("")):
            raise EngineError(
                f"the instruction of task {self._task.name} does not fit into {self._limit} tokens",
                self._model,
                "use a larger --max-length, or a model with a longer context",
            )
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self._fits(self._whole(text[:middle])):
                fits = middle
            else:
                too_long = middle
        return text[:fits]
