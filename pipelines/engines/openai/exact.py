"""Exact label scores from /v1/completions: log-probabilities of the tokens of every choice as the whole answer.

Here: prompts of token ids, cut by the model's tokenizer on this machine, and two ways to have their continuations
scored. Not here: what is done where neither works (`scores.py`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc.pipelines.engines import answers, hub, thinking, turns
from sdc.pipelines.engines.forks import forks
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai.chat import answered_by, first_choice
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.safe_json import logprob
from sdc.pipelines.engines.openai.served import Served
from sdc.pipelines.engines.prompt_tokens import prompt_ids
from sdc.pipelines.engines.protocol import Call, Reply

_PATH = "/completions"
_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt")
#: The most tokens whose log-probabilities vLLM gives at once.
_MOST_TOKENS = 128
#: Answers of servers that have no such thing as /v1/completions.
_ABSENT = (404, 405, 410, 501)
#: How often a server that has never scored may say no to a way before it is not asked in this way any more.
_MOST_NOES = 3
#: What an answer may take, in bytes: in all, and for each token, which may come back with the likelihoods of others.
_BASE_BYTES, _TOKEN_BYTES = 2**20, 1024

#: A beginning of a choice, and the tokens that may follow it.
_Fork = tuple[tuple[int, ...], list[int]]


class Exact:
    """Scores of whole choices; learns from the first answers which way the server knows.

    Args:
        model: Whose tokenizer cuts the prompts.
        served: The model as the server knows it.
    """

    def __init__(self, model: Model, served: Served) -> None:
        self._served = served
        self._tokenizer = _tokenizer(model)
        self._ways = [self._by_forks, self._by_echo] if served.maker == "vllm" else [self._by_echo]
        if self._tokenizer is None:
            self._ways = []
        self._is_proven, self._noes = False, 0

    @property
    def is_possible(self) -> bool:
        """Whether the server may know a way."""
        return bool(self._ways)

    async def reply(self, server: Server, call: Call) -> Reply | None:
        """Returns the scored reply; None if the server cannot do this, or did not do it here and never has.

        Raises:
            TryFailed: No usable answer.
            Rejected: A no to this prompt, from a server that can.
        """
        prompt = [*prompt_ids(self._tokenizer, call.prompt), *thinking.before_answer(self._tokenizer)]
        choices = [answers.choice_ids(self._tokenizer, choice) for choice in call.choices]
        while self._ways:
            way = self._ways[0]
            try:
                scores = await way(server, prompt, choices)
            except Rejected as no:
                if self._is_proven or no.status in (401, 403):
                    raise
                # It may be the prompt (too long) or a field (no echo, no ids): servers word both in many ways.
                self._noes += 1
                if no.status in _ABSENT:
                    self._ways = []
                elif self._noes >= _MOST_NOES:
                    self._give_up(way)
                return None
            if scores is None:
                self._give_up(way)
                continue
            self._is_proven = True
            num_tokens = sum(map(len, choices))
            return Reply(scores=tuple(scores), finish="scored", prompt_tokens=len(prompt), completion_tokens=num_tokens)
        return None

    def _give_up(self, way: Any) -> None:
        if way in self._ways:  # a call beside this one may have been faster
            self._ways.remove(way)
            self._noes = 0

    async def _by_forks(
        self, server: Server, prompt: Sequence[int], choices: Sequence[Sequence[int]]
    ) -> list[float] | None:
        """Asks, wherever a choice goes on or two part, how likely each token is that may follow.

        These are ordinary requests for one token, which find their prompt in vLLM's prefix cache; prompts that are
        scored themselves do not.
        """
        found: dict[tuple[int, ...], float] = {}
        for part in _packed(forks(choices).items()):
            several = await self._post(
                server,
                [[*prompt, *start] for start, _ in part],
                logprobs=1,
                logprob_token_ids=sorted({token for _, following in part for token in following}),
                return_tokens_as_token_ids=True,
            )
            for (start, following), answer in zip(part, several, strict=True):
                top = _dict(answer.get("logprobs")).get("top_logprobs")
                values = _dict(top[0]) if isinstance(top, list) and top else {}
                for token in following:
                    if f"token_id:{token}" not in values:
                        return None  # a version that does not know these fields
                    found[(*start, token)] = _sound(values[f"token_id:{token}"])
        return [math.fsum(found[tuple(choice[:i])] for i in range(1, len(choice) + 1)) for choice in choices]

    async def _by_echo(
        self, server: Server, prompt: Sequence[int], choices: Sequence[Sequence[int]]
    ) -> list[float] | None:
        """Has the server repeat prompt and choice with the log-probability of every token."""
        several = await self._post(server, [[*prompt, *choice] for choice in choices], echo=True, logprobs=1)
        scores = []
        for choice, answer in zip(choices, several, strict=True):
            num_ids = len(prompt) + len(choice)
            values = _dict(answer.get("logprobs")).get("token_logprobs")
            # Without echo there is the one new token only.
            if not isinstance(values, list) or len(values) not in (num_ids, num_ids + 1):
                return None
            scores.append(math.fsum(map(_sound, values[len(prompt) : num_ids])))
        return scores

    async def _post(self, server: Server, prompts: Sequence[Sequence[int]], **fields: Any) -> list[Mapping[str, Any]]:
        """Returns the server's answers to the prompts, in their order."""
        body = {"model": self._served.name, "prompt": prompts, "max_tokens": 1, "temperature": 0, **fields}
        num_tokens = sum(map(len, prompts)) + len(prompts)
        raw = await server.post(_PATH, body, most=_BASE_BYTES + num_tokens * _TOKEN_BYTES)
        first_choice(raw)
        if not self._served.accepts(answered_by(raw)):
            raise TryFailed(f"the answer is from {answered_by(raw)!r} and not from {self._served.name!r}")
        found = {answer.get("index"): answer for answer in raw["choices"] if isinstance(answer, dict)}
        if set(found) != set(range(len(prompts))):
            raise TryFailed(f"the answer holds {len(found)} of {len(prompts)} prompts")
        return [found[number] for number in range(len(prompts))]


