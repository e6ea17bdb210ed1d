"""The prompts that sdc sends, one template per purpose, and the digests that put them into keys.

Here: rendering. Generation and classification are worded as in Table 1 of the paper; a task's words are in its TOML.
Not here: sampling parameters, parsing of replies.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sdc.pipelines.tasks import Label, Task
from sdc.pipelines.tasks.languages import Language
from sdc.pipelines.text.folding import one_line

if TYPE_CHECKING:
    from jinja2 import Template

#: What separates the texts of one generation, in the prompt and in the reply (appendix A of the paper).
SEPARATOR = "---"
#: How the label is named to the generator: its name, the explanation that the LLM wrote (the paper), or both.
LABEL_STYLES = ("name", "explanation", "both")


def digest(name: str) -> str:
    """Returns the sha256 of the template `name`, for keys."""
    return hashlib.sha256(_source(name).encode()).hexdigest()


def gen(
    task: Task,
    language: Language,
    label: Label,
    *,
    seed_texts: Sequence[str],
    explanation: str = "",
    label_style: str = "both",
    num_texts: int = 10,
    taboo: Sequence[str] = (),
) -> str:
    """Returns the generation prompt for one label (Table 1, first row), with words to avoid if there are any."""
    named = {"name": label.name, "explanation": explanation or label.name}
    named["both"] = f"{label.name} ({explanation})" if explanation else label.name
    return _template("gen").render(
        num_texts=num_texts,
        text_type=task.text_type,
        language=language.name,
        separator=SEPARATOR,
        label=named[label_style],
        examples=[one_line(text) for text in seed_texts],
        taboo=list(taboo),
    )


def explain(task: Task, language: Language, label: Label, *, seed_texts: Sequence[str]) -> str:
    """Returns the prompt that asks for the explanation of a label from its seed examples (appendix A, Generation)."""
    return _template("explain").render(
        text_type=task.text_type,
        language=language.name,
        label=label.name,
        examples=[one_line(text) for text in seed_texts],
    )


def judge(task: Task, language: Language, label: Label, *, text: str) -> str:
    """Returns the prompt that asks whether a synthetic text is acceptable (section 3, self-revision)."""
    return _template("judge").render(
        text_type=task.text_type, options=task.options, language=language.name, label=label.name, text=one_line(text)
    )


def classify(task: Task, *, text: str, shots: Sequence[tuple[str, str]] = (), options: str | None = None) -> str:
    """Returns the classification prompt (Table 1), with `shots` as (text, label name) pairs before the text.

    `options` is the numbered list of labels; None takes the task's own order.
    """
    return _template("classify").render(
        instruction=task.instruction.replace("{options}", task.options if options is None else options),
        shots=[{"text": one_line(shot), "label": label} for shot, label in shots],
        text=one_line(text),
    )


def _source(name: str) -> str:
    return (Path(__file__).parent / f"{name}.jinja").read_text("utf-8")


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, StrictUndefined

    # Prompts are plain text for a model, never HTML: escaping would change the data.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, autoescape=False)  # noqa: S701
    return environment.from_string(_source(name).rstrip("\n"))
