"""A codebook (VQ-VAE, van den Oord et al. 2017, arXiv:1711.00937): every place says its nearest code.

Places and codes are vectors of length 1 (ViT-VQGAN, Yu et al. 2022, arXiv:2110.04627). Codes are moving averages of
the places that they stand for (arXiv:1906.00446), over all devices and all parts of a batch; the first ones are found
by k-means. A code that is hardly used begins again at a place that was badly met. Gradients pass the choice as if it
were not there, and a commitment loss keeps places near their codes.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.systems.autoencoding.bottlenecks.base import Bottleneck, Features, Latents, Noise, Squeezed
from diptych.systems.autoencoding.bottlenecks.usage import CodeUsage
from diptych.systems.devices import gather, num_devices, sum_over_devices, take_over

ROUNDS = 10
"""Of k-means at the start."""
LEAST_START = 1e-3
"""Of an even use, what codes begin with where none ever begins again."""

Vectors = Float[Tensor, "places code"]


class VectorQuantizer(Bottleneck):
    """`num_codes` codes of `code_dim` numbers.

    `decay` is what a step leaves of the averages; a code with less than `restart_below` of an even use begins again.
    `commitment_weight` is per squared distance of a place from its code.
    """

    publishes: ClassVar[dict[str, str]] = Bottleneck.publishes | {"num_codes": "num_codes"}
    codebook: Tensor
    code_counts: Tensor
    code_sums: Tensor

    def __init__(
        self,
        *,
        feature_channels: int = 128,
        num_codes: int = 512,
        code_dim: int = 8,
        decay: float = 0.99,
        restart_below: float = 0.02,
        commitment_weight: float = 0.25,
    ) -> None:
        super().__init__()
        if num_codes < 2 or not 0 <= decay < 1 or not 0 <= restart_below < 1:
            raise ValueError(
                f"bottleneck.num_codes={num_codes} must be 2 or more, bottleneck.decay={decay:g} and "
                f"bottleneck.restart_below={restart_below:g} in [0, 1)"
            )
        self.latent_channels, self.num_codes = code_dim, num_codes
        self.decay, self.restart_below, self.commitment_weight = decay, restart_below, commitment_weight
        self.project = nn.Conv2d(feature_channels, code_dim, 1)
        self.register_buffer("codebook", F.normalize(torch.randn(num_codes, code_dim), dim=1))
        self.register_buffer("code_counts", torch.zeros(num_codes))
        self.register_buffer("code_sums", torch.zeros(num_codes, code_dim))
        self.usage = CodeUsage(num_codes)
        self._has_begun = False
        self._seen: list[tuple[Vectors, Int[Tensor, " places"]]] = []

    @property
    def weights(self) -> dict[str, float]:
        return {"commitment_loss": self.commitment_weight}

    def forward(self, features: Features, noise: Noise) -> Squeezed:
        places = self._places(features)
        indices = self.indices(places)
        codes = self.latents(indices)
        self.usage.observe(indices)
        self._seen.append((_rows(places.detach()), indices.flatten()))
        commitment = (places - codes).square().sum(dim=1).flatten(1).mean(dim=1)
        return Squeezed(places + (codes - places).detach(), losses={"commitment_loss": commitment})

    def encode(self, features: Features) -> Latents:
        return self.latents(self.indices(self._places(features)))

    def indices(self, latents: Latents) -> Int[Tensor, "batch rows columns"]:
        """The number of the code nearest to each place, in full precision."""
        with torch.autocast(latents.device.type, enabled=False):
            return torch.einsum("bcij,kc->bkij", latents.detach(), self.codebook.to(latents)).argmax(dim=1)

    def latents(self, indices: Int[Tensor, "batch rows columns"]) -> Latents:
        """The code of each number."""
        return self.codebook[indices].permute(0, 3, 1, 2)

    @property
    def awaits_a_start(self) -> bool:
        self._has_begun = self._has_begun or bool(self.code_counts.any())
        return not self._has_begun and self._learns

    @torch.no_grad()
    def begin(self, features: Features, rng: torch.Generator) -> None:
        """The centres of k-means over the joint batch's places become the codes.

        They begin as codes that are hardly used, so that those that nobody uses begin again soon.
        """
        places = gather(_rows(self._places(features)))
        with torch.autocast(places.device.type, enabled=False):
            self.codebook.copy_(centres(places, self.num_codes, rng))
        self.code_counts.fill_(2 * max(self.restart_below, LEAST_START) * len(places) / self.num_codes)
        self.code_sums.copy_(self.codebook * self.code_counts[:, None])
        if num_devices() > 1:
            take_over(self)  # sums on a GPU come in any order, and near ties would part the devices for good

    @torch.no_grad()
    def after_step(self, rng: torch.Generator) -> Mapping[str, Tensor]:
        places = torch.cat([places for places, _ in self._seen])
        indices = torch.cat([indices for _, indices in self._seen])
        self._seen.clear()
        if not self._learns:
            return self.usage.figures()
        counts, sums = torch.zeros_like(self.code_counts), torch.zeros_like(self.code_sums)
        counts.index_add_(0, indices, torch.ones_like(indices, dtype=counts.dtype))
        sums.index_add_(0, indices, places)
        self.code_counts.lerp_(sum_over_devices(counts), 1 - self.decay)
        self.code_sums.lerp_(sum_over_devices(sums), 1 - self.decay)
        self._restart(places, indices, rng)
        self.codebook.copy_(F.normalize(self.code_sums, dim=1))
        return self.usage.figures()

    @property
    def _learns(self) -> bool:
        """Whether codes move: not where the bottleneck is frozen."""
        return self.project.weight.requires_grad

    def _places(self, features: Features) -> Latents:
        """Vectors of length 1, at least in float32."""
        numbers = self.project(features)
        return F.normalize(numbers.to(torch.promote_types(numbers.dtype, torch.float32)), dim=1)

    def _restart(self, places: Vectors, indices: Int[Tensor, " places"], rng: torch.Generator) -> None:
        """Codes that are hardly used begin at places of this step, the likelier the farther these are from theirs."""
        even = self.code_counts.sum() / self.num_codes
        unused = (self.code_counts < self.restart_below * even).nonzero()[:, 0]
        if not len(unused):
            return
        errors = gather((places - self.codebook[indices]).square().sum(dim=1))
        candidates, unused = gather(places), unused[: int(errors.count_nonzero())]
        if not len(unused):
            return
        chosen = torch.multinomial(errors.cpu(), len(unused), generator=rng).to(places.device)
        self.code_counts[unused] = self.restart_below * even
        self.code_sums[unused] = candidates[chosen] * self.restart_below * even


def centres(places: Vectors, number: int, rng: torch.Generator) -> Float[Tensor, "number code"]:
    """So many centres of vectors of length 1, by spherical k-means; an empty one stays where it was."""
    order = torch.randperm(len(places), generator=rng)
    found = places[order[torch.arange(number) % len(places)]].clone()
    for _ in range(ROUNDS):
        nearest = (places @ found.T).argmax(dim=1)
        sums = torch.zeros_like(found).index_add_(0, nearest, places)
        found = torch.where(sums.any(dim=1, keepdim=True), F.normalize(sums, dim=1), found)
    return found


def _rows(grid: Float[Tensor, "batch code rows columns"]) -> Vectors:
    return grid.permute(0, 2, 3, 1).flatten(0, 2)
