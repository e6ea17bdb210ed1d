"""Executors: who works on the batches of an experiment. One file each.

Here: which one a site has. Not here: what they share (`protocol.py`).
"""

from sdc.errors import UsageError
from sdc.pipelines.run.executors.protocol import Executor
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context


def of_site(context: Context, site: Site) -> Executor:
    """Returns the executor of a site.

    Raises:
        UsageError: It is one that an experiment is submitted to, not run by.
        EngineError: Its library is not installed, or its cluster cannot be reached.
    """
    if site.executor == "local":
        from sdc.pipelines.run.executors.local import LocalExecutor

        return LocalExecutor(context, site)
    if site.executor == "ray":
        from sdc.pipelines.run.executors.ray import RayExecutor

        return RayExecutor(context, site)
    raise UsageError(f"site {site.name} cannot run batches one by one", "--on", "see docs/experiments.md")
