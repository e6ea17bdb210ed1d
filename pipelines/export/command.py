"""The command that makes a run again.

Here: a run's recipe as flags of `sdc train`. Not here: running it.
"""

import shlex
from dataclasses import fields

from sdc.pipelines.export.facts import Facts
from sdc.pipelines.students import StudentConfig


def train(facts: Facts, config: StudentConfig) -> str | None:
    """Returns the `sdc train` that makes the run again in its store, or None if its sample is not there.

    All settings that have a flag are given, so that it does not hang on a preset.
    """
    if facts.sample is None:
        return None
    record = facts.record
    words = ["sdc", "train", facts.sample.short, "--method", record.method]
    words += ["--sizes", str(facts.draw["size"]), "--test", record.test_key[:12]]
    if "model" in record.artifact.config:
        words += ["--model", record.model]
    for name in ("init_seed", "order_seed"):
        if name in record.artifact.config:
            words += [f"--{name.replace('_', '-')}", str(record.artifact.config[name])]
    words += ["--calibrate", "seeds" if "calibrate" in record.artifact.config else "none"]
    for field in fields(config):
        flag, value = field.name.replace("_", "-"), getattr(config, field.name)
        if field.name == "model" or not field.metadata.get("flag", True) or value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return shlex.join(words)
