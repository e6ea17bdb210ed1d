"""Which name a server has for a model, and whether what it answered with is that model.

Here: the look-up in /v1/models, names that mean the same. Not here: names on this machine (`models.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai_http import Rejected, Server, TryFailed
from sdc.pipelines.engines.openai_tries import Tries

#: Tries for the list of models: with a wrong --server, nobody wants to wait for all of them.
_TRIES = 3
_SHOWN = 5
#: What a provider hangs on a name to say which build of the same model it is: `-2024-08-06`, `-0613`, `:latest`.
_BUILD = re.compile(r"[-:@](\d{4}-\d{2}-\d{2}|\d{3,4}|\d{6}|\d{8}|latest)(-preview)?")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A model behind a server.

    Args:
        name: What requests call it.
        root: What the server loaded it from, where it says so; else empty.
        maker: What kind of server it is, as its list says (`owned_by`: vllm, llamacpp, library, ...); may be empty.
    """

    name: str
    root: str = ""
    maker: str = ""

    def is_same(self, answered: str) -> bool:
        """Returns whether a reply that names its model so comes from this one.

        A path or an owner before the name, and a build behind it, are no difference; `-mini` behind it is.
        """
        if not answered:
            return True
        name = _short(answered)
        for mine in {_short(self.name), _short(self.root or self.name)}:
            if name == mine or (name.startswith(mine) and _BUILD.fullmatch(name, len(mine))):
                return True
        return False


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
