"""Licences of what a classifier was made from, as far as they are known.

Here: the licence that a model's own card or package names, where the model is on this machine. Not here: that of the
classifier, which its owner gives.
"""

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdc.cache.store import Store
from sdc.errors import SdcError
from sdc.pipelines.engines import hub, models
from sdc.pipelines.records.run_record import base_model

UNKNOWN = "unknown"
_FRONT = re.compile(r"\A---\n(.*?)^---$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"""^license:[ \t]*["']?([A-Za-z0-9.+-]{1,60})["']?[ \t]*$""", re.MULTILINE)


def of_model(store: Store, identity: Mapping[str, Any], name: str) -> str:
    """Returns the licence in the card or package of a model that is on this machine, or `unknown`.

    Args:
        store: It remembers the digests of local models.
        identity: The model's identity in a key.
        name: As tables show it.
    """
    try:
        model = models.resolve(store, base_model(store, identity, name, given=None, where=""))
        if model.package:
            return importlib.metadata.metadata(model.package)["License"] or UNKNOWN
        folder = hub.local_folder(model)
        return UNKNOWN if folder is None else of_card((Path(folder) / "README.md").read_text("utf-8"))
    except (SdcError, OSError, ValueError):
        return UNKNOWN


def of_card(text: str) -> str:
    """Returns the licence that the front matter of a model card names, or `unknown`.

    >>> of_card("---\\nlanguage: te\\nlicense: cc-by-4.0\\n---\\n# A model")
    'cc-by-4.0'
    >>> of_card("license: mit")
    'unknown'
    """
    front = _FRONT.match(text)
    found = _LINE.search(front[1]) if front else None
    return found[1] if found else UNKNOWN
