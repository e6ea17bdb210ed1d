"""What a chat server is asked for a call, and what its answer means.

Here: the fields of a request, those of one kind of server among them, and the strict reading of answers.
Not here: sending (`http.py`), label scores (`scores.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import reasoning, thinking
from sdc.pipelines.engines.openai import finish as openai_finish
from sdc.pipelines.engines.openai import message as openai_message
from sdc.pipelines.engines.openai import safe_json
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.secrets import scrub
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.protocol import Call, Reply

PATH = "/chat/completions"
_MUSTS = ("model", "messages")
#: OpenAI takes no more; all are cut off here too.
_MOST_STOPS = 4
_NAME_CHARS = 200
#: Some servers sample by a model's own defaults (top_k 20, say) unless a request says otherwise. With these fields they
#: sample as the call says, and as every other engine does.
_NEUTRAL: dict[str, dict[str, Any]] = {
    "vllm": {"top_k": -1, "min_p": 0.0},
    "sglang": {"top_k": -1, "min_p": 0.0},
    "llamacpp": {"top_k": 0, "min_p": 0.0, "repeat_last_n": -1},
}
#: What they call the repetition penalty; these take it in every request, as it may be among a model's defaults.
_PENALTY = {"vllm": "repetition_penalty", "sglang": "repetition_penalty", "llamacpp": "repeat_penalty"}
#: Servers that take no repetition penalty and do not say so.
_DEAF = {"library": "Ollama"}
#: What an answer may take, in bytes: in all, for each token, and for its log-probabilities where they are asked for.
_BASE_BYTES, _TOKEN_BYTES, _LOGPROBS_BYTES = 2**20, 256, 4096
#: Room for the answer to a call with choices: a label is short, but a model that reasons needs more before it.
_LABEL_TOKENS = (0, 2048, 16384)
_UNKNOWN_FIELD = re.compile(r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|extra|not permitted", re.I)
#: How servers with templates of their own, and those without, are told that the model shall not reason.
_SWITCHED = {"chat_template_kwargs": dict.fromkeys(thinking.SWITCHES, False)}
_FIXES = {
    "reasoning_effort": "drop --no-think: this model or server has no such switch",
    "chat_template_kwargs": "drop --no-think: this model or server has no such switch",
    "temperature": "use a model that takes it, or --temperature 1 where the command has it",
    "repetition_penalty": "set --repetition-penalty 1",
    "repeat_penalty": "set --repetition-penalty 1",
}


class Chat:
    """Chat completions of one model; remembers which fields its server takes.

    Args:
        served: The model.
        where: The server, as messages show it.
        think: Whether the model may reason; False tells it not to, where the server has a switch.
    """

    def __init__(self, served: Served, *, where: str, think: bool = True) -> None:
        self.served, self.where, self.think = served, where, think
        self._limit = "max_tokens"
        self._refused: set[str] = set()  # optional fields that the server does not take
        self._label_room = 0  # position in _LABEL_TOKENS; grows when reasoning does not fit

    async def ask(self, server: Server, call: Call, *, optional: Mapping[str, Any] | None = None) -> Any:
        """Returns the server's answer to a call as JSON, unread.

        Args:
            server: Where to ask.
            call: What to ask.
            optional: More fields, left out where the server does not take them.

        Raises:
            TryFailed: No usable answer.
            Rejected: A no to this prompt.
            EngineError: The server does not take a setting of the call, and leaving it out would change results.
        """
        while True:
            body = self.body(call, optional=optional)
            try:
                return await server.post(PATH, body, most=_most_bytes(body))
            except Rejected as no:
                if "max_tokens" in body and "max_completion_tokens" in no.reason:
                    self._limit = "max_completion_tokens"
                    continue
                field = next((name for name in body if name not in _MUSTS and refuses(no, name)), None)
                if field is None:
                    raise
                if field != "seed" and field not in (optional or {}):
                    what = f"the server does not take {field}={body[field]!r} ({no.reason})"
                    fix = _FIXES.get(field, "use another server or model")
                    raise EngineError(what, self.where, fix) from None
                self._refused.add(field)

    def body(self, call: Call, *, optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Returns the request for a call.

        Raises:
            EngineError: The server is of a kind that would ignore a setting of the call.
        """
        maker = self.served.maker
        body: dict[str, Any] = {
            "model": self.served.name,
            "messages": [{"role": "user", "content": call.prompt}],
            self._limit: max(call.max_tokens, _LABEL_TOKENS[self._label_room]) if call.choices else call.max_tokens,
            "temperature": call.temperature,
            **_NEUTRAL.get(maker, {}),
        }
        if call.temperature > 0:
            body |= {"top_p": call.top_p, "seed": call.seed}
        if call.stop:
            body["stop"] = list(call.stop[:_MOST_STOPS])
        if call.repetition_penalty != 1 or maker in _PENALTY:
            if maker in _DEAF:
                raise EngineError(f"{_DEAF[maker]} has no repetition penalty", self.where, "set --repetition-penalty 1")
            body[_PENALTY.get(maker, "repetition_penalty")] = call.repetition_penalty
        if not self.think:
            body |= _SWITCHED if maker in _NEUTRAL else {"reasoning_effort": "none"}
        body |= optional or {}
        return {name: value for name, value in body.items() if name not in self._refused}

    def most_bytes(self, call: Call) -> int:
        """Returns how many bytes the answer to a call may have, log-probabilities among them."""
        return _most_bytes(self.body(call, optional={"logprobs": True} if call.choices else None))

    def reply(self, raw: Any, call: Call) -> Reply:
        """Returns the reply in an answer's JSON.

        Raises:
            TryFailed: It is no chat completion, it is empty, or another model's.
        """
        choice = first_choice(raw)
        message, ending = choice.get("message"), choice.get("finish_reason")
        if not isinstance(message, dict):
            raise TryFailed("the answer holds no message")
        ending = None if ending is None else str(ending)[:40]  # what is no word says as little as an unknown one
        counts, finish = tokens(raw), openai_finish.meaning(ending)
        if message.get("refusal") or finish == "refused":
            reason = message.get("refusal") or ("content filter" if ending == "content_filter" else ending)
            return Reply(finish="refused", reason=scrub(str(reason)), model=answered_by(raw), **counts)
        if finish == "broken":
            raise TryFailed(f"the answer ended with {ending!r}")
        if not ending and (counts["completion_tokens"] or 0) >= call.max_tokens:
            finish = "length"
        text, thought = openai_message.read(message)
        whole = Reply(text=text, finish=finish, reasoning=thought, model=answered_by(raw), **counts)
        reply = self._own(reasoning.split_off(whole))
        if not reply.text.strip():
            if finish != "length":
                raise TryFailed(reply.reason or "the answer is empty")
            return self._used_up(replace(reply, finish="failed", reason=reasoning.USED_UP), call)
        cut = min((reply.text.find(stop) for stop in call.stop if stop and stop in reply.text), default=None)
        return replace(reply, text=reply.text[:cut], finish="stop" if cut is not None else reply.finish)

    def _own(self, reply: Reply) -> Reply:
        """Returns a reply of the model that was asked.

        Raises:
            TryFailed: It is another model's; another try may be answered by the right one.
        """
        if self.served.accepts(reply.model):
            return reply
        what = f"the answer is from {reply.model!r} and not from {self.served.name!r}"
        came = replace(reply, finish="failed", stranger=reply.finish, reason=scrub(what))
        raise TryFailed(what, came=came if reply.is_answer and reply.text.strip() else None)

    def _used_up(self, reply: Reply, call: Call) -> Reply:
        """Returns the reply of a model whose tokens went into reasoning; where they are no setting, it gets more."""
        if call.choices and self._label_room + 1 < len(_LABEL_TOKENS):
            asked = max(call.max_tokens, _LABEL_TOKENS[self._label_room])
            if (reply.completion_tokens or asked) >= asked:
                self._label_room += 1
            raise TryFailed("all tokens of the answer went into reasoning; it gets more")
        return reply


