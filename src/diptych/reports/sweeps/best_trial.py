"""The best trial, its rivals, and the commands that reproduce and confirm it.

Validation figures choose the best trial, so they overstate it. It counts as confirmed only after fresh seeds of it are
evaluated on the test split.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych.config.overrides import read_override
from diptych.metrics.statistics.contrast import Contrast
from diptych.metrics.statistics.methods import paired_t, welch_t
from diptych.metrics.statistics.multiplicity import holm
from diptych.reports.sweeps.trials import SEED, SweepTable, SweptRun, Trial

LEVEL = 0.05
LEAST = 2
FRESH_SEEDS = 3
CONFIRMATION_SUFFIX = "-best"
THREADS = "trainer.threads"


@dataclass(frozen=True)
class Rival:
    """Another trial and its test against the best; `p` is after Holm, None if there are too few seeds."""

    trial: Trial
    contrast: Contrast | None = None
    p: float | None = None

    @property
    def differs(self) -> bool:
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class BestTrial:
    """The best trial and its best `run`. Commands are lists of words, quoted by `command`.

    `reproduce` trains that run again; `confirm` does what `retrain` and `evaluate` do in turn. `fresh` has the test
    results of fresh seeds, described by `fresh_name`.
    """

    trial: Trial
    run: SweptRun
    rivals: tuple[Rival, ...]
    reproduce: tuple[str, ...]
    confirm: tuple[str, ...]
    retrain: tuple[str, ...]
    evaluate: tuple[str, ...]
    fresh: tuple[float, ...] = ()
    fresh_name: str = ""

    @property
    def indistinct(self) -> list[Trial]:
        """Trials that do not differ significantly from the best one."""
        return [rival.trial for rival in self.rivals if not rival.differs]

    @property
    def is_confirmed(self) -> bool:
        return len(self.fresh) >= FRESH_SEEDS

    @property
    def ties(self) -> list[Trial]:
        """Trials with the same mean: nothing but the order of the plans puts this one before them."""
        return [rival.trial for rival in self.rivals if rival.trial.mean() == self.trial.mean()]

    @property
    def title(self) -> str:
        """Whether it is the only best one, and whether it is confirmed."""
        best = f"one of {len(self.ties) + 1} best trials" if self.ties else "best trial"
        return "confirmed on fresh seeds" if self.is_confirmed else f"{best}, not confirmed"


def best_trial_of(table: SweepTable, confirming: SweepTable | None = None) -> BestTrial | None:
    """The best trial; None if no trial has a figure. `confirming` is the sweep with its fresh seeds, if it exists."""
    trial = table.best
    if trial is None:
        return None
    sign = table.objectives[0].sign
    run = max(trial.counted, key=lambda run: sign * (run.figures[0] or 0.0))
    name = f"{table.name}{CONFIRMATION_SUFFIX}"
    whole = _with_threads(run)
    seeds = ",".join(map(str, _fresh_seeds(table)))
    return BestTrial(
        trial,
        run,
        tuple(_rivals(trial, table.ranked)),
        ("diptych", "train", *_seeded(whole, run.seed)),
        ("diptych", "sweep", "confirm", table.name, *_objective_flags(table)),
        ("diptych", "train", "-m", "--sweep", name, *table.launcher, *_seeded(_without_folds(whole, trial), seeds)),
        ("diptych", "evaluate", name, *(word for package in run.packages for word in ("--trust", package))),
        tuple(_confirmations(trial, run, confirming)),
        confirming.test_metric if confirming else "",
    )


def command(words: Sequence[str]) -> str:
    """The words as a shell command."""
    return shlex.join(words)


def command_lines(words: Sequence[str], width: int) -> list[str]:
    """The command in lines of at most `width` where words allow it, joined by backslashes."""
    lines = [""]
    for word in map(shlex.quote, words):
        longer = f"{lines[-1]} {word}".strip() if len(lines) == 1 else f"{lines[-1]} {word}"
        if len(longer) + 2 <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(f"  {word}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _rivals(best: Trial, ranked: Sequence[Trial]) -> list[Rival]:
    others = [trial for trial in ranked if trial is not best]
    contrasts = [_contrast(best, other) for other in others]
    adjusted = iter(holm([contrast.p for contrast in contrasts if contrast is not None]))
    return [
        Rival(other, contrast, next(adjusted) if contrast is not None else None)
        for other, contrast in zip(others, contrasts, strict=True)
    ]


def _contrast(best: Trial, other: Trial) -> Contrast | None:
    """A paired test if they share two seeds or more, else Welch's; None with fewer than two runs each."""
    ours, theirs = ({str(run.seed): run.figures[0] or 0.0 for run in trial.counted} for trial in (best, other))
    shared = [seed for seed in ours if seed in theirs]
    unique = len(ours) == len(best.counted) and len(theirs) == len(other.counted)
    if unique and len(shared) >= LEAST:
        return paired_t([theirs[seed] for seed in shared], [ours[seed] for seed in shared])
    if min(len(best.values()), len(other.values())) >= LEAST:
        return welch_t(other.values(), best.values())
    return None


def _objective_flags(table: SweepTable) -> Iterator[str]:
    """The flags for objectives that the reader chose; empty for the sweep's own."""
    for objective in table.objectives if table.is_asked else ():
        yield from ("--objective", f"{objective.name}:{objective.mode}")


def _with_threads(run: SweptRun) -> tuple[str, ...]:
    """The run's arguments with its number of threads, which affects the last bits."""
    if run.threads is None or any(argument.startswith(f"{THREADS}=") for argument in run.arguments):
        return run.arguments
    return (*run.arguments, f"{THREADS}={run.threads}")


def _without_folds(arguments: Sequence[str], trial: Trial) -> tuple[str, ...]:
    """The arguments without those that differ between the trial's runs, such as a fold."""
    given = [set(run.arguments) for run in trial.runs]
    common = set.intersection(*given)
    return tuple(argument for argument in arguments if argument in common or argument not in set.union(*given))


def _seeded(arguments: Sequence[str], seed: object) -> tuple[str, ...]:
    """The arguments with another seed."""
    others = [argument for argument in arguments if (read_override(argument) or ("",))[0] != SEED]
    return (*others, f"{SEED}={0 if seed is None else seed}")


def _meaning(arguments: Sequence[str]) -> dict[str, str]:
    """The values without the seed, in one notation: Hydra's grids write `1_000` as `1000`."""
    read = [read_override(argument) or (argument, None) for argument in arguments]
    return {key: json.dumps(value, sort_keys=True, default=str) for key, value in read if key != SEED}


def _fresh_seeds(table: SweepTable) -> list[int]:
    """The next seeds that no run of the sweep used."""
    used = [run.seed for run in table.runs if isinstance(run.seed, int)]
    first = max(used, default=-1) + 1
    return list(range(first, first + FRESH_SEEDS))


def _confirmations(trial: Trial, run: SweptRun, confirming: SweepTable | None) -> list[float]:
    """The test results of finished runs of the best configuration with fresh seeds."""
    if confirming is None:
        return []
    used = {str(own.seed) for own in trial.runs}
    fresh = {str(own.seed): own for own in confirming.runs if own.counts and str(own.seed) not in used}
    wanted = _meaning(_without_folds(_with_threads(run), trial))
    same = [own for own in fresh.values() if _meaning(_with_threads(own)) == wanted]
    return [own.test_result for own in same if own.test_result is not None]
