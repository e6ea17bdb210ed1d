"""Label scores from chat answers, where exact ones (`openai_exact.py`) cannot be had.

Here: log-probabilities of the first token, where it tells the choices apart; else the reply is a text, for a reader.
Not here: chat requests (`openai_chat.py`).
"""

import math
from collections.abc import Sequence
from typing import Any

from sdc.pipelines.engines.openai_chat import Chat, tokens
from sdc.pipelines.engines.openai_served import Served
from sdc.pipelines.engines.protocol import Call, Reply

FIRST_ONLY = "from the first token alone"
_TOP = 20


def chat_fields(call: Call, served: Served) -> dict[str, Any]:
    """Returns the fields with which a chat answer to a call with choices tells most: its likelihoods, and a label."""
    fields: dict[str, Any] = {}
    if _are_told_apart(call.choices):
        fields |= {"logprobs": True, "top_logprobs": _TOP}
    if served.maker == "vllm":
        # The older name, guided_choice, is ignored without a word: what comes back is checked all the same.
        fields["structured_outputs"] = {"choice": list(call.choices)}
    return fields


def chat_reply(chat: Chat, raw: Any, call: Call) -> Reply:
    """Returns the reply to a call with choices that was asked with `chat_fields`.

    It is scored if the likely first tokens hold one of every choice; else it is a text, which is a choice or is not.

    Raises:
        TryFailed: The answer is no chat completion, or another model's.
    """
    reply = chat.reply(raw, call)
    if not reply.is_answer:
        return reply
    scores = first_token(raw["choices"][0].get("logprobs"), call.choices)
    counts = tokens(raw)
    if scores:
        return Reply(scores=scores, finish="scored", reason=FIRST_ONLY, **counts)
    label = reply.text.strip()
    return Reply(text=label if label in call.choices else reply.text, finish=reply.finish, **counts)


def first_token(logprobs: Any, choices: Sequence[str]) -> tuple[float, ...]:
    """Returns the log-probability that the answer begins as each choice does; empty where one is not among the likely.

    >>> top = [{"token": "yes", "logprob": -0.5}, {"token": " no", "logprob": -1.5}, {"token": "Maybe", "logprob": -3}]
    >>> first_token({"content": [{"token": "yes", "top_logprobs": top}]}, ["yes", "no"])
    (-0.5, -1.5)
    >>> first_token({"content": [{"token": "yes", "top_logprobs": top}]}, ["yes", "never"])
    ()
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    first = content[0] if isinstance(content, list) and content else None
    top = first.get("top_logprobs") if isinstance(first, dict) else None
    if not isinstance(top, list) or not _are_told_apart(choices):
        return ()
    likely = [
        (entry["token"].strip(), float(entry["logprob"]))
        for entry in top
        if isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
    ]
    scores = []
    for choice in choices:
        fitting = [logprob for token, logprob in likely if token and choice.startswith(token)]
        if not fitting:
            return ()
        best = max(fitting)
        scores.append(best + math.log(math.fsum(math.exp(logprob - best) for logprob in fitting)))
    return tuple(scores)


def _are_told_apart(choices: Sequence[str]) -> bool:
    """Returns whether the first character tells the choices apart, and so their first token, whatever the tokenizer."""
    return len({choice[:1] for choice in choices}) == len(choices) and all(choices)
