"""How often 95 % intervals cover the true value, diptych's and others, as the page docs/coverage.md.

`make coverage` rewrites the page: 20,000 simulated experiments a cell, the same for a seed, four minutes on one
core. The intervals of diptych are its own functions, run on many experiments at once; the bad examples live here.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from diptych.metrics.statistics.aggregates import interquartile_means
from diptych.metrics.statistics.clusters import (
    LEAST_ON_EACH_SIDE,
    RESAMPLES,
    bootstrap_bounds,
    effective_clusters,
    rate_bounds,
)
from diptych.metrics.statistics.crossed import crossed_bounds
from diptych.metrics.statistics.proportions import wilson_bounds
from diptych.metrics.statistics.resampling import Draw, resampled_bounds, whole_runs, within_tasks
from diptych.metrics.statistics.seeds import bounded_bounds, student_t_bounds

Ends = tuple[np.ndarray, np.ndarray]
Method = Callable[[np.ndarray, np.random.Generator], Ends]

AT_ONCE = 1_000
RUNS = (3, 5, 10)
TOGETHER = (0.0, 0.5, 1.0)
FEWER = 10
"""For many skills, a tenth of the experiments is simulated, since each takes thousands of resamples."""
TAILS = np.array([0.025, 0.975])
POOR = 0.93
"""Lower coverage is printed in bold."""


@dataclass(frozen=True)
class Population:
    """The distribution of a training run's accuracy."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
    mean: float


