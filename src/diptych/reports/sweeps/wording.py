"""Sentences about a sweep's table, shared by the terminal and the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.metrics.statistics.seeds import SEEDS
from diptych.reports.page.columns import fitting
from diptych.reports.sweeps.best_trial import FRESH_SEEDS, LEVEL, BestTrial
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.parameters import value_text
from diptych.reports.sweeps.trials import SweepTable, SweptRun, Trial, interval_of

DIGITS = ".4g"
NOTHING = "—"
MOST_NAMED = 6
INTERVAL_WIDTH = 14
CHOICE = "Validation figures rank the trials, so they overstate the best one, and more so with more trials."


@dataclass(frozen=True)
class Failure:
    """Runs that ended for the same reason, and the numbers of their trials."""

    state: str
    why: str
    runs: tuple[SweptRun, ...]
    trials: tuple[int, ...]

    @property
    def title(self) -> str:
        """`3 runs failed (#2, #5)`, or the id of a single run."""
        who = " ".join(run.run_id for run in self.runs) if len(self.runs) == 1 else _number(len(self.runs), "run")
        more = f" and {len(self.trials) - MOST_NAMED} more" if len(self.trials) > MOST_NAMED else ""
        return f"{who} {self.state} ({', '.join(f'#{number}' for number in self.trials[:MOST_NAMED])}{more})"


def figure_text(value: float | None) -> str:
    """A figure in a table; a dash if there is none."""
    return NOTHING if value is None else f"{value:{DIGITS}}"


def interval_text(trial: Trial, objective: int = 0, digits: str = ".3g") -> str:
    """Both ends; a dash if there is no interval."""
    interval = trial.interval(objective)
    return NOTHING if interval is None else " to ".join(f"{end:{digits}}" for end in interval.ends)


def shortest_interval(trial: Trial) -> str:
    """The interval with as many digits as a narrow column has room for."""
    interval = trial.interval()
    return NOTHING if interval is None else fitting(interval.ends, INTERVAL_WIDTH)


def counts_text(table: SweepTable) -> str:
    """`12 configurations, 24 runs: 23 done, 1 failed`."""
    counts = ", ".join(f"{number} {state}" for state, number in table.counts.items())
    return f"{_number(len(table.trials), 'configuration')}, {_number(len(table.runs), 'run')}: {counts}"


def objectives_text(table: SweepTable) -> str:
    """The objectives that rank the trials; empty if there are none."""
    return "; ".join(objective.description for objective in table.objectives)


def parameters_text(trial: Trial) -> str:
    """`generator.width=8 objective=hinge`."""
    return " ".join(f"{key}={value_text(value)}" for key, value in trial.parameters.items()) or "the only configuration"


def best_trial_text(table: SweepTable, best_trial: BestTrial) -> str:
    """The best trial's figure, its interval and its number of seeds."""
    mean, interval, n = best_trial.trial.mean(), best_trial.trial.interval(), len(best_trial.trial.counted)
    seeds = "seed" if best_trial.trial.over == SEEDS else "run"
    interval = f"95 % interval {interval_text(best_trial.trial)}, " if interval else ""
    return f"{table.objectives[0].name} {figure_text(mean)} ({interval}{_number(n, seeds)})"


def rivals_text(best_trial: BestTrial) -> str:
    """Which trials differ significantly from the best one, and which do not."""
    ties = f"It ties with {numbers_text(best_trial.ties)}; the one that was planned first is named. "
    return (ties if best_trial.ties else "") + _differences_text(best_trial)


def _differences_text(best_trial: BestTrial) -> str:
    if not best_trial.rivals:
        return "No other trial has a figure."
    tested = [rival for rival in best_trial.rivals if rival.p is not None]
    if not tested:
        return "One seed each: other seeds may give another best trial."
    kinds = " and ".join(dict.fromkeys(rival.contrast.method for rival in tested if rival.contrast))
    num_differing, others = sum(rival.differs for rival in best_trial.rivals), _number(len(best_trial.rivals), "other")
    text = f"Differs significantly from {num_differing} of {others} ({kinds} over seeds, Holm, p < {LEVEL:g})"
    return f"{text}, not from {numbers_text(best_trial.indistinct)}." if best_trial.indistinct else f"{text}."


def confirmation_text(best_trial: BestTrial) -> str:
    """The test results of fresh seeds, or how to get them."""
    if not best_trial.fresh:
        return f"Not confirmed: this needs {FRESH_SEEDS} fresh seeds, evaluated on the test split."
    mean = sum(best_trial.fresh) / len(best_trial.fresh)
    interval = interval_of(best_trial.fresh)
    interval = f", 95 % interval {interval.low:.3g} to {interval.high:.3g}" if interval else ""
    seeds = f"{_number(len(best_trial.fresh), 'fresh seed')}"
    more = "" if best_trial.is_confirmed else f" {FRESH_SEEDS} are needed."
    return f"{seeds}: {best_trial.fresh_name} {mean:{DIGITS}}{interval}.{more}"


def importance_text(importances: Importances) -> str:
    """The basis of the shares, and whether they generalise."""
    if importances.refusal:
        return f"No importances: {importances.refusal}."
    interval = (
        f"fANOVA on {importances.num_trials} trials, with 5 to 95 % of resamples of them. Its forest explains "
        f"{100 * importances.explained:.0f} % of the variance of trials that it has not seen"
    )
    return f"{interval}{': these shares are chance.' if importances.is_chance else '.'}"


def failures_of(table: SweepTable) -> list[Failure]:
    """Runs that are not done, grouped by reason, the most frequent first."""
    numbers = {run.run_id: trial.number for trial in table.trials for run in trial.runs}
    groups: dict[tuple[str, str], list[SweptRun]] = {}
    for run in table.unfinished:
        groups.setdefault((run.state, " ".join(run.why.split())), []).append(run)
    failures = [
        Failure(state, why, tuple(runs), tuple(dict.fromkeys(numbers[run.run_id] for run in runs)))
        for (state, why), runs in groups.items()
    ]
    return sorted(failures, key=lambda failure: -len(failure.runs))


def numbers_text(trials: Sequence[Trial]) -> str:
    """`#3, #5`, and the number of others."""
    named = ", ".join(f"#{trial.number}" for trial in trials[:MOST_NAMED])
    return f"{named} and {len(trials) - MOST_NAMED} more" if len(trials) > MOST_NAMED else named


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
