"""language: the text is in another language, by py3langid, among the paper's languages and among all it knows.

The usual slip is another language of the experiment (English among Telugu), and little evidence is enough for it;
among all languages, more is needed. Evidence grows with the length of a text, so that a short one passes more easily.
Words in another script, names of users and addresses do not count. Where people's own rows look foreign, because they
mix languages or leave out accents, more evidence is needed.
"""

from collections.abc import Callable

from sdc.pipelines.gates import writing
from sdc.pipelines.gates.identifier import Guess, Identifier, known
from sdc.pipelines.gates.reference import Reference

#: The least evidence against the language: the other one is e to the power of this times as probable.
THRESHOLD = 3.0
#: Where less of a text is in the cell's own script, the rest is no loan word.
_LEAST_OWN = 0.3


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check of the language of a text; all pass if the identifier does not know the language."""
    tag = known(reference.cell.lang)
    if tag is None:
        return lambda text: None
    identifier = Identifier(tag)
    own = writing.of(reference)

    def guess(text: str) -> Guess:
        text = writing.words(text)
        if own is not None and own.share(text) >= _LEAST_OWN:
            text = " ".join(own.word.findall(text))
        return identifier.guess(text)

    limit = max(threshold, reference.habit(lambda text: guess(text).evidence, tolerate=1))

    def check(text: str) -> str | None:
        found = guess(text)
        return f"it reads as {found.tag}, not {tag}" if found.evidence > limit else None

    return check
