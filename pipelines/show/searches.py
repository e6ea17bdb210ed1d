"""What a search for settings tried, and what came of it."""

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.pipelines.show.choice import ShowChoice, View
from sdc.pipelines.stage import Context
from sdc.pipelines.view import ViewPart


def search(_: Context, artifact: Artifact, choice: ShowChoice) -> View:
    """Returns the trials of a search, the best first.

    Raises:
        UsageError: Labels, statuses or a random choice are asked for, which trials do not have.
    """
    choice.refuse("the trials of a search", label=choice.labels, status=choice.statuses, random=choice.seed is not None)
    summary = artifact.summary
    trials = sorted(enumerate(summary["trials"]), key=lambda trial: (-trial[1]["score"], trial[1]["dev_loss"]))
    rows = [
        {"trial": number, "chosen": "yes" if trial["settings"] == summary["chosen"] else None, **trial["settings"],
         **{name: trial[name] for name in ("score", "dev_loss", "seconds", "failed")}}
        for number, trial in trials
    ]  # fmt: skip
    title = f"tune {artifact.lang or 'several'}/{artifact.task or 'cells'} {artifact.short}"
    about = f"{counted(len(rows), 'trial')} on {counted(summary['num_draws'], 'draw')}"
    return View(title=f"{title}: {about}", parts=[ViewPart(title="trials, the best first", rows=rows[: choice.most])])
