"""What a denoiser understands half-way is like what a frozen encoder sees (REPA, Yu et al. 2025, arXiv:2410.06940).

The denoiser sees the noisy image, the encoder the clean one. A small network makes features of the encoder out of the
denoiser's, place by place; their cosine is to be large.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.systems.diffusion.steps import DenoisingStep
from diptych.systems.diffusion.terms.base import DenoisingTerm
from diptych.systems.terms.base import Losses
from diptych.systems.terms.lenders import HasImageEncoder, check_lent, lent_grids
from diptych.types import DataSpec

Grid = Float[Tensor, "batch channels rows columns"]


class RepresentationAlignment(DenoisingTerm):
    """One minus the mean cosine over places, between the projected grid of the denoiser and that of the encoder.

    The encoder is the first that is lent of `parts.classifier`, `parts.captioner` and `parts.embedding`; of its grids
    the coarsest counts that is no coarser than the denoiser's, averaged to its size. `hidden_dim` is of the projection,
    a network of two hidden layers, which learns along. After `until_images` images the term ends (it helps early, and
    may hold back later); null: never.
    """

    needs = ("denoiser.hidden", "image_encoder_of_a_part")

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        classifier: HasImageEncoder | None = None,
        captioner: HasImageEncoder | None = None,
        embedding: HasImageEncoder | None = None,
        weight: float = 0.5,
        hidden_dim: int = 256,
        until_images: int | None = None,
    ) -> None:
        super().__init__(weight=weight)
        self.grids = lent_grids(data_spec, classifier=classifier, captioner=captioner, embedding=embedding)
        self.data_spec, self.hidden_dim, self.until_images = data_spec, hidden_dim, until_images
        self.projection: nn.Module | None = None
        self.heard: list[Tensor] = []
        self.register_load_state_dict_pre_hook(_without_projection)

    def fit_to(self, denoiser: Any) -> None:
        """Listen to the denoiser, and make the projection; a run that is restored to generate has no encoder."""
        if self.grids is None:
            return
        with torch.no_grad():
            size = self.data_spec.image_size
            grids = self.grids(torch.zeros(1, self.data_spec.image_channels, size, size))
        side = denoiser.hidden_side
        self.grid_index = _no_coarser(side, [grid.shape[-1] for grid in grids])
        self.projection = nn.Sequential(
            nn.Conv2d(denoiser.hidden_dim, self.hidden_dim, 1),
            nn.SiLU(),
            nn.Conv2d(self.hidden_dim, self.hidden_dim, 1),
            nn.SiLU(),
            nn.Conv2d(self.hidden_dim, grids[self.grid_index].shape[1], 1),
        )
        denoiser.hidden.register_forward_hook(self._hear)

    def helpers(self) -> list[tuple[nn.Module, float]]:
        return [] if self.projection is None else [(self.projection, 1.0)]

    def begin(self) -> None:
        check_lent("representation_alignment", self.grids)

    def denoising_losses(self, step: DenoisingStep) -> Losses:
        heard, self.heard = self.heard, []
        if self.until_images is not None and step.images_seen > self.until_images:
            return {}
        assert self.grids is not None
        assert self.projection is not None
        own = self.projection(_as_grid(heard[0]))
        with torch.no_grad():
            seen = F.adaptive_avg_pool2d(self.grids(step.real)[self.grid_index], own.shape[-2:])
        return {"alignment_loss": 1 - F.cosine_similarity(own, seen, dim=1).flatten(1).mean(1)}

    def _hear(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the denoiser made half-way in the training step that is under way."""
        if torch.is_grad_enabled():
            self.heard = [output]


def _no_coarser(side: int, sides: list[int]) -> int:
    """The index of the smallest that is at least `side`; of the largest where none is."""
    fine = [i for i, other in enumerate(sides) if other >= side]
    return min(fine, key=lambda i: sides[i]) if fine else max(range(len(sides)), key=lambda i: sides[i])


def _as_grid(hidden: Tensor) -> Grid:
    """A grid, or places row by row of a square."""
    if hidden.ndim == 4:
        return hidden
    return hidden.transpose(1, 2).unflatten(2, (round(hidden.shape[1] ** 0.5), -1))


def _without_projection(module: Any, state: Mapping[str, Any], prefix: str, *rest: Any) -> None:
    """Drop the projection's weights where there is no encoder to compare with."""
    if module.projection is None:
        for key in [key for key in state if key.startswith(f"{prefix}projection.")]:
            del state[key]  # pyright: ignore[reportIndexIssue]
