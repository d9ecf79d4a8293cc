"""From a sweep's folder, and those of its runs, to its table. Whatever is missing or damaged is said, never guessed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diptych.config.errors import UserError
from diptych.config.overrides import read_override
from diptych.reports.sweeps.test_results import Tests, read_tests
from diptych.reports.sweeps.trials import GONE, MAX, MIN, SEED, Objective, SweepTable, SweptRun, finite, table_of
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DAMAGED, DONE, RUNNING, Status
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.resuming import packages_of
from diptych.sweeps.search.figures import kept_row, validated_by
from diptych.tracking.csv_file import read_columns

IMAGES, SECONDS = "images", "seconds"
BUDGET = "budget_images"
LAUNCHER = ("hydra.launcher.", "hydra/launcher=")
COSTS = (IMAGES, SECONDS)
"""Objectives that no file of figures has: what a run took."""
Config = Mapping[str, Any]


def read_sweep(folder: SweepFolder, objectives: Sequence[Objective] = ()) -> SweepTable:
    """The table by the objectives given, else by those of its search, else by what its runs monitor."""
    jobs = list(folder.jobs())
    if not jobs:
        raise UserError(f"sweep {folder.name} has no runs yet: begin it with its `diptych train -m --sweep` command")
    found = {job.number: folder.run_of(job) for job in jobs if job.starts}
    configs = {number: _config(run) for number, run in found.items() if run is not None}
    chosen = tuple(objectives) or searched_for(folder) or monitored(configs.values())
    tests = read_tests({number: run for number, run in found.items() if run is not None})
    keys = {key for job in jobs for key in _settings(job)}
    runs = [_run(job, found.get(job.number), configs.get(job.number, {}), chosen, keys, tests) for job in jobs]
    notes = [*_monitor_notes(chosen, configs.values()), *_same_command_notes(runs), *tests.notes]
    notes += _unmeasured_notes(chosen, runs, [run for run in found.values() if run is not None])
    asked = {str(_settings(job).get(BUDGET)) for job in jobs}
    notes += _budget_notes(configs.values()) if len(asked) == 1 else []
    if folder.latest_search().get("aggregate") == "bound":
        notes.append("the search itself chose by the worse end of an interval, and not by means as this table does")
    return table_of(
        folder.name,
        chosen,
        runs,
        tested_name=tests.name,
        notes=notes,
        launcher=_launcher(folder),
        runs_per_trial=max(1, len(folder.latest_search().get("repeats", ()))),
        is_asked=bool(objectives),
    )


def _launcher(folder: SweepFolder) -> list[str]:
    """How the last call said who runs where."""
    calls = folder.calls()
    words = [str(word) for word in calls[-1]["command"]] if calls else []
    return [word for word in words if word.startswith(LAUNCHER) and not word.startswith("hydra.launcher.dry_run")]


def monitored(configs: Iterable[Config]) -> tuple[Objective, ...]:
    """By what most runs choose their checkpoints; nothing where none does."""
    counted = Counter((str(c["monitor"]), str(c.get("mode", MAX))) for c in configs if c.get("monitor"))
    return tuple(Objective(*pair) for pair, _ in counted.most_common(1))


def searched_for(folder: SweepFolder) -> tuple[Objective, ...]:
    """What a search was for, as its ledger says."""
    pairs = folder.latest_search().get("objectives", {}).items()
    return tuple(Objective(str(name), MIN if str(mode).startswith(MIN) else MAX) for name, mode in pairs)


def _run(
    job: Job,
    folder: RunFolder | None,
    config: Config,
    objectives: Sequence[Objective],
    keys: set[str],
    tests: Tests,
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
        tuple(packages_of(config)),
    )


def _settings(job: Job) -> dict[str, Any]:
    """The job's overrides by key, as Hydra reads them, but for the seed."""
    pairs = filter(None, map(read_override, job.arguments))
    return {key: value for key, value in pairs if key != SEED}


def _completed(job: Job, config: Config, keys: Iterable[str]) -> dict[str, Any]:
    """With what the configuration says where only other jobs had the key set; a search leaves out what has no part."""
    settings = _settings(job)
    if job.trial is not None:
        return settings
    known = {key: _configured(config, key) for key in sorted(keys) if key not in settings}
    return settings | {key: value for key, value in known.items() if value is not None}


