"""What the language identifier said, remembered, for `gates.py`: each draw shows the same rows again.

Here: the memory. Not here: measuring.
"""

from collections.abc import Sequence

from sdc.pipelines.text.identifier import Guess, Identifier


def remember_guesses() -> None:
    """Makes the identifier answer once per language and text in this process."""
    known: dict[tuple[str, str], Guess] = {}
    guesses = Identifier.guesses

    def remembered(self: Identifier, texts: Sequence[str]) -> list[Guess]:
        new = [text for text in dict.fromkeys(texts) if (self.tag, text) not in known]
        known.update(zip(((self.tag, text) for text in new), guesses(self, new), strict=True))
        return [known[self.tag, text] for text in texts]

    Identifier.guesses = remembered  # type: ignore[method-assign]
