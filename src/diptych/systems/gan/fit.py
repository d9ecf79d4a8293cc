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
        text = _read(text_encoder, Sentences(("",), tokens, tokens > 0)) if text_encoder else None
        sentence = f"sentence vectors of {text.sentence.shape[1]}" if text else "no sentence"
        if not hasattr(generator, "latent_dim"):
            raise ValueError(f"generator {name_of(generator)} does not say its latent_dim: set the attribute")
        latents = torch.zeros(1, generator.latent_dim)
        complaint = f"generator {name_of(generator)} cannot generate from {sentence}"
        generated = called(generator, latents, text, complaint)
        if generated.shape[1:] != size:
            raise ValueError(
                f"generator {name_of(generator)} makes {_times(generated.shape[1:])} images and data {data_spec.name} "
                f"has {_times(size)} ones: its constructor is given image_size and image_channels, unless they are set"
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


def _read(text_encoder: Any, sentences: Sentences) -> TextFeatures:
    """What the text encoder makes of a sentence, if that is what it says of itself."""
    name, text = name_of(text_encoder), text_encoder(sentences)
    if not isinstance(text, TextFeatures):
        raise ValueError(
            f"text_encoder {name} gives a {type(text).__name__}: return TextFeatures(sentence, words, mask)"
        )
    for fact, vectors in (("sentence_dim", text.sentence), ("word_dim", text.words)):
        if vectors.shape[-1] != getattr(text_encoder, fact, None):
            said = getattr(text_encoder, fact, "nothing")
            raise ValueError(f"text_encoder {name} says {fact}={said} and gives vectors of {vectors.shape[-1]}")
    if text.mask.shape != text.words.shape[:2]:
        raise ValueError(
            f"text_encoder {name} gives words of shape {tuple(text.words.shape)} and a mask of "
            f"{tuple(text.mask.shape)}; a mask has a value a word"
        )
    return text


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
