"""Parameter importance by fANOVA (Hutter et al. 2014), with Optuna's implementation.

A random forest is fitted to the trials' means. A parameter's importance is its share of the forest's variance over the
box of tried values. Shares always add up to one, even for noise. So they are computed again on resamples of the trials,
and the forest is tested on trials that it has not seen.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import spearmanr

from diptych.reports.sweeps.parameters import Parameter
from diptych.reports.sweeps.trials import PRUNED, SweepTable

LEAST_TRIALS, TRIALS_OF_EACH = 8, 3
RESAMPLES, TREES, TREES_OF_EACH, DEPTH = 24, 32, 4, 6
OUT_OF_BAG_TREES = 100
TAIL = 0.05
TOGETHER, ROUNDING = 0.9, 1e-9
SEED = 0


@dataclass(frozen=True)
class Share:
    """A parameter's importance from 0 to 1, with the 5th and 95th percentile over resamples of the trials."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """All shares, the highest first; or `refusal`, the reason why there are none.

    They are computed from `num_trials` trials. `explained` is the forest's R² on trials that it has not seen (out of
    bag); it is below zero if the mean alone predicts better.
    """

    shares: tuple[Share, ...] = ()
    num_trials: int = 0
    explained: float = 0.0
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def is_chance(self) -> bool:
        """Whether the forest does not generalise to other trials."""
        return not self.refusal and self.explained <= 0


def importances_of(table: SweepTable, parameters: Sequence[Parameter]) -> Importances:
    """The importance of the parameters that every ranked trial has and that differ."""
    trials = table.ranked
    usable, notes = _usable(parameters)
    needed = max(LEAST_TRIALS, TRIALS_OF_EACH * len(usable))
    values = np.array([trial.mean() for trial in trials], dtype=np.float64)
    if not usable:
        return Importances(refusal="no parameter differs between trials that have a figure")
    if len(trials) < needed:
        return Importances(
            refusal=f"{len(trials)} trials have a figure; shares of {len(usable)} "
            f"{'parameter' if len(usable) == 1 else 'parameters'} need at least {needed}"
        )
    if np.ptp(values) == 0:
        return Importances(refusal="all trials have the same figure")
    found, resampled = _shares(usable, values)
    lows, highs = np.quantile(resampled, (TAIL, 1 - TAIL), axis=0)
    shares = [Share(p.name, *map(float, own)) for p, *own in zip(usable, found, lows, highs, strict=True)]
    pruned = sum(run.state == PRUNED for run in table.runs)
    notes += [f"{pruned} pruned runs do not count here, and they are not the best ones"] if pruned else []
    ordered = tuple(sorted(shares, key=lambda share: -share.value))
    return Importances(ordered, len(trials), _explained(usable, values), (*notes, *_moving_together(usable)))


def _usable(parameters: Sequence[Parameter]) -> tuple[list[Parameter], list[str]]:
    """The parameters that every trial has; of equivalent parameters only the first."""
    notes = [f"{p.key}: left out, because only some trials have it" for p in parameters if p.is_partial]
    kept: list[Parameter] = []
    for parameter in (p for p in parameters if not p.is_partial and p.differs):
        twin = next((other for other in kept if _is_equivalent(other, parameter)), None)
        if twin is None:
            kept.append(parameter)
        else:
            notes.append(f"{parameter.key} always changes together with {twin.key}, which represents both")
    return kept, notes


def _is_equivalent(one: Parameter, other: Parameter) -> bool:
    """Numbers in the same or the opposite order, or names in one-to-one pairs."""
    if one.is_numeric and other.is_numeric:
        return _correlation(one, other) > 1 - ROUNDING
    pairs = set(zip(one.labels, other.labels, strict=True))
    return len(pairs) == len(set(one.labels)) == len(set(other.labels)) <= len(one.labels) / 2


def _moving_together(parameters: Sequence[Parameter]) -> list[str]:
    """Notes on numbers that are strongly correlated, so that their effects cannot be separated."""
    numeric = [p for p in parameters if p.is_numeric]
    pairs = [(a, b) for i, a in enumerate(numeric) for b in numeric[i + 1 :]]
    return [
        f"{a.key} and {b.key} nearly always change together: their effects cannot be separated"
        for a, b in pairs
        if _correlation(a, b) >= TOGETHER
    ]


def _correlation(one: Parameter, other: Parameter) -> float:
    """The absolute rank correlation."""
    return abs(float(np.asarray(spearmanr(one.positions, other.positions))[0]))


def _shares(
    parameters: Sequence[Parameter], values: Float[np.ndarray, " trials"]
) -> tuple[Float[np.ndarray, " parameters"], Float[np.ndarray, "resamples parameters"]]:
    """The shares of all trials, and of resamples that have any spread."""
    rng = np.random.default_rng(SEED)
    n = len(values)
    resampled: list[np.ndarray] = []
    while len(resampled) < RESAMPLES:
        drawn = rng.integers(0, n, n)
        if np.ptp(values[drawn]) > 0:
            resampled.append(_fanova(parameters, values, drawn, TREES_OF_EACH))
    return _fanova(parameters, values, np.arange(n), TREES), np.array(resampled)


def _explained(parameters: Sequence[Parameter], values: Float[np.ndarray, " trials"]) -> float:
    """R² of a forest on its out-of-bag trials."""
    from sklearn.ensemble import RandomForestRegressor

    columns = [
        column
        for p in parameters
        for column in ([p.positions] if p.is_numeric else [p.positions == place for place in range(len(p.levels))])
    ]
    forest = RandomForestRegressor(OUT_OF_BAG_TREES, max_depth=DEPTH, oob_score=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves out trials that are in every tree's bag
        return float(forest.fit(np.column_stack(columns), values).oob_score_)


def _fanova(
    parameters: Sequence[Parameter],
    values: Float[np.ndarray, " trials"],
    drawn: Int[np.ndarray, " trials"],
    trees: int,
) -> Float[np.ndarray, " parameters"]:
    """The shares of the drawn trials, in the order of the parameters, from a study in memory."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    space: dict[str, BaseDistribution] = {}
    columns: dict[str, Sequence[Any]] = {}
    for p in parameters:
        if p.is_numeric:
            space[p.name] = FloatDistribution(float(p.positions.min()), float(p.positions.max()))
            columns[p.name] = p.positions.tolist()
        else:
            space[p.name] = CategoricalDistribution(p.levels)
            columns[p.name] = p.labels
    with _quiet():
        study = optuna.create_study()
        study.add_trials(
            [
                optuna.create_trial(
                    params={name: column[i] for name, column in columns.items()},
                    distributions=space,
                    value=float(values[i]),
                )
                for i in drawn
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=trees, max_depth=DEPTH, seed=SEED)
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return np.array([shares[name] for name in columns])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's message on each new study and its warning that the evaluator is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("optuna").setLevel(logging.WARNING)
        yield
