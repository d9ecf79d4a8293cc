"""One step from noise to image: mean flow (Geng et al. 2025, arXiv:2505.13447).

The network is told two times and says the average velocity between them, so that z_r = z_t - (t - r) u(z_t, r, t), and
one step from 1 to 0 is the image. What it learns from is an identity of averages: u = v - (t - r) du/dt, where v is the
velocity at t and the derivative goes along the flow. It is a Jacobian-vector product, and no gradient goes through the
right-hand side. At r = t this is flow matching.

With guidance (`times.max_guidance_scale`), the network is told a third number, how strongly the step is guided, and
learns the average of the guided velocity: w v + (1 - w) u(z_t, t, t) without the sentence (section 4.2 there; the scale
as input is of arXiv:2512.02012). So guidance costs no second network call when images are generated.

What the network outputs is a prediction as in all flows: with `prediction=image` (as arXiv:2601.22158) it says the
image at the end of the straight line that the average velocity means.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from diptych.diffusion.losses import adaptive_weight, error_weight
from diptych.diffusion.processes import Process
from diptych.systems.base import Choice
from diptych.systems.devices import draw_uniform
from diptych.systems.diffusion.compatibility import Mathematics
from diptych.systems.diffusion.mean_flow_sampling import VELOCITY, MeanFlowSampler
from diptych.systems.diffusion.steps import Drawn, Learned
from diptych.systems.diffusion.system import Diffusion
from diptych.systems.pairing import Prompts
from diptych.systems.terms.needs import class_of
from diptych.types import Images, TextFeatures


class MeanFlow(MeanFlowSampler, Diffusion):
    """A flow whose network knows where a step ends; `times` are pairs, and errors are those of the velocity.

    As squared errors of the image they weigh at most `max_loss_weight`.
    """

    moments = ("image_losses",)

    @classmethod
    def check_mathematics(cls, chosen: Mathematics) -> None:
        super().check_mathematics(chosen)
        if isinstance(chosen.process, Process) and not chosen.process.is_straight:
            name = class_of(chosen.process)
            raise ValueError(f"system=mean_flow goes along straight lines, not {name}'s: choose process=rectified_flow")
        if chosen.times is not None and not hasattr(chosen.times, "pairs"):
            raise ValueError(
                f"system=mean_flow learns of two times, not of {class_of(chosen.times)}'s one: choose "
                "times=logit_normal_pairs"
            )
        if chosen.loss_prediction is not None:
            raise ValueError(
                "loss_prediction: system=mean_flow squares errors of the velocity: drop it with "
                "~prediction@loss_prediction"
            )
        if chosen.times is not None and not isinstance(chosen.times, type):
            told = 2 + chosen.times.guides
            if (levels := getattr(chosen.denoiser, "num_levels", told)) != told:
                what = "two times and a guidance scale" if chosen.times.guides else "two times"
                raise ValueError(
                    f"denoiser.num_levels={levels}: system=mean_flow tells it {what}, so set denoiser.num_levels={told}"
                )

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        super().check_choice(choice)
        times, dropout = choice.on_trial("times"), choice.settings.get("text_dropout", 1.0)
        check_guidance(times, has_sentences="text_encoder" in choice.networks, text_dropout=dropout)

    def on_fit_start(self) -> None:
        check_guidance(self.times, has_sentences=self.text_encoder is not None, text_dropout=self.text_dropout)
        super().on_fit_start()

    def _draw(self, images: Images, prompts: Prompts | None) -> Drawn:
        drawn = super()._draw(images, prompts)
        return drawn._replace(more=draw_uniform(len(images), self.times.num_more, rng=self.rng).to(images.device))

    def _learned(self, drawn: Drawn, real: Images, text: TextFeatures | None) -> Learned:
        assert drawn.more is not None
        begins, ends, equal = self.times.pairs(drawn.shares, drawn.more, self.process)
        level = self.process.at(begins).over(real)
        noisy, now = level.noisy(real, drawn.noise), drawn.noise - real
        guidance = self.times.guidance(drawn.more) * ~drawn.dropped
        now = self._guided(now, noisy, begins, guidance)
        mean, slope = self._with_slope(noisy, now, begins, ends, guidance, text)
        target = now - (begins - ends).view(-1, 1, 1, 1) * slope
        of_image = error_weight(VELOCITY, level, self.max_loss_weight)
        error = of_image / error_weight(VELOCITY, level) * (mean - target.detach()).square().flatten(1).mean(1)
        weight = adaptive_weight(error, self.loss_power)
        image, counts = noisy - level.sigma * mean, equal & self.times.is_unguided(drawn.more)
        share = self.times.guessing_share
        return Learned(weight * error, image, noisy, level, begins, weight * of_image, counts, share)

    @torch.no_grad()
    def _guided(
        self, now: Images, noisy: Images, times: Float[Tensor, " batch"], guidance: Float[Tensor, " batch"]
    ) -> Images:
        """The guided velocity, away from what the network would do without the sentence."""
        if not self.times.guides:
            return now
        zeros, without = torch.zeros_like(times), self.denoiser.null(len(times))
        other = self.velocity(self.denoiser, noisy, times, times, zeros, without)
        return now + (guidance / (1 - guidance)).view(-1, 1, 1, 1) * (now - other)

    def _with_slope(
        self,
        noisy: Images,
        now: Images,
        begins: Float[Tensor, " batch"],
        ends: Float[Tensor, " batch"],
        guidance: Float[Tensor, " batch"],
        text: TextFeatures | None,
    ) -> tuple[Images, Images]:
        """The mean velocity, and its derivative by time along the flow (velocity `now`), while the end stays."""
        mean = lambda noisy, begins: self.velocity(self.denoiser, noisy, begins, ends, guidance, text)  # noqa: E731
        with sdpa_kernel(SDPBackend.MATH):  # the others have no forward derivative
            value, slope, *_ = torch.func.jvp(mean, (noisy, begins), (now, torch.ones_like(begins)))
        return value, slope


def check_guidance(times: Any, *, has_sentences: bool, text_dropout: float) -> None:
    """Refuse guidance where the network does not learn without sentences, or has none."""
    if not getattr(times, "guides", False):
        return
    scale = f"times.max_guidance_scale={times.max_guidance_scale:g}"
    if not has_sentences:
        raise ValueError(f"{scale}: guidance is towards a sentence: choose a text_encoder=…, or set it to 1")
    if not text_dropout:
        raise ValueError(f"{scale} moves away from what the network does without a sentence: set system.text_dropout")
