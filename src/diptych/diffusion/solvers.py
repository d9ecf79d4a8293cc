"""From noise to images: solvers of one signature, for any process and any number of steps.

`denoise(noisy, time)` is the network's guess of the clean image; a solver calls it once a step (Heun's: twice). `stops`
are the times between which it steps, from the noisiest to 0. Only `ddpm` draws noise on the way.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.diffusion.processes import Level, Process

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(noisy images, a time) -> the clean images that they may be."""
Draw = Callable[[], Tensor]
"""Fresh standard normal noise in the shape of the images."""
Stops = Float[Tensor, " stops"]


LEAST_NOISE = 0.1
"""The share of noise at which the way back from an image begins."""


class Solver(Protocol):
    """One of the functions below."""

    def __call__(self, denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
        """The images at the last stop; `start` are those at the first."""
        ...


def ddim(denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
    """Song et al. 2021 (arXiv:2010.02502), deterministic: image and noise as they are guessed now, mixed anew."""
    for time, later, here, there in _steps(process, stops):
        image = denoise(start, time)
        start = there.noisy(image, _noise(start, image, here)) if later > 0 else image
    return start


def ddpm(denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
    """Ancestral sampling (Ho et al. 2020, arXiv:2006.11239): the posterior of the earlier level, given the guess."""
    for time, later, here, there in _steps(process, stops):
        image = denoise(start, time)
        ratio, kept = here.alpha / there.alpha, (there.sigma / here.sigma).square()
        added = (1 - kept * ratio.square()).clamp_min(0)
        mean = kept * ratio * start + there.alpha * added * image
        start = mean + there.sigma * added.sqrt() * draw() if later > 0 else image
    return start


def euler(denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
    """Straight steps along the flow's velocity; of first order."""
    for time, later, here, _ in _steps(process, stops):
        start = start + (later - time) * _velocity(start, denoise(start, time), here)
    return start


def heun(denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
    """Steps along the mean of both ends' velocities (EDM, arXiv:2206.00364); of second order, but the last step."""
    for time, later, here, there in _steps(process, stops):
        velocity = _velocity(start, denoise(start, time), here)
        ahead = start + (later - time) * velocity
        if later > 0:
            velocity = (velocity + _velocity(ahead, denoise(ahead, later), there)) / 2
        start = start + (later - time) * velocity
    return start


def dpm_solver(denoise: Denoise, process: Process, start: Tensor, stops: Stops, draw: Draw) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095): from the last two guesses; second order, but both ends."""
    previous, before = None, torch.zeros(())
    for time, later, here, there in _steps(process, stops):
        image = guess = denoise(start, time)
        if previous is not None and later > 0:
            ratio = (_log_ratio(there) - _log_ratio(here)) / (_log_ratio(here) - before)
            guess = image + ratio / 2 * (image - previous)
        start = there.sigma / here.sigma * start + (there.alpha - here.alpha * there.sigma / here.sigma) * guess
        previous, before = image, _log_ratio(here)
    return start


def start_of(noise: Tensor, process: Process, stops: Stops) -> Tensor:
    """Noise as the process has it at the first stop, where nothing is left of the image."""
    return process.at(stops[:1].to(noise)).sigma * noise


def inverted(
    denoise: Denoise,
    process: Process,
    images: Tensor,
    stops: Stops,
    draw: Draw,
    *,
    least_noise: float = LEAST_NOISE,
    iterations: int = 4,
) -> Tensor:
    """The standard normal noise from which `ddim` makes these images, which have a variance of about 1, or nearly so.

    An image has lost the noise that it came from. So drawn noise is mixed in, a share of `least_noise` or what the next
    stop has, and the way back begins there. Each step of `ddim` is solved backwards at its noisier end, where the
    network was asked (as Pan et al. 2023, arXiv:2309.04907, do), by a few of Newton's steps with the slope that
    normally distributed images would have.
    """
    up = [time for time in stops.flip(0).to(images) if process.at(time).noise_share >= least_noise]
    images = process.at(up[0]).noisy(images, draw())
    for later, time in pairwise(up):
        here, there = process.at(time), process.at(later)
        kept = there.sigma / here.sigma
        taken = there.alpha - kept * here.alpha
        slope = kept + taken * here.alpha / (here.alpha.square() + here.sigma.square())
        noisy = images / slope
        for _ in range(iterations):
            noisy = noisy + (images - kept * noisy - taken * denoise(noisy, time)) / slope
        images = noisy
    return images / process.at(stops[:1].to(images)).sigma


SOLVERS: dict[str, Solver] = {
    "ddim": ddim,
    "ddpm": ddpm,
    "euler": euler,
    "heun": heun,
    "dpm_solver": dpm_solver,
}


def _steps(process: Process, stops: Stops) -> list[tuple[Tensor, Tensor, Level, Level]]:
    """(time, next time, level, next level) of every step; levels in float64, as times are."""
    return [(time, later, process.at(time), process.at(later)) for time, later in pairwise(stops)]


def _noise(noisy: Tensor, image: Tensor, level: Level) -> Tensor:
    return (noisy - level.alpha * image) / level.sigma


def _velocity(noisy: Tensor, image: Tensor, level: Level) -> Tensor:
    return level.alpha_slope * image + level.sigma_slope * _noise(noisy, image, level)


def _log_ratio(level: Level) -> Tensor:
    """Half of the logarithm of the signal-to-noise ratio."""
    return level.alpha.log() - level.sigma.log()
