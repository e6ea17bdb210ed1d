"""tune: looks for the settings of fine-tuning that do best on rows held out of the training draws.

It never gets test data: `run` takes draws, and a draw holds training rows. Every trial on a draw is an artifact, and
the sampler is seeded, so a search that was killed asks for the same trials again and finds those that are there.

Here: which draws a search sees, the choice. Not here: the settings that are tried (`space.py`), one fit of them
(`trial.py`), the runs that use the choice (train). optuna is imported when a search starts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import EngineError, UsageError, extra, one_of
from sdc.pipelines import stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.progress import Counter, part
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import rows_of
from sdc.pipelines.stage import Computed, Context, Outcome
from sdc.pipelines.students.finetune import FinetuneConfig, FinetuneStudent
from sdc.pipelines.students.protocol import StudentConfig
from sdc.pipelines.train import space, trial
from sdc.pipelines.train.trial import Trial, TrialFit

SCOPES = ("draw", "all")


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """How settings are searched.

    Args:
        student: The settings to search around; the first trial is these.
        trials: Sets of settings to try, at least 1.
        scope: `draw`: the best for each cell, source and size; `all`: the best mean over all of them, as in the paper.
        fixed: Settings that stay as they are, since the user gave them.
        repeats: Draws of each size that a trial is fitted on, at least 1; the first ones.
        dev_fraction: Share of each label that is held out for measuring, in (0, 0.5]; at least one row.
        seed: Of the sampler, and root of the seeds of the fits.
    """

    student: FinetuneConfig
    trials: int
    scope: str = field(default="draw", metadata={"key": False})  # the draws that it makes one group are in the key
    fixed: tuple[str, ...] = ()
    repeats: int = 3
    dev_fraction: float = 0.25
    seed: int = 1337

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UsageError("a search needs at least 1 trial", "--hpo", "correct it")
        if self.scope not in SCOPES:
            raise UsageError(f"unknown scope {self.scope!r}", "--hpo-scope", one_of(self.scope, SCOPES))
        if not set(space.SEARCHED) - set(self.fixed):
            raise UsageError("nothing is left to search", "--hpo", f"drop one of {', '.join(space.SEARCHED)}")


def configured(student: StudentConfig, *, flags: Mapping[str, Any], **settings: Any) -> TuneConfig:
    """Returns how settings are searched; those that the user gave stay as they are.

    Args:
        student: The settings to search around.
        flags: Settings of students as the user gave them; None stands for not given.
        settings: Of `TuneConfig`.

    Raises:
        UsageError: This student has no settings that are searched, or nothing is left to search.
    """
    if not isinstance(student, FinetuneConfig):
        what = f"only {FinetuneConfig.method} has settings that are searched, and this is {student.method}"
        raise UsageError(what, "--hpo", "drop it")
    fixed = tuple(name for name in space.SEARCHED if flags.get(name) is not None)
    return TuneConfig(student=student, fixed=fixed, **settings)


@dataclass(frozen=True, kw_only=True)
class DrawGroup:
    """The draws of one source and real size in a cell, by repeat: what gets one set of settings."""

    cell: Cell
    draws: Sequence[Draw]

    def __str__(self) -> str:
        return f"{self.cell} {self.draws[0].source} {self.draws[0].num_rows}"


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a search chose for a group: the settings, and the artifact that says why."""

    outcome: Outcome
    student: FinetuneConfig


def groups(cell: Cell, draws: Sequence[Draw]) -> list[DrawGroup]:
    """Returns draws by source, what they were drawn from and real number of rows, in the order of their first ones."""
    found: dict[tuple[str, str, int], list[Draw]] = {}
    for draw in draws:
        found.setdefault((draw.source, draw.example_key, draw.num_rows), []).append(draw)
    return [DrawGroup(cell=cell, draws=sorted(alike, key=lambda draw: draw.repeat)) for alike in found.values()]


def plan(context: Context, config: TuneConfig, found: Sequence[DrawGroup]) -> list[Artifact]:
    """Returns the choice that `run` would make for each group; the same one for all under the scope `all`."""
    searches = [found] if config.scope == "all" else [[group] for group in found]
    planned = {id(group): _choice(context, config, search) for search in searches for group in search}
    return [planned[id(group)] for group in found]


def dry_run(context: Context, config: TuneConfig, found: Sequence[DrawGroup]) -> list[dict[str, Any]]:
    """Returns the searches that `run` would do, as `--dry-run --json` tells them, each once."""
    searches = {artifact.key: artifact for artifact in plan(context, config, found)}
    known = context.store.get_many(list(searches))
    return [
        {"key": item.short, "stage": "tune", "trials": config.trials, "draws": len(item.config["draws"]),
         "model": context.model(config.student.model).name, "cached": item.key in known}
        for item in searches.values()
    ]  # fmt: skip


