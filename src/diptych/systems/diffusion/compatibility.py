"""Whether what a denoiser is made of goes together; the one check, before data are loaded and when it is built."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from diptych.diffusion.predictions import Prediction
from diptych.diffusion.processes import Process
from diptych.diffusion.times import TimeDistribution
from diptych.systems.power_averages import check_lengths
from diptych.systems.sentences import check_dropout
from diptych.systems.terms.needs import class_of


def check_settings(
    *,
    text_dropout: float = 0.0,
    terms_until: float = 1.0,
    max_loss_weight: float = 1.0,
    loss_power: float = 0.0,
    validation_steps: int = 1,
    average_lengths: Sequence[float] = (),
    **_: Any,
) -> None:
    """Refuse values of `system` that no step could follow."""
    check_dropout(text_dropout)
    if not 0 < terms_until <= 1:
        raise ValueError(f"system.terms_until={terms_until:g} is a share of noise: give more than 0, up to 1")
    if max_loss_weight <= 0:
        raise ValueError(f"system.max_loss_weight={max_loss_weight:g}: give a positive weight")
    if not 0 <= loss_power < 1:
        raise ValueError(f"system.loss_power={loss_power:g}: give 0 (errors as they are) to below 1")
    if validation_steps < 1:
        raise ValueError(f"system.validation_steps={validation_steps}: take one step or more")
    check_lengths(average_lengths)


class Mathematics(NamedTuple):
    """What a denoiser computes by: objects, or their classes where they could not be built yet; None: not chosen."""

    process: Any
    prediction: Any
    loss_prediction: Any
    times: Any
    denoiser: Any


def check_mathematics(chosen: Mathematics) -> None:
    """Refuse a process, predictions and times that do not go together; classes, which say nothing yet, are let pass."""
    process, times = chosen.process, chosen.times
    if not isinstance(process, Process):
        return
    if isinstance(times, TimeDistribution) and times.time_is != process.time_is:
        wanted = {"share": "uniform or logit_normal", "sigma": "log_normal"}[process.time_is]
        raise ValueError(
            f"times {class_of(times)} draws a {times.time_is}, and the time of process {class_of(process)} is a "
            f"{process.time_is}: choose times={wanted}"
        )
    level = process.at(torch.tensor(process.last, dtype=torch.float64))
    for prediction in (chosen.prediction, chosen.loss_prediction):
        if isinstance(prediction, Prediction) and not prediction.slope(level):
            raise ValueError(
                f"prediction {class_of(prediction)} says nothing of the image where process {class_of(process)} leaves "
                "nothing of it: choose prediction=image, velocity or v, or another process=…"
            )


def counted_share(process: Process, times: TimeDistribution, until: float) -> float:
    """The share of training times at which the share of noise is below `until`."""
    shares = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    noise = process.at(times.quantile(shares, process)).noise_share
    return float((noise < until).double().mean())
