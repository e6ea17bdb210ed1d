"""What is asked of vLLM for a call, and how its outputs become a reply.

Here: requests for texts, likelihoods and answers that are held to choices; reading their outputs. Not here: the
scheduler that they go through (`vllm.py`), what the transformers engine does alike (`answers.py`).
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import answers, thinking
from sdc.pipelines.engines.forks import forks
from sdc.pipelines.engines.prompt_tokens import prompt_ids
from sdc.pipelines.engines.protocol import Call, Reply

#: The most tokens whose log-probabilities vLLM gives at once.
_TOKENS_PER_REQUEST = 128


@dataclass(frozen=True, kw_only=True)
class Request:
    """One prompt for vLLM, as token ids, and how it is to be continued."""

    ids: list[int]
    params: Any


@dataclass(kw_only=True)
class PendingCall:
    """A call while it is answered.

    Args:
        position: Of the call among those asked.
        call: The call.
        num_prompt: Tokens of its prompt; requests may have more.
        room: The most tokens of an answer.
        requests: One if a text is asked for, some for likelihoods.
        read: Makes the reply when all outputs are there.
        outputs: vLLM's output of each request that is finished.
    """

    position: int
    call: Call
    num_prompt: int
    room: int
    requests: list[Request]
    read: Callable[["PendingCall"], Reply]
    outputs: dict[int, Any] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether all outputs are there."""
        return len(self.outputs) == len(self.requests)

    def reply(self) -> Reply:
        """Returns the reply. Cached tokens are those that an earlier call left, not what requests of one call share."""
        cached = min(self.num_prompt, *(output.num_cached_tokens or 0 for output in self.outputs.values()))
        ends = {str(output.outputs[0].finish_reason) for output in self.outputs.values()}
        if ends <= {"stop", "length"}:
            reply = self.read(self)
        else:
            reply = Reply(finish="failed", reason=f"vllm ended the call by {', '.join(sorted(ends))}")
        return replace(reply, prompt_tokens=self.num_prompt, cached_tokens=cached)


