"""The right answers of the fault server, so that a test can say what they must be."""

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fault_server import FaultServer


def answer_to(prompt: str) -> str:
    """The right answer to a prompt."""
    return f"answer {zlib.crc32(prompt.encode()):08x}"


def token_logprob(ids: Sequence[int], position: int) -> float:
    """The log-probability of a token, given those before it: made up, but every token before it counts."""
    return -(zlib.crc32(str(list(ids[: position + 1])).encode()) % 10_000) / 1_000


def chat(server: "FaultServer", body: Mapping[str, Any], fault: str = "ok") -> dict[str, Any]:
    """The answer of /v1/chat/completions; a refusal or a cut one where the fault says so."""
    prompt = body["messages"][0]["content"]
    text = answer_to(prompt) if server.text is None else server.text
    if server.say is not None:
        text = server.say(prompt, body.get("seed", 0))
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    if fault == "refusal":
        message |= {"content": None, "refusal": "I will not write that."}
    if fault == "length":
        message["content"], choice["finish_reason"] = text[:6], "length"
    if server.top_logprobs is not None and body.get("logprobs"):
        top = [{"token": token, "logprob": value} for token, value in server.top_logprobs.items()]
        if server.text is None:
            message["content"] = max(server.top_logprobs, key=server.top_logprobs.__getitem__).strip()
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    details = {"prompt_tokens_details": {"cached_tokens": 1}}
    usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": 2, **details}
    model = server.model_shown or body["model"]
    return {"id": "c", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def completion(server: "FaultServer", body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of /v1/completions to prompts of token ids."""
    choices = []
    for index, ids in enumerate(body["prompt"]):
        choice: dict[str, Any] = {"index": index, "text": "", "finish_reason": "length", "logprobs": None}
        if server.forks and "logprob_token_ids" in body:
            top = {f"token_id:{token}": token_logprob([*ids, token], len(ids)) for token in body["logprob_token_ids"]}
            choice["logprobs"] = {"top_logprobs": [{"token_id:0": -1e9, **top}], "token_logprobs": [-1e9]}
        if server.scores and body.get("echo"):
            logprobs = [None, *(token_logprob(ids, position) for position in range(1, len(ids)))]
            choice["logprobs"] = {"token_logprobs": [*logprobs, -0.5]}
        choices.append(choice)
    return {"object": "text_completion", "model": body["model"], "choices": choices, "usage": {}}
