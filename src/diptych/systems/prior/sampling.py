"""How priors over codes sample: codes one after the other, or the surest first; an autoencoder makes images of them."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from diptych.decoding.codes import drawn, guided_logits, num_hidden
from diptych.models.borrowed import Borrowed
from diptych.systems.inference.graphs import Graph, reading
from diptych.systems.inference.images import MakesImages
from diptych.systems.prior.options import AutoregressiveOptions, CodeOptions, MaskedOptions
from diptych.systems.sentences import check_guided
from diptych.types import Images, TextFeatures

Codes = Int[Tensor, "batch places"]


class CodeSampler(MakesImages):
    """A network over codes, and the autoencoder whose codes they are."""

    averaged: ClassVar[tuple[str, ...]] = ("prior", "text_encoder")
    options: ClassVar[Any] = CodeOptions
    settings: ClassVar[tuple[str, ...]] = ("text_dropout",)
    borrows: ClassVar[tuple[str, ...]] = ("autoencoder",)
    prior: Any
    autoencoder: Borrowed
    text_dropout: float

    def borrow(self, autoencoder: Any) -> None:
        """Make images of this autoencoder's codes; it stays as it is."""
        self.autoencoder = Borrowed(autoencoder.eval().requires_grad_(False))

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        reads = {"text_encoder": lambda: reading(self.text_encoder, self.data_spec)} if self.text_encoder else {}
        return {"decoder": self.autoencoder.network.code_graph, **reads, "prior": _no_graph}

    @abstractmethod
    def sample_codes(
        self, prior: Any, text: TextFeatures | None, others: TextFeatures | None, rngs: Any, options: Any
    ) -> Codes:
        """Codes of an image for each of `rngs`; guidance moves away from `others`, where they are given."""

    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: Any, options: Any) -> Images:
        prior = networks["prior"]
        others = prior.null(len(rngs)) if text is not None and options.guides else None
        codes = self.sample_codes(prior, text, others, rngs, options)
        side = self.autoencoder.network.latent_size
        return self.autoencoder.network.from_codes(codes.unflatten(1, (side, side))).clamp(-1, 1)

    def check_options(self, options: CodeOptions) -> None:
        if options.guides:
            check_guided(
                options.guidance_scale,
                has_sentences=self.text_encoder is not None,
                away_from_something=bool(self.text_dropout),
            )

    def guided(self, logits: Tensor, number: int, options: CodeOptions) -> Tensor:
        """Logits of images, the second half of which are without their sentences, where there is guidance."""
        if len(logits) == number:
            return logits
        return guided_logits(logits[:number], logits[number:], options.guidance_scale)


class AutoregressiveSampler(CodeSampler):
    """One code after the other; what the network has heard is kept, so that each code is computed once."""

    options: ClassVar[Any] = AutoregressiveOptions

    def sample_codes(
        self, prior: Any, text: TextFeatures | None, others: TextFeatures | None, rngs: Any, options: Any
    ) -> Codes:
        number, uniform = len(rngs), rngs.rand(prior.num_places)
        told = joined(text, others)
        heard = prior.begin(told, number if others is None else 2 * number)
        codes: list[Tensor] = []
        for place in range(prior.num_places):
            before = None if not codes else codes[-1].repeat(1 if others is None else 2)
            logits, heard = prior.step(before, heard)
            logits = self.guided(logits, number, options)
            codes.append(drawn(logits, uniform[:, place], temperature=options.temperature, top_p=options.top_p))
            self.sampling.reach((place + 1) / prior.num_places)
        return torch.stack(codes, dim=1)


class MaskedSampler(CodeSampler):
    """Codes of all places at once, the surest first."""

    options: ClassVar[Any] = MaskedOptions

    def check_options(self, options: Any) -> None:
        super().check_options(options)
        if options.steps_for(self.prior.num_places) > self.prior.num_places:
            raise ValueError(f"steps={options.steps}: there are {self.prior.num_places} codes; take at most as many")

    def sample_codes(
        self, prior: Any, text: TextFeatures | None, others: TextFeatures | None, rngs: Any, options: Any
    ) -> Codes:
        number, places, told = len(rngs), prior.num_places, joined(text, others)
        codes = torch.zeros(number, places, dtype=torch.long, device=self.device)
        hidden = torch.ones_like(codes, dtype=torch.bool)
        counts = num_hidden(places, options.steps_for(places))
        for step, left in enumerate(counts):
            twice = 1 if others is None else 2
            logits = prior(codes.repeat(twice, 1), hidden.repeat(twice, 1), told)
            logits = self.guided(logits, number, options)
            said = drawn(logits, rngs.rand(places), temperature=options.temperature)
            sure = logits.float().log_softmax(dim=-1).gather(2, said[..., None])[..., 0]
            noise = -(-rngs.rand(places).clamp(1e-9, 1 - 1e-7).log()).log()
            sure = sure + options.order_noise * (1 - (step + 1) / len(counts)) * noise.to(sure)
            codes = torch.where(hidden, said, codes)
            hidden = _least_sure(sure.masked_fill(~hidden, float("inf")), left)
            self.sampling.reach((step + 1) / len(counts))
        return codes


def _no_graph() -> Graph:
    raise ValueError("its steps draw codes with numbers of their own, and there is no runner for them yet")


def joined(text: TextFeatures | None, others: TextFeatures | None) -> TextFeatures | None:
    """Sentences, and below them the others, padded to one length."""
    if text is None or others is None:
        return text
    length = text.mask.shape[1] - others.mask.shape[1]
    pad = nn.functional.pad
    words, mask = pad(others.words, (0, 0, 0, length)), pad(others.mask, (0, length))
    return TextFeatures(
        torch.cat([text.sentence, others.sentence.to(text.sentence)]),
        torch.cat([text.words, words.to(text.words)]),
        torch.cat([text.mask, mask]),
    )


def _least_sure(sure: Float[Tensor, "batch places"], number: int) -> Bool[Tensor, "batch places"]:
    return sure.argsort(dim=1).argsort(dim=1) < number
