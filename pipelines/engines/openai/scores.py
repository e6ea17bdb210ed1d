"""Label scores from chat answers, where exact ones (`exact.py`) cannot be had.

Here: log-probabilities of the first token, where it tells the choices apart; else the reply is a text, for a reader.
Not here: chat requests (`chat.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sdc.pipelines.engines.openai.chat import Chat
from sdc.pipelines.engines.openai.safe_json import logprob
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call, Reply

FIRST_ONLY = "from the first token alone"
_TOP = 20
#: Quotes, markup and brackets may stand before an answer; so many tokens of them are passed over.
_AROUND = " \t\r\n\"'`“”„‘’«»*_#([{<>:-–—.,!"
_AROUND_TOKENS = 4
#: Probabilities of different tokens that sum to more than this are none.
_WHOLE = 1.05


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
    # Where a model has reasoned, the first token is that of its thoughts.
    scores = () if reply.reasoning else first_token(raw["choices"][0].get("logprobs"), call.choices)
    if scores:
        return replace(reply, text="", scores=scores, finish="scored", reason=FIRST_ONLY)
    label = reply.text.strip()
    return replace(reply, text=label if label in call.choices else reply.text)


def first_token(logprobs: Any, choices: Sequence[str]) -> tuple[float, ...]:
    """Returns the log-probability that the answer means each choice; empty where that cannot be told.

    A choice may begin in several ways: in any case, behind a blank, a quote or an asterisk, or with a part of it only.
    Their probabilities are summed. They say nothing, and the text is read instead, where a choice is not among the
    likely beginnings, where what is likeliest is no choice at all, and where the numbers are no log-probabilities.

    Args:
        logprobs: As in a chat answer.
        choices: What may be meant. Those that differ in case or blanks only mean the same, and share its probability.

    >>> top = [{"token": "Yes", "logprob": -0.5}, {"token": "yes", "logprob": -2.5}, {"token": " no", "logprob": -1.5}]
    >>> first_token({"content": [{"token": "Yes", "top_logprobs": top}]}, ["yes", "no"])  # doctest: +ELLIPSIS
    (-0.37307..., -1.5)
    >>> first_token({"content": [{"token": "Yes", "top_logprobs": top}]}, ["yes", "never"])
    ()
    """
    top = _first_word(logprobs)
    meanings = [_meaning(choice) for choice in choices]
    found: dict[str, list[float]] = {meaning: [] for meaning in meanings}
    if not top or not _are_told_apart(choices) or math.fsum(map(math.exp, (value for _, value in top))) > _WHOLE:
        return ()
    likeliest, best = "", -math.inf
    for token, value in top:
        meaning = next((meaning for meaning in found if _begins(token, meaning)), None)
        if meaning is not None:
            found[meaning].append(value)
        if value > best:
            likeliest, best = meaning or "", value
    if not likeliest or not all(found.values()):
        return ()
    return tuple(_log_sum(found[meaning]) - math.log(meanings.count(meaning)) for meaning in meanings)


def _first_word(logprobs: Any) -> list[tuple[str, float]]:
    """Returns the likely tokens where the answer's first word begins, bare and with their log-probabilities."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    for position in content[:_AROUND_TOKENS] if isinstance(content, list) else ():
        top = position.get("top_logprobs") if isinstance(position, dict) else None
        if not isinstance(top, list):
            return []
        found = []
        for entry in top:
            token, value = (
                (entry.get("token"), logprob(entry.get("logprob"))) if isinstance(entry, dict) else (None, None)
            )
            if not isinstance(token, str) or value is None:
                return []
            found.append((_bare(token), value))
        said = position.get("token")
        if not isinstance(said, str) or _bare(said):
            return [(token, value) for token, value in found if token]
    return []


def _bare(token: str) -> str:
    """Returns a token without case and what may stand around an answer; letters of byte-level vocabularies among it."""
    return token.replace("Ġ", " ").replace("▁", " ").replace("Ċ", " ").strip(_AROUND).casefold()


def _meaning(choice: str) -> str:
    """Returns what spellings of one answer have in common; `C#` and `C` are two."""
    return choice.strip(" .").casefold()


def _begins(token: str, meaning: str) -> bool:
    return bool(token) and (
        meaning.startswith(token) or (token.startswith(meaning) and not token[len(meaning)].isalnum())
    )


def _log_sum(values: Sequence[float]) -> float:
    best = max(values)
    return best + math.log(math.fsum(math.exp(value - best) for value in values))


def _are_told_apart(choices: Sequence[str]) -> bool:
    """Returns whether the first character tells what choices mean apart, and so their first token."""
    meanings = {_meaning(choice) for choice in choices}
    return len({meaning[:1] for meaning in meanings}) == len(meanings) and all(meanings)