def _sound(value: Any) -> float:
    """Returns a log-probability.

    Raises:
        TryFailed: It is none.
    """
    found = logprob(value)
    if found is None:
        raise TryFailed("a log-probability in the answer is missing, or is none")
    return found


def _packed(several: Iterable[_Fork], most: int = _MOST_TOKENS) -> Iterator[list[_Fork]]:
    """Yields the forks in parts that have no more than `most` different tokens between them.

    >>> list(_packed([((), [5, 6, 7]), ((5,), [6])], most=2))
    [[((), [5, 6])], [((), [7]), ((5,), [6])]]
    """
    part: list[_Fork] = []
    known: set[int] = set()
    for start, following in several:
        for i in range(0, len(following), most):
            some = following[i : i + most]
            if len(known | set(some)) > most:
                yield part
                part, known = [], set()
            part.append((start, some))
            known |= set(some)
    if part:
        yield part


def _tokenizer(model: Model) -> Any:
    """Returns the model's tokenizer; None where it cannot be had. The weights are not fetched for it."""
    if model.served:
        return None
    import huggingface_hub
    import transformers

    hf_logging: Any = transformers.logging
    hf_logging.set_verbosity_error()  # a prompt that is too long is the server's to refuse
    try:
        if model.digest:
            folder = hub.folder(model)
        else:
            folder = huggingface_hub.snapshot_download(
                model.source, revision=model.revision, allow_patterns=list(_TOKENIZER_FILES), ignore_patterns=["*/*"]
            )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            Path(folder), local_files_only=True, trust_remote_code=False
        )
        turns.fix_date(tokenizer)
        return thinking.switched(tokenizer, model)
    except Exception:  # noqa: BLE001 - the hub's and the tokenizers' errors have no common class; there is another way
        return None


def _dict(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}
