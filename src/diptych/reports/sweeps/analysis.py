"""Read a sweep's folder and its runs into a table; missing and damaged files become notes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diptych.config.errors import UserError
from diptych.config.keys import value_at
from diptych.config.overrides import read_override
from diptych.reports.sweeps.test_results import TestFigures, read_test_figures
from diptych.reports.sweeps.trials import GONE, SEED, SweepTable, SweptRun, finite, table_of
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DAMAGED, DONE, RUNNING, Status
from diptych.runs.trust import foreign_packages
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.objective import MAX, SweepObjective
from diptych.sweeps.search.figures import kept_row, validated_by
from diptych.tracking.csv_file import read_columns

IMAGES, SECONDS = "images", "seconds"
BUDGET = "budget_images"
LAUNCHER = ("hydra.launcher.", "hydra/launcher=")
COSTS = (IMAGES, SECONDS)
"""Objectives from the run's status, not from its figures: the cost of a run."""
Config = Mapping[str, Any]


def read_sweep(folder: SweepFolder, objectives: Sequence[SweepObjective] = ()) -> SweepTable:
    """The table by the given objectives, else by those of the search, else by the runs' monitor."""
    jobs = list(folder.jobs())
    if not jobs:
        raise UserError(f"sweep {folder.name} has no runs yet: start it with its `diptych train -m --sweep` command")
    found = {job.number: folder.run_of(job) for job in jobs if job.starts}
    configs = {number: _config(run) for number, run in found.items() if run is not None}
    chosen = tuple(objectives) or searched_for(folder) or monitored(configs.values())
    tests = read_test_figures({number: run for number, run in found.items() if run is not None})
    keys = {key for job in jobs for key in _settings(job)}
    runs = [_run(job, found.get(job.number), configs.get(job.number, {}), chosen, keys, tests) for job in jobs]
    notes = [*_monitor_notes(chosen, configs.values()), *_same_command_notes(runs), *tests.notes]
    notes += _collapse_notes(found)
    notes += _unmeasured_notes(chosen, runs, [run for run in found.values() if run is not None])
    asked = {str(_settings(job).get(BUDGET)) for job in jobs}
    notes += _budget_notes(configs.values()) if len(asked) == 1 else []
    if folder.latest_search().get("aggregate") == "bound":
        notes.append("the search ranked by the worse end of an interval; this table ranks by means")
    return table_of(
        folder.name,
        chosen,
        runs,
        test_metric=tests.name,
        notes=notes,
        launcher=_launcher(folder),
        runs_per_trial=max(1, len(folder.latest_search().get("repeats", ()))),
        is_asked=bool(objectives),
    )


def _collapse_notes(found: Mapping[int, RunFolder | None]) -> list[str]:
    """How many runs ended with images that are all alike, or that ignore their sentences; a figure may hide it."""
    said = Counter(
        collapse.partition(":")[0] for run in found.values() if run is not None and (collapse := run.read_collapse())
    )
    num = sum(run is not None for run in found.values())
    return [
        f"{number} of {num} runs end with images that are no good: {word} (`diptych runs show RUN` says how far)"
        for word, number in said.items()
    ]


def _launcher(folder: SweepFolder) -> list[str]:
    """The launcher's overrides of the latest call."""
    calls = folder.calls()
    words = [str(word) for word in calls[-1]["command"]] if calls else []
    return [word for word in words if word.startswith(LAUNCHER) and not word.startswith("hydra.launcher.dry_run")]


def monitored(configs: Iterable[Config]) -> tuple[SweepObjective, ...]:
    """The monitor of most runs; empty if no run has one."""
    counted = Counter((str(c["monitor"]), str(c.get("mode", MAX))) for c in configs if c.get("monitor"))
    return tuple(SweepObjective(*pair) for pair, _ in counted.most_common(1))


def searched_for(folder: SweepFolder) -> tuple[SweepObjective, ...]:
    """The objectives of the search, from the ledger; empty for a grid."""
    pairs = folder.latest_search().get("objectives", {}).items()
    return tuple(SweepObjective.from_direction(str(name), str(direction)) for name, direction in pairs)


def _run(
    job: Job,
    folder: RunFolder | None,
    config: Config,
    objectives: Sequence[SweepObjective],
    keys: set[str],
    tests: TestFigures,
) -> SweptRun:
    status = folder.read_status() if folder is not None else Status("")
    state, why = _state(job, folder, status)
    table = _figures_table(folder, config, objectives) if folder is not None else []
    figures = _figures(objectives, config, status, table)
    name = objectives[0].name if objectives else ""
    return SweptRun(
        job.number,
        job.run_id,
        job.arguments,
        _completed(job, config, keys),
        _seed(job, config),
        state,
        why,
        figures,
        status.images_seen,
        status.seconds,
        tests.values.get(job.number),
        [(row[IMAGES], row[name]) for row in table if name in row],
        job.trial,
        job.threads,
        tuple(foreign_packages(config)),
    )


def _settings(job: Job) -> dict[str, Any]:
    """The job's overrides by key, as Hydra reads them, without the seed."""
    pairs = filter(None, map(read_override, job.arguments))
    return {key: value for key, value in pairs if key != SEED}


