"""Whether networks fit each other and the data, found when the system is built and not in the first training step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from diptych.systems.modes import evaluating
from diptych.types import BOS_ID, EOS_ID, DataSpec, Images, Sentences, TextFeatures


class Fit(NamedTuple):
    """One image generated from zero latents, and the reading of its sentence (None without a text encoder)."""

    latents: Tensor
    text: TextFeatures | None
    generated: Images


@torch.no_grad()
def check_networks_fit(data_spec: DataSpec, generator: Any, discriminator: Any, text_encoder: nn.Module | None) -> Fit:
    """Read a sentence, generate its image and score it once; says which two networks disagree, and about what."""
    size = (data_spec.image_channels, data_spec.image_size, data_spec.image_size)
    with evaluating(generator, discriminator, text_encoder):
        tokens = torch.tensor([[BOS_ID, EOS_ID]])
        text = text_encoder(Sentences(("",), tokens, tokens > 0)) if text_encoder else None
        sentence = f"sentence vectors of {text.sentence.shape[1]}" if text else "no sentence"
        latents = torch.zeros(1, generator.latent_dim)
        complaint = f"generator {name_of(generator)} cannot generate from {sentence}"
        generated = called(generator, latents, text, complaint)
        if generated.shape[1:] != size:
            raise ValueError(
                f"generator {name_of(generator)} makes {_times(generated.shape[1:])} images and data {data_spec.name} "
                f"has {_times(size)} ones: set generator.image_size and generator.image_channels to the data's"
            )
        disagreement = (
            f"discriminator {name_of(discriminator)} cannot score what generator {name_of(generator)} makes, "
            f"{_times(generated.shape[1:])} images with {sentence}: set discriminator.image_size, .image_channels "
            "and .condition_dim to the generator's"
        )
        score = lambda images, text: discriminator.score(discriminator.encode(images), text)  # noqa: E731
        logits = called(score, generated, text, disagreement)
        if logits.shape != (1,):
            raise ValueError(f"{disagreement} (it gives {tuple(logits.shape)} logits for one image)")
        return Fit(latents, text, generated)


def called(network: Callable[..., Any], inputs: Any, text: Any, complaint: str) -> Any:
    """What the network makes of it; `ValueError` with the complaint where it fails."""
    try:
        return network(inputs, text)
    except (RuntimeError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise ValueError(f"{complaint} ({error})") from error


def name_of(network: nn.Module) -> str:
    """Its class, for messages."""
    return type(network).__name__


def _times(shape: torch.Size | tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