def _configured(config: Config, key: str) -> Any:
    """The value at a dotted key; None where there is none, or a whole mapping."""
    node: Any = config
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return None if isinstance(node, Mapping) else node


def _seed(job: Job, config: Config) -> Any:
    """As it was given, or as the configuration has it."""
    given = dict(filter(None, map(read_override, job.arguments)))
    return given.get(SEED, config.get(SEED))


def _state(job: Job, folder: RunFolder | None, status: Status) -> tuple[str, str]:
    """By the ledger; a run in hand says itself whether it still lives, and one that is gone or damaged is said so."""
    if job.starts and folder is None and job.state == DONE:
        return GONE, "its folder is not there any more"
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


def _figures_table(folder: RunFolder, config: Config, objectives: Sequence[Objective]) -> list[dict[str, float]]:
    """The validations of the objectives and of what chose the checkpoint; none where the file cannot be read."""
    names = dict.fromkeys([str(config.get("monitor")), *(o.name for o in objectives if o.name not in COSTS)])
    try:
        return read_columns(folder.metrics, list(names)) if objectives else []
    except (OSError, ValueError):
        return []


def _figures(
    objectives: Sequence[Objective], config: Config, status: Status, table: Sequence[Mapping[str, float]]
) -> tuple[float | None, ...]:
    """As a search takes them: an objective's best where it is alone, else those of the checkpoint that is kept."""
    if len(objectives) == 1 and objectives[0].name not in (config.get("monitor"), *COSTS):
        name, sign = objectives[0].name, objectives[0].sign
        values = [value for row in table if (value := finite(row.get(name))) is not None]
        return (max(values, key=lambda value: sign * value, default=None),)
    return tuple(_figure(objective, config, status, table) for objective in objectives) or (None,)


def _figure(objective: Objective, config: Config, status: Status, table: Sequence[Mapping[str, float]]) -> float | None:
    """Of the checkpoint that the run keeps: what it was chosen by, or what was measured when it was."""
    if objective.name in COSTS:
        return finite(status.images_seen if objective.name == IMAGES else status.seconds)
    if objective.name == config.get("monitor"):
        return finite(status.best)
    return finite(kept_row(table, config, [objective.name]).get(objective.name))


def _monitor_notes(objectives: Sequence[Objective], configs: Iterable[Config]) -> list[str]:
    """Runs that chose their checkpoint by something else, or by nothing."""
    if not objectives:
        return [
            "no figure is monitored (monitor=null): checkpoints are the last ones, and nothing says which trial is "
            "best; --objective NAME:min or NAME:max names a figure of metrics.csv"
        ]
    others = Counter(str(config.get("monitor")) for config in configs if config)
    strange = {name: number for name, number in others.items() if name not in {o.name for o in objectives}}
    return [
        f"{number} {'run keeps' if number == 1 else 'runs keep'} the checkpoint that "
        + ("is the last" if name == "None" else f"is best by {name}")
        for name, number in strange.items()
    ]


def _budget_notes(configs: Iterable[Config]) -> list[str]:
    """Runs that were given more images than others, though the sweep did not ask for that: resumed by hand, say."""
    budgets = Counter(config[BUDGET] for config in configs if BUDGET in config)
    if len(budgets) < 2:
        return []
    told = ", ".join(f"{number} of {budget:,}" for budget, number in sorted(budgets.items()))
    return [f"budgets differ, and with them what figures are worth: {told} images"]


def _unmeasured_notes(
    objectives: Sequence[Objective], runs: Sequence[SweptRun], folders: Sequence[RunFolder]
) -> list[str]:
    """Objectives of which no run that is done has a figure, with the figures that there are."""
    done = [run for run in runs if run.state == DONE]
    strange = [o.name for i, o in enumerate(objectives) if done and all(run.figures[i] is None for run in done)]
    if not strange:
        return []
    measured = sorted({name for folder in folders for name in validated_by(folder)})
    return [f"no run that is done has measured {', '.join(strange)}; they measured {', '.join(measured) or 'nothing'}"]


def _same_command_notes(runs: Sequence[SweptRun]) -> list[str]:
    """Commands that were carried out more than once."""
    again = [number for number in Counter(run.arguments for run in runs).values() if number > 1]
    return [f"{sum(again) - len(again)} runs repeat another's command, seed and all, and count once"] if again else []
