"""Which trial leads, from which others it can be told apart, and what to type to have it again, or to confirm it.

A leader was chosen by its own validation figures and looks better than it is. It is called confirmed only once fresh
seeds of it have been measured on the test split.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from diptych.config.overrides import read_override
from diptych.metrics.statistics.contrast import Contrast
from diptych.metrics.statistics.holm import holm
from diptych.metrics.statistics.methods import paired_t, welch_t
from diptych.reports.sweeps.trials import SEED, SweepTable, SweptRun, Trial

LEVEL = 0.05
LEAST = 2
FRESH_SEEDS = 3
SUFFIX = "-winner"
THREADS = "trainer.threads"


@dataclass(frozen=True)
class Rival:
    """Another trial, and what a test over seeds said; `p` is after Holm, None where there are too few seeds."""

    trial: Trial
    contrast: Contrast | None = None
    p: float | None = None

    @property
    def is_told_apart(self) -> bool:
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class Winner:
    """The leading trial. `run` is its best run; the commands are words, to be quoted by `command`.

    `reproduce` trains that run again; `confirm` does what `retrain` and `evaluate` do one after the other. `fresh` are
    figures of fresh seeds on the test split, as `fresh_name` says.
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
    def alike(self) -> list[Trial]:
        """Trials from which the leader cannot be told apart by the seeds that there are."""
        return [rival.trial for rival in self.rivals if not rival.is_told_apart]

    @property
    def is_confirmed(self) -> bool:
        return len(self.fresh) >= FRESH_SEEDS

    @property
    def title(self) -> str:
        """What it may be called."""
        return "confirmed on fresh seeds" if self.is_confirmed else "leading, not confirmed"


def winner_of(table: SweepTable, confirming: SweepTable | None = None) -> Winner | None:
    """The best trial; `confirming` is the sweep that trained it anew, if there is one. None where none has a figure."""
    trial = table.leader
    if trial is None:
        return None
    sign = table.objectives[0].sign
    run = max(trial.counted, key=lambda run: sign * (run.figures[0] or 0.0))
    name = f"{table.name}{SUFFIX}"
    whole = _with_threads(run)
    seeds = ",".join(map(str, _fresh_seeds(table)))
    return Winner(
        trial,
        run,
        tuple(_rivals(trial, table.ranked)),
        ("diptych", "train", *_seeded(whole, run.seed)),
        ("diptych", "sweep", "confirm", table.name, *_objective_flags(table)),
        ("diptych", "train", "-m", "--sweep", name, *table.launcher, *_seeded(_without_folds(whole, trial), seeds)),
        ("diptych", "evaluate", name, *(word for package in run.packages for word in ("--trust", package))),
        tuple(_confirmations(trial, run, confirming)),
        confirming.tested_name if confirming else "",
    )


def command(words: Sequence[str]) -> str:
    """As it is typed into a shell."""
    return shlex.join(words)


def command_lines(words: Sequence[str], width: int) -> list[str]:
    """The same in lines of at most `width` where words allow it, each but the last continued."""
    lines = [""]
    for word in map(shlex.quote, words):
        longer = f"{lines[-1]} {word}".strip() if len(lines) == 1 else f"{lines[-1]} {word}"
        if len(longer) + 2 <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(f"  {word}")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _rivals(leader: Trial, ranked: Sequence[Trial]) -> list[Rival]:
    others = [trial for trial in ranked if trial is not leader]
    contrasts = [_contrast(leader, other) for other in others]
    adjusted = iter(holm([contrast.p for contrast in contrasts if contrast is not None]))
    return [
        Rival(other, contrast, next(adjusted) if contrast is not None else None)
        for other, contrast in zip(others, contrasts, strict=True)
    ]


def _contrast(leader: Trial, other: Trial) -> Contrast | None:
    """Paired where they share two seeds or more, else between all runs; None with fewer than two of each."""
    ours, theirs = ({str(run.seed): run.figures[0] or 0.0 for run in trial.counted} for trial in (leader, other))
    shared = [seed for seed in ours if seed in theirs]
    unique = len(ours) == len(leader.counted) and len(theirs) == len(other.counted)
    if unique and len(shared) >= LEAST:
        return paired_t([theirs[seed] for seed in shared], [ours[seed] for seed in shared])
    if min(len(leader.values()), len(other.values())) >= LEAST:
        return welch_t(other.values(), leader.values())
    return None


def _objective_flags(table: SweepTable) -> Iterator[str]:
    """None where the sweep has them of itself."""
    for objective in table.objectives if table.is_asked else ():
        yield from ("--objective", f"{objective.name}:{objective.mode}")


def _with_threads(run: SweptRun) -> tuple[str, ...]:
    """The number of threads is part of what a run is: another one gives other last bits."""
    if run.threads is None or any(argument.startswith(f"{THREADS}=") for argument in run.arguments):
        return run.arguments
    return (*run.arguments, f"{THREADS}={run.threads}")


def _without_folds(arguments: Sequence[str], trial: Trial) -> tuple[str, ...]:
    """What all runs of the trial were told: what they differ in, such as a fold, is no part of what is confirmed."""
    told = [set(run.arguments) for run in trial.runs]
    common = set.intersection(*told)
    return tuple(argument for argument in arguments if argument in common or argument not in set.union(*told))


def _seeded(arguments: Sequence[str], seed: object) -> tuple[str, ...]:
    """The arguments with this seed in place of theirs."""
    others = [argument for argument in arguments if (read_override(argument) or ("",))[0] != SEED]
    return (*others, f"{SEED}={0 if seed is None else seed}")


def _meaning(arguments: Sequence[str]) -> dict[str, str]:
    """What they set but for the seed, however it is typed: Hydra's grids write `1_000` as `1000`."""
    read = [read_override(argument) or (argument, None) for argument in arguments]
    return {key: json.dumps(value, sort_keys=True, default=str) for key, value in read if key != SEED}


def _fresh_seeds(table: SweepTable) -> list[int]:
    """The next ones that no run of the sweep has had."""
    used = [run.seed for run in table.runs if isinstance(run.seed, int)]
    first = max(used, default=-1) + 1
    return list(range(first, first + FRESH_SEEDS))


def _confirmations(trial: Trial, run: SweptRun, confirming: SweepTable | None) -> list[float]:
    """Of done runs that are as the leader is, with seeds that it has not had."""
    if confirming is None:
        return []
    used = {str(own.seed) for own in trial.runs}
    fresh = {str(own.seed): own for own in confirming.runs if own.counts and str(own.seed) not in used}
    wanted = _meaning(_without_folds(_with_threads(run), trial))
    same = [own for own in fresh.values() if _meaning(_with_threads(own)) == wanted]
    return [own.tested for own in same if own.tested is not None]
