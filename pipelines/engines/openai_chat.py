"""What a chat server is asked for a call, and what its answer means.

Here: the fields of a request, those of one kind of server among them, and the strict reading of answers.
Not here: sending (`openai_http.py`), label scores (`openai_scores.py`).
"""

import re
from collections.abc import Mapping
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines.openai_http import Rejected, Server, TryFailed, scrub
from sdc.pipelines.engines.openai_served import Served
from sdc.pipelines.engines.protocol import Call, Reply

PATH = "/chat/completions"
_MUSTS = ("model", "messages")
#: OpenAI takes no more; all are cut off here too.
_MOST_STOPS = 4
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
_FINISH = {"stop": "stop", "eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop"}
_FINISH |= {"length": "length", "max_tokens": "length", "model_length": "length"}
_UNKNOWN_FIELD = re.compile(r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|extra|not permitted", re.I)
_FIXES = {
    "temperature": "use a model that takes it, or --temperature 1 where the command has it",
    "repetition_penalty": "set --repetition-penalty 1",
    "repeat_penalty": "set --repetition-penalty 1",
}


class Chat:
    """Chat completions of one model; remembers which fields its server takes.

    Args:
        served: The model.
        where: The server, as messages show it.
    """

    def __init__(self, served: Served, *, where: str) -> None:
        self.served, self.where = served, where
        self._limit = "max_tokens"
        self._refused: set[str] = set()  # optional fields that the server does not take

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
                return await server.post(PATH, body)
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
            self._limit: call.max_tokens,
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
        body |= optional or {}
        return {name: value for name, value in body.items() if name not in self._refused}

    def reply(self, raw: Any, call: Call) -> Reply:
        """Returns the reply in an answer's JSON.

        Raises:
            TryFailed: It is no chat completion, or another model's.
        """
        choice = first_choice(raw, self.served)
        message, finish = choice.get("message"), choice.get("finish_reason")
        if not isinstance(message, dict) or not isinstance(finish, str | None):
            raise TryFailed("the answer holds no message")
        usage = tokens(raw)
        if message.get("refusal") or finish == "content_filter":
            return Reply(finish="refused", reason=scrub(str(message.get("refusal") or "content filter")), **usage)
        if finish is not None and finish not in _FINISH:
            raise TryFailed(scrub(f"the answer ended with {finish!r}"))
        text = _text(message.get("content"))
        cut = min((text.find(stop) for stop in call.stop if stop and stop in text), default=None)
        return Reply(text=text[:cut], finish="stop" if cut is not None else _FINISH[finish or "stop"], **usage)


def refuses(no: Rejected, field: str) -> bool:
    """Returns whether a no is about a field of the request: the server does not know it, or not that value."""
    named = re.search(rf"(?<![a-z_]){field}(?![a-z_])", no.reason) is not None
    return named and (_UNKNOWN_FIELD.search(no.reason) is not None or no.code.startswith(("unsupported", "unknown")))


def first_choice(raw: Any, served: Served) -> dict[str, Any]:
    """Returns the first choice in an answer.

    Raises:
        TryFailed: There is none, or the answer is another model's.
    """
    choices = raw.get("choices") if isinstance(raw, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = raw.get("error") if isinstance(raw, dict) else None
        said = error.get("message") if isinstance(error, dict) else error
        raise TryFailed(scrub(f"the answer holds no choice{f' ({said})' if said else ''}"))
    model = raw.get("model")
    if isinstance(model, str) and not served.is_same(model):
        raise TryFailed(scrub(f"the answer is from {model!r} and not from {served.name!r}"))
    return choices[0]


def tokens(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the token counts of an answer as fields of a Reply; what the server does not count is left out."""
    usage = raw.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    counts = {
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cached_tokens": details.get("cached_tokens"),
    }
    return {name: count for name, count in counts.items() if isinstance(count, int) and count >= 0}


def _text(content: Any) -> str:
    """Returns a message's text; no content at all is the empty text.

    Raises:
        TryFailed: It is neither text nor a list of parts.
    """
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str | None):
        raise TryFailed("the answer's content is no text")
    # A reply cut within a character may hold half of it, which no file can store.
    return (content or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
