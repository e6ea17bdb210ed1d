"""Which name a server has for a model, and whether what it answered with is that model.

Here: the look-up in /v1/models, names that mean the same. Not here: names on this machine (`models.py`).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.tries import Tries

#: Tries for the list of models: with a wrong --server, nobody wants to wait for all of them.
_TRIES = 3
_SHOWN = 5
#: What a provider hangs on a name to say which build of the same model it is (`-2024-08-06`, `-0613`, `-v1:0`), and
#: what stands for whichever is the newest, or how it is served and paid (`-latest`, `:free`).
_DATED = r"\d{4}-\d{2}-\d{2}|\d{2}-\d{2}|\d{2}-\d{4}|\d{3,4}|\d{6}|\d{8}|v\d+(?:[.:]\d+)*"
_WORDS = r"latest|free|nitro|floor|beta|stable|default|online|extended|exacto|batch|flex|priority|experimental|exp"
_BUILD = re.compile(rf"(?:[-:@](?:{_DATED}|{_WORDS}))+(?:-preview)?")
_ALIAS = re.compile(rf"(?:[-:@](?:{_WORDS}))+$")
#: Answers by another name, and none by the model's own, after which nothing more is asked.
_MOST_STRANGERS = 3


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model behind a server.

    Args:
        name: What requests call it.
        root: What the server loaded it from, where it says so; else empty.
        maker: What kind of server it is, as its list says (`owned_by`: vllm, llamacpp, library, ...); may be empty.
        also: More names under which it may answer, as the user says.
        answered: What answers called their model, and how often; it is filled while asking.
    """

    name: str
    root: str = ""
    maker: str = ""
    also: tuple[str, ...] = ()
    answered: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    def accepts(self, answered: str) -> bool:
        """Returns whether an answer is this model's, and remembers its name."""
        self.answered[answered] += 1
        return self.is_same(answered)

    def check(self, where: str) -> None:
        """Raises EngineError if the server answers by another name only: every further answer would be paid in vain."""
        names = [name for name in self.answered if name]
        if self.answered.total() < _MOST_STRANGERS or any(map(self.is_same, self.answered)):
            return
        what = f"the server answers as {', '.join(map(repr, names[:_SHOWN]))} and not as {self.name!r}"
        fix = "if that is the same model, add --engine-arg served_as=NAME (what was answered is kept); else name it"
        raise EngineError(what, where, f"{fix} as --model api:NAME")

    def is_same(self, answered: str) -> bool:
        """Returns whether a reply that names its model so comes from this one.

        A path or an owner before the name, and a build behind it, are no difference; `-mini` behind it is. An alias
        (`x-latest`, `x:free`) may be answered by any build of its model.
        """
        if not answered or answered in self.also:
            return True
        name = _short(answered)
        for mine in {_short(self.name), _short(self.root or self.name)}:
            base = _ALIAS.sub("", mine)
            if name == mine or any(name.startswith(start) and _is_build(name[len(start) :]) for start in (mine, base)):
                return True
            # A server that says less than it was asked says nothing else.
            if mine.startswith(name) and _is_build(mine[len(name) :]):
                return True
        return False


def _is_build(rest: str) -> bool:
    return not rest or _BUILD.fullmatch(rest) is not None


async def find(server: Server, model: Model, tries: Tries) -> Served:
    """Returns the model as the server knows it; where the server has no list, the name that is likely.

    Raises:
        EngineError: The server cannot be reached, takes no such key, or serves other models only.
    """
    try:
        listed = _entries(await tries.persist(lambda: server.get("/models"), most=_TRIES))
    except TryFailed as failure:
        fix = "see that it runs and that the URL is right, with /v1"
        raise EngineError(f"cannot reach the server: {failure.reason}", tries.where, fix) from None
    except Rejected as no:
        if no.status == 401:
            fix = "set SDC_API_KEY to a key of this server"
            raise EngineError(f"the server says no ({no.reason})", tries.where, fix) from None
        listed = []
    model = model.thinking
    wanted = _names(model)
    for found in listed:
        if found.name in wanted:
            return found
    # The alias of a hub model is no hub name: that of an instruction-tuned model may be the name of its base.
    short = {_short(name) for name in (wanted if model.digest else wanted[:1])}
    for found in listed:
        if {_short(found.name), _short(found.root or found.name)} & short:
            return found
    # A list of many models may be a part of what there is (gateways); one of one model is what there is.
    if not listed or (model.served and len(listed) > 1):
        maker = listed[0].maker if listed and len({found.maker for found in listed}) == 1 else ""
        return Served(name=wanted[0], maker=maker)
    names = ", ".join(found.name for found in listed[:_SHOWN])
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    fix = "name one of them as --model api:NAME, or start the server with this model"
    raise EngineError(f"the server has no model {model.name}, but {names}{more}", tries.where, fix)


def _names(model: Model) -> list[str]:
    """Returns the names that a server may have for the model, the likeliest first.

    A model with an adapter never goes by the name of its base: the answers would be the base's.
    """
    if model.adapter:
        return [PurePath(model.adapter).name, model.name]
    if model.served:
        return [model.name]
    return [model.name, model.source] if model.digest else [model.source, model.name]  # a path is of use here only


def _short(name: str) -> str:
    """Returns a name without what servers add to it: folders and owners before, a file type or `:latest` behind."""
    return name.rstrip("/").rpartition("/")[2].casefold().removesuffix(":latest").removesuffix(".gguf")


def _entries(raw: Any) -> Sequence[Served]:
    data = raw.get("data") if isinstance(raw, dict) else None
    entries = [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    return [
        Served(
            name=entry["id"],
            root=entry["root"] if isinstance(entry.get("root"), str) else "",
            maker=str(entry.get("owned_by") or "").casefold(),
        )
        for entry in entries
        if isinstance(entry.get("id"), str) and entry["id"]
    ]