def refuses(no: Rejected, field: str) -> bool:
    """Returns whether a no is about a field of the request: the server does not know it, or not that value."""
    named = re.search(rf"(?<![a-z_]){field}(?![a-z_])", no.reason) is not None
    return named and (_UNKNOWN_FIELD.search(no.reason) is not None or no.code.startswith(("unsupported", "unknown")))


def first_choice(raw: Any) -> dict[str, Any]:
    """Returns the first choice in an answer.

    Raises:
        TryFailed: There is none.
    """
    choices = raw.get("choices") if isinstance(raw, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = raw.get("error") if isinstance(raw, dict) else None
        said = error.get("message") if isinstance(error, dict) else error
        raise TryFailed(f"the answer holds no choice{f' ({said})' if said else ''}")
    return choices[0]


def answered_by(raw: Mapping[str, Any]) -> str:
    """Returns what an answer calls its model; empty where it does not say."""
    model = raw.get("model")
    return model[:_NAME_CHARS] if isinstance(model, str) else ""


def tokens(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the token counts of an answer as fields of a Reply; None for what the server does not count."""
    usage = _dict(raw.get("usage"))
    return {
        "prompt_tokens": safe_json.count(usage.get("prompt_tokens")),
        "completion_tokens": safe_json.count(usage.get("completion_tokens")),
        "cached_tokens": safe_json.count(_dict(usage.get("prompt_tokens_details")).get("cached_tokens")),
        "reasoning_tokens": safe_json.count(_dict(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    }


def _most_bytes(body: Mapping[str, Any]) -> int:
    num_tokens = body.get("max_tokens") or body.get("max_completion_tokens") or 0
    return _BASE_BYTES + num_tokens * (_TOKEN_BYTES + (_LOGPROBS_BYTES if body.get("logprobs") else 0))


def _dict(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}
