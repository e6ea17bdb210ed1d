"""`sdc report deviations`: its flags, and the defaults of all stages, which only a command may put together."""

from dataclasses import MISSING, fields
from typing import Any

from sdc.cli import options, reported


def deviations(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = "table",
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Show which settings of the results are not the paper's, and what its text leaves open: the deviation register."""
    from sdc.pipelines.report import deviations as stage
    from sdc.pipelines.report import panels

    reported.check_format(output)
    found = reported.find(store, lang, task, experiment, everything=everything)
    records = stage.run(options.store(store), found, _defaults())
    if output in ("csv", "json"):
        reported.write(records, output)
    else:
        reported.show(panels.table(records, title=stage.TITLE), output)


def _defaults() -> dict[str, dict[str, Any]]:
    """Returns stage or method -> setting -> default."""
    from sdc.pipelines.gen.config import GenConfig
    from sdc.pipelines.icl.config import IclConfig
    from sdc.pipelines.judge.config import JudgeConfig
    from sdc.pipelines.sample.config import SampleConfig
    from sdc.pipelines.students import STUDENTS

    configs: dict[str, Any] = {"gen": GenConfig, "judge": JudgeConfig, "sample": SampleConfig, "icl": IclConfig}
    return {
        name: {field.name: field.default for field in fields(config) if field.default is not MISSING}
        for name, config in {**configs, **STUDENTS}.items()
    }