class RequestBuilder:
    """Makes the requests for calls to one model, and reads what comes of them.

    Args:
        tokenizer: The model's.
        label: The model's name, for errors.
        limit: Tokens that the model can see.
        ends: Tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, *, label: str, limit: int, ends: Collection[int]) -> None:
        self._tokenizer, self._label, self._limit, self._ends = tokenizer, label, limit, ends

    def answer(self, position: int, call: Call) -> PendingCall:
        """Returns the call with the requests that write a text, or scores the choices if there are any.

        Raises:
            Unfit: The prompt is too long.
            EngineError: vLLM refuses a setting.
        """
        return self._score(position, call) if call.choices else self._write(position, call)

    def choose(self, position: int, call: Call) -> PendingCall:
        """Returns the call with the requests that write one of the choices.

        Raises:
            EngineError: As for `answer`.
        """
        from vllm.sampling_params import StructuredOutputsParams

        ids = prompt_ids(self._tokenizer, call.prompt)
        # A choice has at most as many tokens as bytes, however it is cut; and the end of the turn.
        room = self._checked(ids, 1 + max(len(choice.encode()) for choice in call.choices))
        held = StructuredOutputsParams(choice=list(dict.fromkeys(call.choices)))
        return self._one(position, call, ids, room, self._params(call, room, structured_outputs=held), self._chosen)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _write(self, position: int, call: Call) -> PendingCall:
        ids = prompt_ids(self._tokenizer, call.prompt)
        room = self._checked(ids, answers.room(call, num_prompt=len(ids), limit=self._limit))
        return self._one(position, call, ids, room, self._params(call, room, stop=list(call.stop)), self._written)

    def _score(self, position: int, call: Call) -> PendingCall:
        """Asks, wherever a choice goes on or two part, how likely each token is that may follow.

        So a beginning that choices share is asked once, and every request is an ordinary one that finds its prompt in
        the prefix cache. vLLM can also score the tokens of a prompt itself, but not those that it finds there.
        """
        ids = [*prompt_ids(self._tokenizer, call.prompt), *thinking.before_answer(self._tokenizer)]
        choices = [answers.choice_ids(self._tokenizer, choice) for choice in call.choices]
        room = self._checked(ids, max(map(len, choices)))
        requests = [
            Request(ids=[*ids, *start], params=_score_params(tokens[i : i + _TOKENS_PER_REQUEST]))
            for start, tokens in forks(choices).items()
            for i in range(0, len(tokens), _TOKENS_PER_REQUEST)
        ]
        return PendingCall(
            position=position, call=call, num_prompt=len(ids), room=room, requests=requests, read=self._scored
        )

    def _one(
        self, position: int, call: Call, ids: list[int], room: int, params: Any, read: Callable[[PendingCall], Reply]
    ) -> PendingCall:
        requests = [Request(ids=ids, params=params)]
        return PendingCall(position=position, call=call, num_prompt=len(ids), room=room, requests=requests, read=read)

    def _checked(self, ids: Sequence[int], room: int) -> int:
        if len(ids) + room > self._limit:
            raise Unfit(answers.too_long(num_prompt=len(ids), room=room, limit=self._limit))
        return room

    def _params(self, call: Call, room: int, **more: Any) -> Any:
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        try:
            return SamplingParams(
                temperature=call.temperature,
                top_p=call.top_p,
                repetition_penalty=call.repetition_penalty,
                max_tokens=room,
                seed=call.seed,
                stop_token_ids=sorted(self._ends),
                output_kind=RequestOutputKind.FINAL_ONLY,
                **more,
            )
        except refusals() as error:  # it knows fewer values than we do, such as temperatures up to 2 only
            raise refused(self._label, error) from error

    # -- replies ------------------------------------------------------------------------------------------------------

    def _written(self, pending: PendingCall) -> Reply:
        ids = list(pending.outputs[0].outputs[0].token_ids)
        text, finish, _ = answers.read(self._tokenizer, ids, ends=self._ends, stop=pending.call.stop, room=pending.room)
        return Reply(text=text, finish=finish, completion_tokens=len(ids))

    def _chosen(self, pending: PendingCall) -> Reply:
        reply = replace(self._written(pending), finish="stop")
        if reply.text in pending.call.choices:
            return reply
        return replace(reply, finish="failed", reason=f"{reply.text[:80]!r} is none of the choices")

    def _scored(self, pending: PendingCall) -> Reply:
        logprobs: dict[tuple[int, ...], float] = {}
        for number, request in enumerate(pending.requests):
            start = tuple(request.ids[pending.num_prompt :])
            for token, found in pending.outputs[number].outputs[0].logprobs[0].items():
                logprobs[(*start, token)] = found.logprob
        choices = [tuple(answers.choice_ids(self._tokenizer, choice)) for choice in pending.call.choices]
        scores = tuple(math.fsum(logprobs[choice[:i]] for i in range(1, len(choice) + 1)) for choice in choices)
        return Reply(scores=scores, finish="scored", completion_tokens=sum(map(len, choices)))


class Unfit(Exception):
    """A prompt that leaves no room for its answer, with the failed reply to it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


def refusals() -> tuple[type[Exception], ...]:
    """Returns the errors with which vLLM refuses a call."""
    from vllm.exceptions import VLLMClientError

    return (VLLMClientError, ValueError)


def refused(label: str, error: Exception) -> EngineError:
    """Returns the one line for a call that vLLM refuses."""
    what = f"vllm refuses the call ({first_line(error, most=200)})"
    return EngineError(what, label, "change the setting, or use another --engine")


def _score_params(tokens: Sequence[int]) -> Any:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    return SamplingParams(
        temperature=0.0,
        max_tokens=1,
        logprob_token_ids=list(tokens),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
