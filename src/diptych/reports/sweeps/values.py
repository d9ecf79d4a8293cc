"""A sweep's table as plain values for programs, and as Markdown."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from diptych.metrics.statistics.interval import Interval
from diptych.reports.page.markdown import markdown_table
from diptych.reports.sweeps.best_trial import BestTrial, command
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.parameters import ABSENT, value_text
from diptych.reports.sweeps.pareto import pareto_front
from diptych.reports.sweeps.trials import SweepTable, SweptRun, Trial
from diptych.reports.sweeps.wording import (
    CHOICE,
    best_trial_text,
    confirmation_text,
    counts_text,
    failures_of,
    figure_text,
    importance_text,
    interval_text,
    objectives_text,
    parameters_text,
    rivals_text,
)


def sweep_values(table: SweepTable, best_trial: BestTrial | None, importances: Importances) -> dict[str, Any]:
    """Everything in the text, with all digits."""
    several = len(table.objectives) > 1
    return {
        "sweep": table.name,
        "objectives": [asdict(objective) for objective in table.objectives],
        "counts": table.counts,
        "parameters": list(table.keys),
        "test_metric": table.test_metric or None,
        "trials": [_trial(table, trial) for trial in table.trials],
        "pareto_front": [trial.number for trial in pareto_front(table)] if several else None,
        "best_trial": _best_trial(best_trial) if best_trial else None,
        "importances": _importances(importances),
        "notes": list(table.notes),
    }


def sweep_markdown(table: SweepTable, best_trial: BestTrial | None, importances: Importances) -> str:
    """The table of all trials, and the same text as on the terminal."""
    header = ("#", *table.keys, *_figure_header(table), "n", *(["test"] if table.test_metric else []))
    header += ("images", "seconds", "state")
    rows = [_row(table, trial) for trial in table.trials]
    parts = [objectives_text(table), markdown_table(header, rows), CHOICE]
    parts += [f"test: {table.test_metric}; it does not rank trials."] if table.test_metric else []
    if best_trial:
        parts += [
            f"### {best_trial.title.capitalize()}: #{best_trial.trial.number} {parameters_text(best_trial.trial)}",
            f"{best_trial_text(table, best_trial)}. {rivals_text(best_trial)} {confirmation_text(best_trial)}",
            _code(best_trial.reproduce, *(() if best_trial.is_confirmed else (best_trial.confirm,))),
        ]
    shares = [(s.name, f"{s.value:.3f}", f"{s.low:.3f} to {s.high:.3f}") for s in importances.shares]
    parts += ["### Parameter importance", markdown_table(("parameter", "share", "5 to 95 %"), shares)] if shares else []
    parts += [importance_text(importances), *importances.notes, *table.notes]
    failed = [(", ".join(run.run_id for run in own.runs), own.state, own.why) for own in failures_of(table)]
    parts += ["### Failures", markdown_table(("runs", "state", "why"), failed)] if failed else []
    return "\n\n".join([f"## Sweep {table.name}", counts_text(table), *filter(None, parts)]) + "\n"


def _trial(table: SweepTable, trial: Trial) -> dict[str, Any]:
    figures = {
        objective.name: {"mean": trial.mean(i), "values": trial.values(i), "interval": _interval(trial.interval(i))}
        for i, objective in enumerate(table.objectives)
    }
    return {
        "trial": trial.number,
        "parameters": dict(trial.parameters),
        "state": trial.state,
        "n": len(trial.counted),
        "figures": figures,
        "test_results": trial.test_results,
        "images": trial.images,
        "seconds": round(trial.seconds, 1),
        "runs": [_run(table, run) for run in trial.runs],
    }


def _run(table: SweepTable, run: SweptRun) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "job": run.number,
        "seed": run.seed,
        "state": run.state,
        "why": run.why,
        "figures": dict(zip([objective.name for objective in table.objectives], run.figures, strict=False)),
        "test_result": run.test_result,
        "images": run.images,
        "seconds": round(run.seconds, 1),
    }


def _best_trial(best_trial: BestTrial) -> dict[str, Any]:
    return {
        "trial": best_trial.trial.number,
        "run": best_trial.run.run_id,
        "confirmed": best_trial.is_confirmed,
        "fresh": {"values": list(best_trial.fresh), "of": best_trial.fresh_name or None},
        "ties": [trial.number for trial in best_trial.ties],
        "not_distinguished": [trial.number for trial in best_trial.indistinct],
        "tests": [
            {"trial": rival.trial.number, "p": rival.p, "method": rival.contrast.method, "n": rival.contrast.n}
            for rival in best_trial.rivals
            if rival.contrast
        ],
        "reproduce": command(best_trial.reproduce),
        "confirm": command(best_trial.confirm),
        "retrain": command(best_trial.retrain),
        "evaluate": command(best_trial.evaluate),
    }


def _importances(importances: Importances) -> dict[str, Any]:
    return {**asdict(importances), "refusal": importances.refusal or None, "is_chance": importances.is_chance}


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return asdict(interval) if interval else None


def _figure_header(table: SweepTable) -> list[str]:
    return [name for objective in table.objectives for name in (objective.name, "95 % interval")]


def _row(table: SweepTable, trial: Trial) -> list[str]:
    figures = [
        text
        for i in range(len(table.objectives))
        for text in (figure_text(trial.mean(i)), interval_text(trial, i, ".4g"))
    ]
    test = [", ".join(map(figure_text, trial.test_results)) or "—"] if table.test_metric else []
    values = [value_text(trial.parameters.get(key, ABSENT)) for key in table.keys]
    cost = [f"{trial.images:,.0f}", f"{trial.seconds:,.1f}"]
    return [str(trial.number), *values, *figures, str(len(trial.counted)), *test, *cost, trial.state]


def _code(*commands: Sequence[str]) -> str:
    return "```bash\n" + "\n".join(map(command, commands)) + "\n```"
