"""What the engines that run a model on this machine have in common, so that both give the same replies.

Here: how long an answer may become, which tokens a choice is, how generated tokens become a reply's text. Not here:
prompts (`prompt_tokens.py`), computing (each engine).
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import thinking, turns
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer
from sdc.pipelines.engines.protocol import Call, Reply

#: Where the context is nearly full, answers get whole blocks of so many tokens.
_ROOM_TOKENS = 32
_TOO_LONG = "exceeds the context of"


def room(call: Call, *, num_prompt: int, limit: int | None) -> int:
    """Returns how many tokens of an answer fit behind a prompt; at least 1, so that too long a prompt is an error.

    It depends on the call alone, or a reply could be cut because its neighbour in the batch is long. Calls of one room
    may share a batch, so a room below `max_tokens` is rounded down to whole blocks.

    Args:
        call: Says how many tokens are wanted.
        num_prompt: Tokens of its prompt.
        limit: Tokens that the model can see; None is no limit.

    >>> [room(Call(prompt="", max_tokens=100), num_prompt=tokens, limit=2048) for tokens in (9, 1980, 2040, 3000)]
    [100, 64, 8, 1]
    """
    if call.choices or limit is None:
        return call.max_tokens
    left = limit - num_prompt
    if left >= call.max_tokens:
        return call.max_tokens
    return max(1, left if left < _ROOM_TOKENS else left - left % _ROOM_TOKENS)


def too_long(*, num_prompt: int, room: int, limit: int) -> Reply:
    """Returns the failed reply to a prompt that leaves no room for its answer: other calls are not its concern."""
    reason = f"a prompt of {num_prompt} tokens with {room} for the answer {_TOO_LONG} {limit}"
    return Reply(finish="failed", reason=reason, prompt_tokens=num_prompt)


def require_room(replies: Sequence[Reply], label: str) -> None:
    """Raises an EngineError if not a single prompt left room for its answer: then it is the settings' fault."""
    if replies and all(_TOO_LONG in reply.reason and not reply.is_answer for reply in replies):
        fix = "use fewer shots or seed examples, or a model with a longer context"
        raise EngineError(replies[0].reason, label, fix)


def require_known(ids: Sequence[int], *, num_known: int, label: str) -> None:
    """Raises an EngineError if a model has no embedding for a token: its tokenizer is another model's."""
    if ids and max(ids) >= num_known:
        what = f"the tokenizer gives token {max(ids)}, and the model knows {num_known}"
        raise EngineError(what, label, "use the tokenizer that belongs to the model")


def choice_ids(tokenizer: Any, choice: str) -> list[int]:
    """Returns the token ids of a choice as the whole answer: its text and the end of the turn."""
    end = turns.end_of_turn(tokenizer)
    return [*tokenizer(choice, add_special_tokens=False)["input_ids"], *([] if end is None else [end])]


def end_ids(tokenizer: Any, generation_eos: int | Sequence[int] | None) -> set[int]:
    """Returns the tokens that end an answer: of the generation settings, the tokenizer and the chat template.

    Raises:
        EngineError: The settings name something else than tokens.
    """
    ends = [generation_eos] if isinstance(generation_eos, int) else list(generation_eos or ())
    if not all(isinstance(end, int) for end in ends):
        what = f"the eos_token_id of its generation settings is {str(generation_eos)[:80]!r}, no number of a token"
        raise EngineError(what, str(tokenizer.name_or_path), "correct generation_config.json")
    return {int(end) for end in (*ends, tokenizer.eos_token_id, turns.end_of_turn(tokenizer)) if end is not None}


def read(
    tokenizer: Any, ids: Sequence[int], *, ends: Collection[int], stop: Sequence[str], room: int
) -> tuple[str, str, int | None]:
    """Returns the text of generated ids, why it ends (`stop` or `length`), and where an end token stands, if at all."""
    end = next((i for i, token in enumerate(ids) if token in ends), None)
    text = thinking.decode(tokenizer, ids[:end])
    cut = min((text.find(string) for string in stop if string in text), default=None)
    finish = "length" if end is None and cut is None and len(ids) >= room else "stop"
    return text[:cut], finish, end


def stopper(tokenizer: Any, stop: Sequence[str]) -> Callable[[Sequence[int]], bool]:
    """Returns what says whether the last of some generated tokens completes a stop string."""
    # A string has at most as many tokens as bytes; some more, since the first ones of a row may decode otherwise.
    most = max((len(string.encode()) for string in stop), default=0) + 4

    def is_stopped(tokens: Sequence[int]) -> bool:
        text = tokenizer.decode(tokens[-most:], skip_special_tokens=True) if stop else ""
        return any(string in text for string in stop)

    return is_stopped


def num_tokens(model: Model, choices: Sequence[str], *, engine: str | None) -> list[int] | None:
    """Returns how many tokens of each choice are scored, with the end of the turn; None where that is not known here.

    Args:
        model: Whose tokens.
        choices: As in a call.
        engine: What answered, None if the reply cache did: then a model on the hub is not asked for.
    """
    if model.served or not (model.digest or engine in ("transformers", "vllm")):
        return None
    try:
        tokenizer = load_tokenizer(model)
    except (EngineError, ImportError):  # replies may have come from elsewhere
        return None
    return [len(choice_ids(tokenizer, choice)) for choice in choices]
