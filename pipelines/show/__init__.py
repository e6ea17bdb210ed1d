"""show: what an artifact holds, as people look at it. It stores nothing.

Here: which kind of artifact is shown how. Not here: its recipe and what it was made from (`cache/browse.py`), the
profile of data (`data/profile.py`), how synthetic and human rows differ (`report/data.py`), means over runs (report).
"""

from collections.abc import Callable, Mapping

from sdc.cache.store import Artifact
from sdc.pipelines.show import answers, draws, searches, texts
from sdc.pipelines.show.choice import ShowChoice, View
from sdc.pipelines.stage import Context

__all__ = ["STAGES", "ShowChoice", "View", "run"]

_OF_STAGE: Mapping[str, Callable[[Context, Artifact, ShowChoice], View]] = {
    "data": texts.examples,
    "gen": texts.examples,
    "judge": texts.verdicts,
    "sample": draws.sample,
    "tune": searches.search,
    "train": answers.run,
    "icl": answers.run,
    "eval": answers.run,
}
#: What can be shown.
STAGES = tuple(_OF_STAGE)


def run(context: Context, choice: ShowChoice, artifact: Artifact) -> View:
    """Returns what an artifact holds.

    Raises:
        UsageError: A label or a status that is asked for is not there, or says nothing of such an artifact.
        StoreError: What it is about is in another store.
        DataError: It is a run that failed.
    """
    return _OF_STAGE[artifact.stage](context, artifact, choice)
