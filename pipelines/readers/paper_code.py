"""The reader of the paper's released script, kept as it is to show how much of a result is an artefact of it.

Here: defects B1, B2 and B4, reproduced on purpose. Not here: any reader that results should be read with.
"""

from sdc.pipelines.tasks import Task

#: B2: the script's prompt and matcher spell this label of `intent` with an n.
_SCRIPT_SPELLING = {("intent", "audio volume down"): "audio volune down"}


def labels(task: Task) -> tuple[str, ...]:
    """Returns the label names as the released script spells them, in the order of their ids."""
    return tuple(_SCRIPT_SPELLING.get((task.name, name), name) for name in task.label_names)


def read(reply: str, task: Task) -> int | None:
    """Returns the first label whose name, or whose zero-based id as a digit, occurs anywhere in the reply; else None.

    >>> from sdc.pipelines.tasks import load
    >>> read("10) weather query", load("intent"))  # the 0 of "10" is taken for class 0
    0
    >>> read("not negative, positive", load("sentiment"))
    0

    Source: the paper's public repository, main.py, `llm_prompting_icl`.
    """
    lowered = reply.lower()
    for index, label in enumerate(labels(task)):
        if label in lowered or str(index) in lowered:
            return index
    return None
