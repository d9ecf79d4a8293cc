"""What a sweep's table says in words, on a terminal and on a page alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.metrics.statistics.seeds import SEEDS
from diptych.reports.page.columns import fitting
from diptych.reports.sweeps.best_trial import FRESH_SEEDS, LEVEL, Winner
from diptych.reports.sweeps.importance import Importances
from diptych.reports.sweeps.parameters import value_text
from diptych.reports.sweeps.trials import SweepTable, SweptRun, Trial, interval_of

DIGITS = ".4g"
NOTHING = "—"
MOST_NAMED = 6
INTERVAL_WIDTH = 14
CHOICE = "Validation figures choose; they flatter what they chose, and more so the more trials there were."


@dataclass(frozen=True)
class Failure:
    """Runs that ended in the same way, and the numbers of their trials."""

    state: str
    why: str
    runs: tuple[SweptRun, ...]
    trials: tuple[int, ...]

    @property
    def title(self) -> str:
        """`3 runs failed (#2, #5)`, or which run it was."""
        who = " ".join(run.run_id for run in self.runs) if len(self.runs) == 1 else _number(len(self.runs), "run")
        more = f" and {len(self.trials) - MOST_NAMED} more" if len(self.trials) > MOST_NAMED else ""
        return f"{who} {self.state} ({', '.join(f'#{number}' for number in self.trials[:MOST_NAMED])}{more})"


def figure_text(value: float | None) -> str:
    """A figure as a table says it; a dash where there is none."""
    return NOTHING if value is None else f"{value:{DIGITS}}"


def interval_text(trial: Trial, objective: int = 0, digits: str = ".3g") -> str:
    """Both ends; a dash where fewer than two seeds, or none that differ, say anything."""
    interval = trial.interval(objective)
    return NOTHING if interval is None else " to ".join(f"{end:{digits}}" for end in interval.ends)


def shortest_interval(trial: Trial) -> str:
    """With as many digits as a narrow table has room for."""
    interval = trial.interval()
    return NOTHING if interval is None else fitting(interval.ends, INTERVAL_WIDTH)


def counts_text(table: SweepTable) -> str:
    """`12 configurations, 24 runs: 23 done, 1 failed`."""
    counts = ", ".join(f"{number} {state}" for state, number in table.counts.items())
    return f"{_number(len(table.trials), 'configuration')}, {_number(len(table.runs), 'run')}: {counts}"


def objectives_text(table: SweepTable) -> str:
    """By what trials are ranked; nothing where nothing is monitored."""
    return "; ".join(objective.words for objective in table.objectives)


def parameters_text(trial: Trial) -> str:
    """`generator.width=8 objective=hinge`; a sweep of one configuration has nothing that differs."""
    return " ".join(f"{key}={value_text(value)}" for key, value in trial.parameters.items()) or "the only configuration"


def leader_text(table: SweepTable, winner: Winner) -> str:
    """Its figure, with the interval and the number of seeds."""
    mean, interval, n = winner.trial.mean(), winner.trial.interval(), len(winner.trial.counted)
    seeds = "seed" if winner.trial.over == SEEDS else "run"
    sure = f"95 % interval {interval_text(winner.trial)}, " if interval else ""
    return f"{table.objectives[0].name} {figure_text(mean)} ({sure}{_number(n, seeds)})"


def rivals_text(winner: Winner) -> str:
    """From which trials the seeds tell the leader, and from which they do not."""
    if not winner.rivals:
        return "No other trial has a figure."
    tested = [rival for rival in winner.rivals if rival.p is not None]
    if not tested:
        return "One seed each: nothing says whether another trial would lead with other seeds."
    kinds = " and ".join(dict.fromkeys(rival.contrast.method for rival in tested if rival.contrast))
    told = sum(rival.is_told_apart for rival in winner.rivals)
    said = f"Told apart from {told} of {_number(len(winner.rivals), 'other')} ({kinds} over seeds, Holm, p < {LEVEL:g})"
    return f"{said}, not from {numbers_text(winner.alike)}." if winner.alike else f"{said}."


def confirmation_text(winner: Winner) -> str:
    """What fresh seeds came to on the test split, or that there are none yet."""
    if not winner.fresh:
        return f"Not confirmed: that takes {FRESH_SEEDS} fresh seeds of it, evaluated on the test split."
    mean = sum(winner.fresh) / len(winner.fresh)
    interval = interval_of(winner.fresh)
    sure = f", 95 % interval {interval.low:.3g} to {interval.high:.3g}" if interval else ""
    seeds = f"{_number(len(winner.fresh), 'fresh seed')}"
    more = "" if winner.is_confirmed else f" {FRESH_SEEDS} are needed."
    return f"{seeds}: {winner.fresh_name} {mean:{DIGITS}}{sure}.{more}"


def importance_text(importances: Importances) -> str:
    """What the shares rest on, and whether they are worth anything."""
    if importances.refusal:
        return f"No importances: {importances.refusal}."
    sure = (
        f"fANOVA on {importances.num_trials} trials, with 5 to 95 % of resamples of them. Its forest explains "
        f"{100 * importances.explained:.0f} % of the spread of trials that it has not seen"
    )
    return f"{sure}{': these shares are chance.' if importances.is_chance else '.'}"


def failures_of(table: SweepTable) -> list[Failure]:
    """Runs that are not done, those with the same reason together, the most frequent first."""
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
    """`#3, #5`, and how many more."""
    named = ", ".join(f"#{trial.number}" for trial in trials[:MOST_NAMED])
    return f"{named} and {len(trials) - MOST_NAMED} more" if len(trials) > MOST_NAMED else named


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
