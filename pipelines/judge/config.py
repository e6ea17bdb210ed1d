"""How texts are judged: the settings, and what is no setting at all."""

from dataclasses import dataclass, field

from sdc.errors import UsageError
from sdc.pipelines.judge.llm import Votes


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """How texts are judged.

    Args:
        gates: Whether the deterministic gates come first.
        llm: Whether the LLM judges what the gates let pass.
        threshold: The least probability of "yes" against "no" that accepts, in [0, 1].
        label_threshold: The least probability that the LLM, asked to classify a text, must give its label, in [0, 1];
            0 does not ask (the paper). A model may be better at naming a label than at refusing a wrong one.
        votes: How often each question is put, an odd number from 1 to 99. One is greedy; several sample, list the
            labels in several orders, and count by their mean probability, or by their share where the LLM answers in
            words.
        temperature: Of several votes, above 0.
        seed: Root of the orders and the sampling of several votes.
        judge_all: Whether the LLM is asked both questions about every text, to see how far gates, label check and yes
            or no agree. A text is accepted only if all accept it, as without.
        model: The judge; None takes the model that wrote the texts, as the paper does.
    """

    gates: bool = True
    llm: bool = True
    threshold: float = 0.5
    label_threshold: float = 0.0
    votes: int = 1
    temperature: float = 0.7
    seed: int = 1337
    judge_all: bool = False
    model: str | None = field(default=None, metadata={"key": False})  # its identity is in the key instead

    def __post_init__(self) -> None:
        if not self.gates and not self.llm:
            raise UsageError("without gates and without an LLM there is nothing to judge with", "judge", "use one")
        for name in ("threshold", "label_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"{name} {getattr(self, name)} is not in [0, 1]", flag, "correct it")
        if not 1 <= self.votes <= 99 or self.votes % 2 == 0:
            raise UsageError(f"{self.votes} votes", "--votes", "use an odd number from 1 to 99")
        if not 0 < self.temperature < float("inf"):
            raise UsageError(f"votes at temperature {self.temperature} are all alike", "--temperature", "use above 0")
        if self.judge_all and not self.llm:
            raise UsageError("the LLM cannot be asked about all and about none", "--judge-all", "drop --gates-only")

    @property
    def voting(self) -> Votes:
        """How often each question is put, and how."""
        return Votes(num=self.votes, temperature=self.temperature, seed=self.seed)