def run(context: Context, config: TuneConfig, found: Sequence[DrawGroup]) -> list[Tuned]:
    """Searches, or returns the choices that are there, in the order of the groups.

    Raises:
        DataError: A draw cannot spare a row for measuring.
        EngineError: Optuna is not installed, or every trial failed.
    """
    by_key: dict[str, list[DrawGroup]] = {}
    planned = plan(context, config, found)
    for group, artifact in zip(found, planned, strict=True):
        by_key.setdefault(artifact.key, []).append(group)
    made: dict[str, Tuned] = {}
    for artifact in planned:
        if artifact.key not in made:
            try_all = partial(_search, context, config, by_key[artifact.key])
            outcome = stage.produce(context, artifact, read=try_all, compute=compute)
            made[artifact.key] = Tuned(outcome=outcome, student=space.of(config.student, outcome.summary["chosen"]))
    return [made[artifact.key] for artifact in planned]


def _student(context: Context, config: TuneConfig) -> FinetuneStudent:
    return FinetuneStudent(config.student, context.model(config.student.model))


def _seen(config: TuneConfig, search: Sequence[DrawGroup]) -> list[tuple[Cell, Draw]]:
    """Returns the draws that a search fits, each once."""
    pairs = [(group.cell, draw) for group in search for draw in group.draws[: config.repeats]]
    return list({(str(cell), draw.draw, draw.repeat): (cell, draw) for cell, draw in pairs}.values())


def _choice(context: Context, config: TuneConfig, search: Sequence[DrawGroup]) -> Artifact:
    cells = {(group.cell.lang, group.cell.task.name) for group in search}
    lang, task = next(iter(cells)) if len(cells) == 1 else (None, None)
    settings = {
        **_student(context, config).identity(),
        "trials": config.trials,
        "fixed": sorted(config.fixed),
        "dev_fraction": config.dev_fraction,
        "seed": config.seed,
        "draws": [
            [str(cell), cell.task.metric, len(cell.task.labels), draw.draw, draw.repeat]
            for cell, draw in _seen(config, search)
        ],
    }
    return stage.plan(stage="tune", version=trial.VERSION, config=settings, inputs=[], lang=lang, task=task)


def _search(context: Context, config: TuneConfig, search: Sequence[DrawGroup]) -> list[Trial]:
    """Returns the trials of a search, each fitted on all of its draws; those that are there are not fitted again."""
    try:
        import optuna
    except ImportError as error:
        raise EngineError(
            "--hpo needs Optuna, which is not installed", fix=f"install it with {extra('hpo')}"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=config.seed))
    searched = list(space.choices(config.student, config.fixed))
    study.enqueue_trial({name: getattr(config.student, name) for name in searched})
    seen = _seen(config, search)
    rows = rows_of(context, [draw for _, draw in seen])
    student = _student(context, config)
    where = str(search[0]) if len(search) == 1 else f"{len(search)} sizes"
    table: list[Trial] = []
    for number in range(config.trials):
        asked = study.ask()
        tried = space.suggested(asked, config.student, config.fixed)
        fits: list[Outcome] = []
        for cell, draw in seen:
            fit = TrialFit(
                cell=cell, draw=draw, student=student.like(tried), dev_fraction=config.dev_fraction, seed=config.seed
            )
            own = partial(rows.__getitem__, draw.draw)
            of_fit = part(context.progress, number * len(seen) + len(fits), config.trials * len(seen), unit="fit")
            compute_one = partial(fit.compute, progress=Counter(of_fit, f"tune {where}"))
            fits.append(stage.produce(context, fit.planned, read=own, compute=compute_one))
        table.append(Trial(settings={name: getattr(tried, name) for name in searched}, fits=fits))
        study.tell(asked, table[-1].score)
    if all(trial.num_failed == len(seen) for trial in table):
        raise EngineError(f"all {config.trials} trials failed", f"tune {where}", "see `sdc store ls --stage tune`")
    return table


def compute(trials: Sequence[Trial]) -> Computed:
    """Returns the choice among the trials, the first of which has the settings that were given.

    Small parts tie often: then the lower loss wins, then the earlier trial.
    """
    best = max(trials, key=lambda trial: (trial.score, -trial.dev_loss))
    summary = {
        "chosen": best.settings, "score": best.score, "usual_score": trials[0].score,
        "num_trials": len(trials), "num_draws": len(best.fits), "trials": [trial.as_json() for trial in trials],
    }  # fmt: skip
    return Computed(rows={}, summary=summary)
