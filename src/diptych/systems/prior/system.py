"""The base of priors over codes: a frozen autoencoder of another run makes images of codes, and codes of images.

That run is `parts.autoencoder` with `scope: generation`, so that a prior's checkpoint generates alone. Sentences are
left out for some images (`text_dropout`), so that the prior knows what images without one are like.
"""

from abc import abstractmethod
from typing import Any, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.optim import Optimizer

from diptych.systems.base import Choice, Figures
from diptych.systems.devices import draw_uniform
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.pairing import Prompts
from diptych.systems.prior.sampling import Codes, CodeSampler
from diptych.systems.schedules import Schedule
from diptych.systems.sentences import check_dropout
from diptych.systems.terms.lenders import check_pictures
from diptych.systems.terms.needs import class_of
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.text_to_image import TextToImage
from diptych.types import Batch, DataSpec, Images, TextFeatures


class CodePrior(CodeSampler, TextToImage):
    """A network over codes, the text encoder that it learns with, and the autoencoder whose codes they are.

    A family says in `code_losses` what it learns from; how it samples is its sampler's (`sampling.py`).
    """

    generates_with = ("autoencoder",)
    asks_for: ClassVar[str] = ""

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        prior: nn.Module,
        autoencoder: Any,
        optimizer: MakeOptimizer,
        text_encoder: nn.Module | None = None,
        text_lr_multiplier: float = 1.0,
        text_pretraining: TextPretraining | None = None,
        text_dropout: float = 0.1,
        ema_half_life_images: float | None = None,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            text_encoder=text_encoder,
            text_pretraining=text_pretraining,
            ema_half_life_images=ema_half_life_images,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_dropout(text_dropout)
        check_says(self.asks_for, prior)
        check_codes(autoencoder, data_spec)
        self.prior = prior
        self.borrow(autoencoder)
        self.make_optimizer, self.text_lr_multiplier = optimizer, text_lr_multiplier
        self.text_dropout = text_dropout
        self.keep_averages()

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse a network that says other codes than the family asks for, before any data are loaded."""
        check_dropout(choice.settings.get("text_dropout", 0.0))
        check_says(cls.asks_for, choice.networks.get("prior"))

    @abstractmethod
    def code_losses(
        self, codes: Codes, text: TextFeatures | None, uniform: Float[Tensor, "batch numbers"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        """Losses of images' codes; `uniform` has `num_uniform` numbers an image, drawn for the joint batch."""

    @property
    def num_uniform(self) -> int:
        """How many uniform numbers a family draws for an image in training."""
        return 0

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.pretrain_or(self._prior_step, batch)

    def configure_optimizers(self) -> Optimizer:
        return optimizer_for(self.make_optimizer, self.prior, (self.text_encoder, self.text_lr_multiplier))

    def _prior_step(self, images: Images, prompts: Prompts | None) -> Figures:
        number = len(images)
        dropped = draw_uniform(number, rng=self.rng) < (self.text_dropout if prompts else 0.0)
        uniform = draw_uniform(number, self.num_uniform, rng=self.rng).to(images)
        inputs = (images, prompts, dropped.to(images.device), uniform)
        figures = self.optimize("", self._losses, of=inputs)
        self.average_weights(number)
        return figures

    def _losses(
        self,
        images: Images,
        prompts: Prompts | None,
        dropped: Bool[Tensor, " batch"],
        uniform: Float[Tensor, "batch numbers"],
    ) -> dict[str, Tensor]:
        text = self.read(prompts)
        if text is not None:
            text = self.prior.null.in_place_of(text, dropped)
        return self.code_losses(self.autoencoder.network.codes(images).flatten(1), text, uniform)


SYSTEMS = {"next": "prior", "hidden": "masked_prior"}
"""The system that asks for the codes that a network says."""


def check_says(asked: str, prior: Any) -> None:
    """Refuse a network, or its class, that says other codes than are asked for."""
    if prior is not None and (says := getattr(prior, "says", asked)) != asked:
        raise ValueError(
            f"prior {class_of(prior)} says {says} codes, and system={SYSTEMS.get(asked, 'this one')} asks for {asked} "
            f"ones: choose system={SYSTEMS.get(says, '…')}, or another prior=…"
        )


def check_codes(autoencoder: Any, data_spec: DataSpec) -> None:
    """Refuse a part that has no codes, or sees pictures of another size."""
    if not getattr(autoencoder, "num_codes", 0):
        raise ValueError(
            f"parts.autoencoder: {type(autoencoder).__name__} has no codes; name a run of model=vqvae, or one with "
            "bottleneck=fsq"
        )
    check_pictures("parts.autoencoder", autoencoder.data_spec, data_spec)
