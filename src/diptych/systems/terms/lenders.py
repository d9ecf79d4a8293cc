"""What terms borrow from other runs: whether it fits the data, and its feature maps."""

from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.borrowed import Borrowed
from diptych.types import DataSpec, Images


class HasImageEncoder(Protocol):
    """A captioner, a classifier or an embedding of another run."""

    data_spec: DataSpec
    image_encoder: nn.Module


class FrozenGrids(nn.Module):
    """The feature maps of another run's image encoder, fine to coarse, in float32; gradients reach the pixels."""

    def __init__(self, lender: HasImageEncoder, name: str, data_spec: DataSpec) -> None:
        super().__init__()
        check_pictures(name, lender.data_spec, data_spec)
        encoder: Any = getattr(lender, "image_encoder", lender)
        if not hasattr(encoder, "grids"):
            kind = type(encoder).__name__
            raise ValueError(f"parts.{name}: {kind} has no feature maps (grids); borrow a run with image_encoder=cnn")
        self.borrowed = Borrowed(encoder.eval().requires_grad_(False))

    def forward(self, images: Images) -> list[Float[Tensor, "batch channels height width"]]:
        return [grid.float() for grid in self.borrowed.network.grids(images)]


def lent_grids(data_spec: DataSpec, **parts: HasImageEncoder | None) -> FrozenGrids | None:
    """The feature maps of the first of these parts that is lent; None where none is."""
    lender = first_lender(**parts)
    return None if lender is None else FrozenGrids(lender[1], lender[0], data_spec)


def check_lent(key: str, grids: FrozenGrids | None) -> None:
    """Refuse to train a term, by its key, without a frozen encoder."""
    if grids is None:
        raise ValueError(
            f"terms.{key} needs a frozen image encoder: name a run in parts.classifier.run, "
            "parts.captioner.run or parts.embedding.run"
        )


def first_lender(**parts: Any) -> tuple[str, Any] | None:
    """The first of these parts that is lent, with its name."""
    return next(((name, part) for name, part in parts.items() if part is not None), None)


def check_pictures(name: str, lender: DataSpec, generator: DataSpec) -> None:
    """Refuse one that sees pictures of another size than the run generates."""
    wanted, given = (f"{s.image_channels}x{s.image_size}x{s.image_size}" for s in (lender, generator))
    if wanted != given:
        raise ValueError(
            f"{name}: it reads {wanted} pictures and this run generates {given}; train one on {generator.name}"
        )


def check_words(name: str, lender: DataSpec, generator: DataSpec) -> None:
    """Refuse one that cuts sentences in another way, or lacks words of the run's vocabulary."""
    if lender.tokenizer != generator.tokenizer:
        raise ValueError(
            f"{name}: it reads {lender.tokenizer} tokens, this run {generator.tokenizer} tokens; "
            f"train one with tokenizer={generator.tokenizer}"
        )
    known = set(lender.vocabulary)
    if missing := [word for word in generator.vocabulary if word not in known]:
        raise ValueError(
            f"{name}: its vocabulary lacks {len(missing)} of this run's words ({', '.join(missing[:5])}); "
            "train one on the same sentences"
        )
