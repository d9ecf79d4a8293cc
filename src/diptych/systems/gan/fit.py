"""Whether networks fit each other and the data, found when the system is built and not in the first training step."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from diptych.systems.modes import evaluating
from diptych.types import BOS_ID, EOS_ID, DataSpec


@torch.no_grad()
def check_networks_fit(
    data_spec: DataSpec,
    generator: Any,
    discriminator: nn.Module,
    text_encoder: nn.Module | None,
    latent_encoder: nn.Module | None = None,
) -> None:
    """Read a sentence, generate it and judge the generated image once; says which two disagree, and about what."""
    size = (data_spec.image_channels, data_spec.image_size, data_spec.image_size)
    with evaluating(generator, discriminator, text_encoder, latent_encoder):
        tokens = torch.tensor([[BOS_ID, EOS_ID]])
        text = text_encoder(tokens, tokens > 0) if text_encoder else None
        sentence = f"sentence vectors of {text.sentence.shape[1]}" if text else "no sentence"
        latents = torch.zeros(1, generator.latent_dim)
        generated = _call(generator, latents, text, f"generator {_name(generator)} cannot generate from {sentence}")
        if generated.shape[1:] != size:
            raise ValueError(
                f"generator {_name(generator)} makes {_times(generated.shape[1:])} images and data {data_spec.name} "
                f"has {_times(size)} ones: set generator.image_size and generator.image_channels to the data's"
            )
        disagreement = (
            f"discriminator {_name(discriminator)} cannot judge what generator {_name(generator)} generates, "
            f"{_times(generated.shape[1:])} pictures with {sentence}: set discriminator.image_size, .image_channels "
            "and .condition_dim to the generator's"
        )
        logits = _call(discriminator, generated, text, disagreement)
        if logits.shape != (1,):
            raise ValueError(f"{disagreement} (it gives {tuple(logits.shape)} logits for one picture)")
        if latent_encoder:
            complaint = (
                f"latent_encoder {_name(latent_encoder)} cannot read what generator {_name(generator)} generates"
            )
            found = _call(latent_encoder, generated, text, complaint).mean
            if found.shape != latents.shape:
                raise ValueError(f"{complaint}: it finds {found.shape[1]} latents, not {generator.latent_dim}")


def _call(network: Callable[..., Any], inputs: Any, text: Any, complaint: str) -> Any:
    try:
        return network(inputs, text)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(f"{complaint} ({error})") from error


def _name(network: nn.Module) -> str:
    return type(network).__name__


def _times(shape: torch.Size | tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
