"""What the language identifier said, remembered, for `gates.py`: each draw shows the same rows again.

Here: the memory. Not here: measuring.
"""

from sdc.pipelines.text.identifier import Guess, Identifier


def remember_guesses() -> None:
    """Makes the identifier answer once per language and text in this process."""
    known: dict[tuple[str, str], Guess] = {}
    guess = Identifier.guess

    def remembered(self: Identifier, text: str) -> Guess:
        if (self.tag, text) not in known:
            known[self.tag, text] = guess(self, text)
        return known[self.tag, text]

    Identifier.guess = remembered  # type: ignore[method-assign]