def gaussian(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.normal(0.80, 0.02, shape)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.beta(19.4, 0.6, shape)


def collapsing(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    fallen = rng.random(shape) < 0.1
    return np.where(fallen, rng.normal(0.10, 0.02, shape), rng.normal(0.95, 0.01, shape))


POPULATIONS = (
    Population("Gaussian: 80 % ± 2 points", gaussian, 0.80),
    Population("skewed near 1: Beta(19.4, 0.6), mean 97 %", skewed, 0.97),
    Population("one in ten collapses: 95 %, but 10 % of runs reach 10 %", collapsing, 0.9 * 0.95 + 0.1 * 0.10),
)


def mean_and_deviation(values: np.ndarray, rng: np.random.Generator) -> Ends:
    mean, deviation = values.mean(axis=-1), values.std(axis=-1, ddof=1)
    return mean - deviation, mean + deviation


def logit_t(values: np.ndarray, rng: np.random.Generator) -> Ends:
    low, high = student_t_bounds(special.logit(np.clip(values, 1e-4, 1 - 1e-4)))
    return special.expit(low), special.expit(high)


def resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    n = values.shape[-1]
    return np.sort(values @ (rng.multinomial(n, np.full(n, 1 / n), RESAMPLES).T / n), axis=-1)


def percentile_bootstrap(values: np.ndarray, rng: np.random.Generator) -> Ends:
    low, high = np.quantile(resampled_means(values, rng), TAILS, axis=-1)
    return low, high


def bca_bootstrap(values: np.ndarray, rng: np.random.Generator) -> Ends:
    """Bias-corrected and accelerated (Efron 1987)."""
    means, mean = resampled_means(values, rng), values.mean(axis=-1, keepdims=True)
    below = ((means < mean).mean(axis=-1) + (means <= mean).mean(axis=-1)) / 2
    bias = special.ndtri(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))[:, None]
    apart = mean - values
    squares = (apart**2).sum(axis=-1, keepdims=True)
    speed = (apart**3).sum(axis=-1, keepdims=True) / (6 * np.maximum(squares, 1e-300) ** 1.5)
    shifted = bias + special.ndtri(TAILS)
    places = special.ndtr(bias + shifted / (1 - speed * shifted)) * (RESAMPLES - 1)
    ends = np.take_along_axis(means, np.rint(places).astype(int), axis=-1)
    return ends[:, 0], ends[:, 1]


OF_SEEDS: dict[str, Method] = {
    "Student t": lambda values, rng: student_t_bounds(values),
    "Gaffke": lambda values, rng: bounded_bounds(np.clip(values, 0, 1), rng),
    "logit t": logit_t,
    "BCa bootstrap": bca_bootstrap,
    "percentile bootstrap": percentile_bootstrap,
    "mean ± deviation": mean_and_deviation,
}


@dataclass(frozen=True)
class Prompts:
    """An evaluation of some `pictures` of each prompt at a true rate, with intra-class correlation `alike`."""

    pictures: np.ndarray
    rate: float
    alike: float

    def draw(self, rng: np.random.Generator, times: int) -> np.ndarray:
        """Successes of each prompt: beta-binomial, whose intra-class correlation is `alike`."""
        shape = (times, len(self.pictures))
        if not self.alike:
            return rng.binomial(self.pictures, self.rate, shape).astype(float)
        scale = (1 - self.alike) / self.alike
        rates = rng.beta(self.rate * scale, (1 - self.rate) * scale, shape)
        return rng.binomial(self.pictures, rates).astype(float)


def wilson_of_examples(hits: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> Ends:
    return wilson_bounds(hits.sum(-1) / sizes.sum(), np.full(len(hits), sizes.sum()))


def wilson_of_clusters(hits: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> Ends:
    return wilson_bounds(hits.sum(-1) / sizes.sum(), np.full(len(hits), effective_clusters(sizes)))


def plain_bootstrap(hits: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> Ends:
    return bootstrap_bounds(hits, sizes, rng)


def house_rule(hits: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> Ends:
    return rate_bounds(hits, sizes, rng)[:2]


OF_PROMPTS = {
    "diptych": house_rule,
    "cluster bootstrap": plain_bootstrap,
    "Wilson of clusters": wilson_of_clusters,
    "Wilson of pictures": wilson_of_examples,
}


def of_few_scenes() -> np.ndarray:
    """Cluster sizes of a validation split in which few scenes are frequent: 60 scenes, 360 pictures."""
    return np.maximum(1, np.rint(1 / np.arange(1, 61) * 360 / (1 / np.arange(1, 61)).sum())).astype(int)


def designs() -> Iterable[tuple[str, Prompts]]:
    """The simulated evaluations."""
    for n, k in ((50, 4), (250, 1), (250, 4), (1000, 4)):
        for alike in (0.0,) if k == 1 else (0.0, 0.3, 0.8):
            for rate in (0.9, 0.995) if n == 1000 else (0.5, 0.9, 0.98, 0.995):
                yield f"{n}, {k} each", Prompts(np.full(n, k), rate, alike)
    for rate in (0.9, 0.98):
        yield "60, 1 to 77 each", Prompts(of_few_scenes(), rate, 0.3)


@dataclass(frozen=True)
class Crossing:
    """Every seed on the same contents: logits vary over seeds and contents, and each answer is a Bernoulli draw."""

    name: str
    mean: float
    of_seeds: float
    of_contents: float

    def draw(self, rng: np.random.Generator, times: int, seeds: int, contents: int) -> np.ndarray:
        logits = self.mean + rng.normal(0, self.of_seeds, (times, seeds, 1))
        logits = logits + rng.normal(0, self.of_contents, (times, 1, contents))
        return (rng.random((times, seeds, contents)) < special.expit(logits)).astype(float)

    @property
    def truth(self) -> float:
        """The mean rate, by quadrature: the two variations add up to one Gaussian."""
        points, weights = np.polynomial.hermite_e.hermegauss(61)
        together = np.hypot(self.of_seeds, self.of_contents)
        return float((weights * special.expit(self.mean + together * points)).sum() / weights.sum())


CROSSINGS = (
    Crossing("seeds more", 1.5, 0.6, 0.5),
    Crossing("contents more", 1.5, 0.2, 2.0),
)


def over_contents(scores: np.ndarray, rng: np.random.Generator) -> Ends:
    return student_t_bounds(scores.mean(axis=-2))


OF_BOTH: dict[str, Method] = {
    "two-way random effects": lambda scores, rng: crossed_bounds(scores),
    "Student t over seeds": lambda scores, rng: student_t_bounds(scores.mean(axis=-1)),
    "Student t over contents": over_contents,
}


SKILLS = np.linspace(-1, 3, 9)
"""The mean logit of each."""
SCATTER = 0.5


@dataclass(frozen=True)
class Skilled:
    """Runs with a rate in each of nine skills; a share `together` of the logits' variance is common to a run."""

    together: float

    def draw(self, rng: np.random.Generator, times: int, runs: int) -> np.ndarray:
        common = np.sqrt(self.together) * rng.normal(size=(times, runs, 1))
        own = np.sqrt(1 - self.together) * rng.normal(size=(times, runs, len(SKILLS)))
        return special.expit(SKILLS + SCATTER * (common + own))

    @property
    def truth(self) -> float:
        """The mean of the middle half of all skills' rates together: twice the integral of x dF between quartiles."""
        rates = np.linspace(0.0, 1.0, 100_001)[1:-1]
        below = stats.norm.cdf((special.logit(rates)[:, None] - SKILLS) / SCATTER).mean(axis=-1)
        middle = (below >= 0.25) & (below <= 0.75)
        return float(np.trapezoid(rates[middle], below[middle]) / np.ptp(below[middle]))


def resampled(draw: Draw) -> Method:
    """The interval of each of many experiments, one by one."""

    def bounds(scores: np.ndarray, rng: np.random.Generator) -> Ends:
        ends = [resampled_bounds(interquartile_means, [own], draw, rng) for own in scores]
        low, high = np.array(ends).T
        return low, high

    return bounds


OF_SKILLS: dict[str, Method] = {
    "runs within each skill": resampled(within_tasks),
    "whole runs": resampled(whole_runs),
    "Student t of the runs' own": lambda scores, rng: student_t_bounds(interquartile_means(scores[..., None, :])),
}


@dataclass
class Tally:
    """The coverage and the widths of the intervals."""

    truth: float

    def __post_init__(self) -> None:
        self.held: list[np.ndarray] = []
        self.widths: list[np.ndarray] = []

    def add(self, low: np.ndarray, high: np.ndarray) -> None:
        self.held.append((low <= self.truth) & (self.truth <= high))
        self.widths.append(high - low)

    @property
    def cell(self) -> str:
        """Coverage in per cent and the median width in points; poor coverage in bold."""
        held, width = np.concatenate(self.held).mean(), np.median(np.concatenate(self.widths))
        text = f"{100 * held:.1f}"
        return f"{f'**{text}**' if held < POOR else text} ({100 * width:.1f})"


def chunks(simulations: int) -> Iterable[int]:
    yield from (min(AT_ONCE, simulations - done) for done in range(0, simulations, AT_ONCE))


def generator(seed: int, *cell: int) -> np.random.Generator:
    """Every cell has its own random stream, so an additional cell changes no other one."""
    return np.random.default_rng((seed, *cell))


def seeds_row(place: int, n: int, simulations: int, seed: int) -> Sequence[str]:
    population = POPULATIONS[place]
    rng, tallies = generator(seed, 0, place, n), {name: Tally(population.mean) for name in OF_SEEDS}
    for times in chunks(simulations):
        values = population.draw(rng, (times, n))
        for name, method in OF_SEEDS.items():
            tallies[name].add(*method(values, rng))
    return population.name, str(n), *(tally.cell for tally in tallies.values())


def prompts_row(place: int, simulations: int, seed: int) -> Sequence[str]:
    name, prompts = list(designs())[place]
    rng, tallies = generator(seed, 1, place), {method: Tally(prompts.rate) for method in OF_PROMPTS}
    for times in chunks(simulations):
        hits = prompts.draw(rng, times)
        for method, bounds in OF_PROMPTS.items():
            tallies[method].add(*bounds(hits, prompts.pictures.astype(float), rng))
    flat = np.concatenate(tallies["cluster bootstrap"].widths) == 0
    cells = (tally.cell for tally in tallies.values())
    return name, f"{prompts.alike:g}", f"{100 * prompts.rate:g} %", *cells, f"{100 * flat.mean():.1f} %"


def crossings_row(place: int, seeds: int, simulations: int, seed: int) -> Sequence[str]:
    crossing = CROSSINGS[place]
    rng, tallies = generator(seed, 2, place, seeds), {name: Tally(crossing.truth) for name in OF_BOTH}
    for times in chunks(simulations):
        scores = crossing.draw(rng, times, seeds, 200)
        for name, method in OF_BOTH.items():
            tallies[name].add(*method(scores, rng))
    return crossing.name, str(seeds), "200", *(tally.cell for tally in tallies.values())


def skills_row(place: int, runs: int, simulations: int, seed: int) -> Sequence[str]:
    skilled = Skilled(TOGETHER[place])
    rng, tallies = generator(seed, 3, place, runs), {name: Tally(skilled.truth) for name in OF_SKILLS}
    for times in chunks(simulations):
        scores = skilled.draw(rng, times, runs)
        for name, method in OF_SKILLS.items():
            tallies[name].add(*method(scores, rng))
    return f"{100 * skilled.together:g} %", str(runs), *(tally.cell for tally in tallies.values())


def seeds_table(simulations: int, seed: int) -> Iterable[Sequence[str]]:
    yield ("accuracy of a run", "seeds", *OF_SEEDS)
    yield from (seeds_row(place, n, simulations, seed) for place in range(len(POPULATIONS)) for n in RUNS)


def prompts_table(simulations: int, seed: int) -> Iterable[Sequence[str]]:
    yield ("prompts, pictures", "alike", "true rate", *OF_PROMPTS, "no width")
    yield from (prompts_row(place, simulations, seed) for place in range(len(list(designs()))))


def crossings_table(simulations: int, seed: int) -> Iterable[Sequence[str]]:
    yield ("what scatters", "seeds", "contents", *OF_BOTH)
    yield from (crossings_row(place, n, simulations, seed) for place in range(len(CROSSINGS)) for n in RUNS)


def skills_table(simulations: int, seed: int) -> Iterable[Sequence[str]]:
    yield ("together", "runs", *OF_SKILLS)
    fewer = -(-simulations // FEWER)
    yield from (skills_row(place, n, fewer, seed) for place in range(len(TOGETHER)) for n in RUNS)


TABLES = {"seeds": seeds_table, "prompts": prompts_table, "crossings": crossings_table, "skills": skills_table}


def markdown(rows: Iterable[Sequence[str]]) -> str:
    header, *others = rows
    lines = [header, ["---"] * len(header), *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PAGE = """# How often 95 % intervals cover the true value

`make coverage` (`python benchmarks/interval_coverage.py`, seed {seed}) writes this page: do not edit it. A cell has
two numbers. The first is the share of {simulations:,} simulated experiments in which the interval covered the true
value, in per cent (± {error:.2f}, two standard errors at a coverage of 95). The number in brackets is the median
width in points. **Bold**: less than {poor:.0f} %. [statistics.md](statistics.md) draws the conclusions.

## The mean over training seeds
{seeds}

*Student t* is the interval of the tables. *Gaffke* (`bounded_interval`) assumes the worst of what was not seen.
Quote it where runs may collapse; its width shows what three seeds are worth then. diptych does not offer the others.
*logit t* is about another mean, both bootstraps are too narrow for so few seeds, and mean ± deviation is no
interval.

## A rate over prompts with several pictures each
{prompts}

*alike*: intra-class correlation of the pictures of a prompt. *diptych* (`cluster_interval`): a bootstrap of whole
prompts with expanded percentiles. Where fewer than {least} prompts have a failure (or a success), it is Wilson's
interval with the effective number of prompts. *no width*: how often the bootstrap alone gives an interval without
width.

## Where seeds and contents both vary
{crossings}

The true value is the mean over new seeds *and* new contents. Student's t over seeds takes the contents as given.
That is right for "on this benchmark" and too narrow for "on such contents".

## The interquartile mean of many skills
{skills}

A cell has {fewer:,} experiments (± {fewer_error:.1f}). *together*: the share of the scatter over seeds that the nine
skills of a run have in common. *runs within each skill*: the stratified bootstrap of Agarwal et al. 2021, made for
runs that were each trained on one task. *whole runs*: a run's skills are drawn together. *Student t of the runs'
own*: Student's t over the interquartile means of single runs.
"""


def main(arguments: Sequence[str]) -> None:
    """Simulate all and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    tables = {name: markdown(table(args.simulations, args.seed)) for name, table in TABLES.items()}
    fewer = -(-args.simulations // FEWER)
    error, fewer_error = (200 * float(stats.binom(n, 0.95).std()) / n for n in (args.simulations, fewer))
    page = PAGE.format(
        **tables,
        simulations=args.simulations,
        fewer=fewer,
        seed=args.seed,
        error=error,
        fewer_error=fewer_error,
        poor=100 * POOR,
        least=LEAST_ON_EACH_SIDE,
    )
    sys.stdout.write(page)


if __name__ == "__main__":
    main(sys.argv[1:])
