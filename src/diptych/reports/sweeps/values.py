"""A sweep's table as plain values for programs, and as Markdown with every trial."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from diptych.metrics.statistics.interval import Interval
from diptych.reports.page.markdown import markdown_table
from diptych.reports.sweeps.best_trial import Winner, command
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.parameters import ABSENT, value_text
from diptych.reports.sweeps.pareto import pareto_front
from diptych.reports.sweeps.trials import SweepTable, SweptRun, Trial
from diptych.reports.sweeps.wording import (
    CHOICE,
    confirmation_text,
    counts_text,
    failures_of,
    figure_text,
    importance_text,
    interval_text,
    leader_text,
    objectives_text,
    parameters_text,
    rivals_text,
)


def sweep_values(table: SweepTable, winner: Winner | None, importances: Importances) -> dict[str, Any]:
    """Everything that the text says, in full."""
    several = len(table.objectives) > 1
    return {
        "sweep": table.name,
        "objectives": [asdict(objective) for objective in table.objectives],
        "counts": table.counts,
        "parameters": list(table.keys),
        "tested": table.tested_name or None,
        "trials": [_trial(table, trial) for trial in table.trials],
        "pareto_front": [trial.number for trial in pareto_front(table)] if several else None,
        "winner": _winner(winner) if winner else None,
        "importances": _importances(importances),
        "notes": list(table.notes),
    }


def sweep_markdown(table: SweepTable, winner: Winner | None, importances: Importances) -> str:
    """All trials in a table, and the same words as on the terminal."""
    header = ("#", *table.keys, *_figure_header(table), "n", *(["test"] if table.tested_name else []))
    header += ("images", "seconds", "state")
    rows = [_row(table, trial) for trial in table.trials]
    said = [objectives_text(table), markdown_table(header, rows), CHOICE]
    said += [f"test: {table.tested_name}; it chooses nothing."] if table.tested_name else []
    if winner:
        said += [
            f"### {winner.title.capitalize()}: #{winner.trial.number} {parameters_text(winner.trial)}",
            f"{leader_text(table, winner)}. {rivals_text(winner)} {confirmation_text(winner)}",
            _code(winner.reproduce, *(() if winner.is_confirmed else (winner.confirm,))),
        ]
    shares = [(s.name, f"{s.value:.3f}", f"{s.low:.3f} to {s.high:.3f}") for s in importances.shares]
    said += ["### What mattered", markdown_table(("parameter", "share", "5 to 95 %"), shares)] if shares else []
    said += [importance_text(importances), *importances.notes, *table.notes]
    failed = [(", ".join(run.run_id for run in own.runs), own.state, own.why) for own in failures_of(table)]
    said += ["### Not done", markdown_table(("runs", "state", "why"), failed)] if failed else []
    return "\n\n".join([f"## Sweep {table.name}", counts_text(table), *filter(None, said)]) + "\n"


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
        "tested": trial.tested,
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
        "tested": run.tested,
        "images": run.images,
        "seconds": round(run.seconds, 1),
    }


def _winner(winner: Winner) -> dict[str, Any]:
    return {
        "trial": winner.trial.number,
        "run": winner.run.run_id,
        "confirmed": winner.is_confirmed,
        "fresh": {"values": list(winner.fresh), "of": winner.fresh_name or None},
        "not_told_apart": [trial.number for trial in winner.alike],
        "tests": [
            {"trial": rival.trial.number, "p": rival.p, "method": rival.contrast.method, "n": rival.contrast.n}
            for rival in winner.rivals
            if rival.contrast
        ],
        "reproduce": command(winner.reproduce),
        "confirm": command(winner.confirm),
        "retrain": command(winner.retrain),
        "evaluate": command(winner.evaluate),
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
    tested = [", ".join(map(figure_text, trial.tested)) or "—"] if table.tested_name else []
    values = [value_text(trial.parameters.get(key, ABSENT)) for key in table.keys]
    cost = [f"{trial.images:,.0f}", f"{trial.seconds:,.1f}"]
    return [str(trial.number), *values, *figures, str(len(trial.counted)), *tested, *cost, trial.state]


def _code(*commands: Sequence[str]) -> str:
    return "```bash\n" + "\n".join(map(command, commands)) + "\n```"