def _completed(job: Job, config: Config, keys: Iterable[str]) -> dict[str, Any]:
    """The settings, completed from the configuration for keys that other jobs set; not in a search."""
    settings = _settings(job)
    if job.trial is not None:
        return settings
    known = {key: _configured(config, key) for key in sorted(keys) if key not in settings}
    return settings | {key: value for key, value in known.items() if value is not None}


def _configured(config: Config, key: str) -> Any:
    """The value at a dotted key; None if there is none, or if it is a mapping."""
    node = value_at(config, key)
    return None if isinstance(node, Mapping) else node


def _seed(job: Job, config: Config) -> Any:
    """The seed from the arguments, else from the configuration."""
    given = dict(filter(None, map(read_override, job.arguments)))
    return given.get(SEED, config.get(SEED))


def _state(job: Job, folder: RunFolder | None, status: Status) -> tuple[str, str]:
    """The state and reason from the ledger; a running, damaged or deleted run overrides it."""
    if job.starts and folder is None and job.state == DONE:
        return GONE, "its folder no longer exists"
    if status.status == DAMAGED:
        return DAMAGED, status.why
    if job.state == RUNNING and status.status == RUNNING:
        return status.label, job.why
    return job.state, job.why


def _config(run: RunFolder) -> Config:
    try:
        return run.read_config()
    except (OSError, UserError):
        return {}


def _figures_table(folder: RunFolder, config: Config, objectives: Sequence[SweepObjective]) -> list[dict[str, float]]:
    """The validations of the objectives and of the monitor; empty if the file cannot be read."""
    names = dict.fromkeys([str(config.get("monitor")), *(o.name for o in objectives if o.name not in COSTS)])
    try:
        return read_columns(folder.metrics, list(names)) if objectives else []
    except (OSError, ValueError):
        return []


def _figures(
    objectives: Sequence[SweepObjective], config: Config, status: Status, table: Sequence[Mapping[str, float]]
) -> tuple[float | None, ...]:
    """The figures as a search reads them: a single objective's best, else those of the kept checkpoint."""
    if len(objectives) == 1 and objectives[0].name not in (config.get("monitor"), *COSTS):
        name, sign = objectives[0].name, objectives[0].sign
        values = [value for row in table if (value := finite(row.get(name))) is not None]
        return (max(values, key=lambda value: sign * value, default=None),)
    return tuple(_figure(objective, config, status, table) for objective in objectives) or (None,)


def _figure(
    objective: SweepObjective, config: Config, status: Status, table: Sequence[Mapping[str, float]]
) -> float | None:
    """The objective's value for the checkpoint that the run keeps."""
    if objective.name in COSTS:
        return finite(status.images_seen if objective.name == IMAGES else status.seconds)
    if objective.name == config.get("monitor"):
        return finite(status.best)
    return finite(kept_row(table, config, [objective.name]).get(objective.name))


def _monitor_notes(objectives: Sequence[SweepObjective], configs: Iterable[Config]) -> list[str]:
    """Notes on runs that chose their checkpoint by another figure, or by none."""
    if not objectives:
        return [
            "no figure is monitored (monitor=null): checkpoints are the last ones, and no trial is ranked; "
            "name a figure of metrics.csv with --objective NAME:min or NAME:max"
        ]
    others = Counter(str(config.get("monitor")) for config in configs if config)
    strange = {name: number for name, number in others.items() if name not in {o.name for o in objectives}}
    return [
        f"{number} {'run keeps' if number == 1 else 'runs keep'} the checkpoint that "
        + ("is the last" if name == "None" else f"is best by {name}")
        for name, number in strange.items()
    ]


def _budget_notes(configs: Iterable[Config]) -> list[str]:
    """A note if runs have other budgets than the sweep gave them, after a resume by hand, say."""
    budgets = Counter(config[BUDGET] for config in configs if BUDGET in config)
    if len(budgets) < 2:
        return []
    counts = ", ".join(f"{number} of {budget:,}" for budget, number in sorted(budgets.items()))
    return [f"budgets differ, so figures do not compare: {counts} images"]


def _unmeasured_notes(
    objectives: Sequence[SweepObjective], runs: Sequence[SweptRun], folders: Sequence[RunFolder]
) -> list[str]:
    """A note on objectives that no finished run logged, with the figures that runs did log."""
    done = [run for run in runs if run.state == DONE]
    strange = [o.name for i, o in enumerate(objectives) if done and all(run.figures[i] is None for run in done)]
    if not strange:
        return []
    logged = sorted({name for folder in folders for name in validated_by(folder)})
    return [f"no finished run logged {', '.join(strange)}; they logged {', '.join(logged) or 'nothing'}"]


def _same_command_notes(runs: Sequence[SweptRun]) -> list[str]:
    """A note on commands that ran more than once."""
    again = [number for number in Counter(run.arguments for run in runs).values() if number > 1]
    return [f"{sum(again) - len(again)} runs repeat another run's command and seed, and count once"] if again else []
