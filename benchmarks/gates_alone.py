"""The gates that look at a text alone, for `gates.py`: human rows meet these.

Here: which they are, and what they say of a text. Not here: counting.
"""

from collections.abc import Sequence

from sdc.pipelines import gates
from sdc.pipelines.gates import language
from sdc.pipelines.gates.reference import Reference

ALONE = [name for name, gate in gates.GATES.items() if not gate.compares]


class Alone:
    """Names the gates which flag a text, of those that look at the text alone."""

    def __init__(self, reference: Reference) -> None:
        self._checks = {name: gates.GATES[name].build(reference, gates.GATES[name].threshold) for name in ALONE}

    def __call__(self, text: str) -> set[str]:
        """Returns their names."""
        return {name for name, check in self._checks.items() if check(text) is not None}

    def read_ahead(self, texts: Sequence[str]) -> None:
        """Tells that these texts are asked for later."""
        check = self._checks["language"]
        assert isinstance(check, language.LanguageCheck)
        check.read_ahead(texts)
