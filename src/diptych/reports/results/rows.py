"""The results of runs as plain rows, one for each figure of each run; no pandas is needed.

A run without any figure has one row, so that none is missing. `columns.COLUMNS` says what each column holds; a row has
all of them, None where there is nothing to say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from diptych.config.errors import UserError
from diptych.config.keys import has_key, value_at
from diptych.reports.results.columns import COLUMNS, RUN_COLUMNS
from diptych.reports.results.figures import figures_of
from diptych.runs.folder.digests import seedless_digest
from diptych.runs.folder.environment import sweep_of
from diptych.runs.folder.layout import RunFolder, digest_of
from diptych.runs.folder.status import DAMAGED

Row = dict[str, Any]


def result_rows(runs: Sequence[RunFolder], *, config: Sequence[str] = (), every: bool = False) -> list[Row]:
    """A row for each figure of each run, in the order of the runs.

    `config` names keys of the configuration (`generator_optimizer.lr`), which become columns behind those of the run;
    a run without the key has None there. With `every`, older evaluations of the same protocol are rows as well.
    """
    _refuse_taken(config)
    configs = [_config_of(run) for run in runs]
    _refuse_unknown(config, configs)
    rows = []
    for run, values in zip(runs, configs, strict=True):
        of_run = {**_of_run(run, values), **{key: value_at(values, key) for key in config}}
        figures = figures_of(run, values, every=every) or [{}]
        rows += [{**dict.fromkeys((*RUN_COLUMNS, *config, *COLUMNS)), **of_run, **one} for one in figures]
    return rows


def _of_run(run: RunFolder, config: Mapping[str, Any]) -> Row:
    status = run.read_status()
    return {
        "run": run.run_id,
        "experiment": run.experiment,
        "sweep": sweep_of(run.read_environment()) or None,
        "status": (status.label or "unknown") if config else DAMAGED,
        "collapsed": run.read_collapse(),
        "task": run.task or None,
        "seed": config.get("seed"),
        "budget_images": config.get("budget_images"),
        "images_seen": status.images_seen,
        "seconds": status.seconds,
        "started": status.started or None,
        "configuration": digest_of(config) if config else None,
        "method": seedless_digest(config) if config else None,
        "folder": str(run.path),
    }


def _config_of(run: RunFolder) -> Mapping[str, Any]:
    """The configuration; empty where it is damaged, which the status says."""
    try:
        return run.read_config()
    except (OSError, UserError):
        return {}


def _refuse_taken(config: Sequence[str]) -> None:
    if isinstance(config, str):
        raise UserError(f"config={config!r}: give a list of keys, [{config!r}]")
    for key in config:
        if key in COLUMNS:
            raise UserError(f"config: there is a column {key} already ({COLUMNS[key]}): leave it out")


def _refuse_unknown(config: Sequence[str], configs: Sequence[Mapping[str, Any]]) -> None:
    """A key that no run has is a mistake; one that some have is not."""
    for key in config:
        if configs and not any(has_key(values, key) for values in configs):
            raise UserError(f"config: no run here has {key}: write keys as in config.yaml, such as data.seed")
