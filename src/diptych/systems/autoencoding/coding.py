"""What an autoencoder does for those who borrow it: images to latents or codes, and back."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.systems.inference.exportable import Exportable
from diptych.systems.inference.graphs import Decodes, Graph, noise_of
from diptych.systems.modes import evaluating
from diptych.types import DataSpec, Images

Latents = Float[Tensor, "batch latent rows columns"]
Codes = Int[Tensor, "batch rows columns"]


class CodesImages(Exportable):
    """An encoder, a bottleneck and a decoder."""

    task = "autoencoding"
    publishes: ClassVar[dict[str, str]] = {
        "sample_size": "latent_size",
        "sample_channels": "latent_channels",
        "num_codes": "num_codes",
        "code_size": "latent_size",
    }
    networks: ClassVar[tuple[str, ...]] = ("encoder", "bottleneck", "decoder")
    data_spec: DataSpec
    encoder: Any
    bottleneck: Any
    decoder: Any

    @property
    def latent_size(self) -> int:
        """Places along a side of the latents' grid."""
        return self.encoder.latent_size

    @property
    def latent_channels(self) -> int:
        """Numbers of a place."""
        return self.bottleneck.latent_channels

    @property
    def num_codes(self) -> int:
        """How many codes there are; 0 where latents are any numbers."""
        return getattr(self.bottleneck, "num_codes", 0)

    @torch.no_grad()
    def encode(self, images: Images) -> Latents:
        """The latents of images, without chance, in full precision: the same in whoever borrows them."""
        with evaluating(self.encoder, self.bottleneck), torch.autocast(images.device.type, enabled=False):
            return self.bottleneck.encode(self.encoder(images))

    def decode(self, latents: Latents) -> Images:
        """The images of latents, in [-1, 1]; gradients reach the latents."""
        with evaluating(self.decoder):
            return self.decoder(latents)

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        return {"decoder": self.decoding_graph}

    def decoding_graph(self) -> Graph:
        """The graph of the decoder: latents to images."""
        shape = (self.latent_channels, self.latent_size, self.latent_size)
        module = Decodes(self.decoder, None)
        return Graph(module, ("latents",), ("images",), lambda number: (noise_of(number, *shape),))

    def code_graph(self) -> Graph:
        """The graph of codebook and decoder: codes to images."""
        side, bottleneck = self.latent_size, self._with_codes()
        module = Decodes(
            lambda codes: self.decoder(bottleneck.latents(codes)), nn.ModuleList([bottleneck, self.decoder])
        )

        def example(number: int) -> tuple[Tensor, ...]:
            rng = torch.Generator().manual_seed(number)
            return (torch.randint(self.num_codes, (number, side, side), generator=rng),)

        return Graph(module, ("codes",), ("images",), example)

    @torch.no_grad()
    def reconstruct(self, images: Images, sentences: Sequence[str] | None = None) -> Images:
        """The images of their own latents; sentences, which a conditional autoencoder would read, say nothing here."""
        return self.decode(self.encode(images))

    @torch.no_grad()
    def codes(self, images: Images) -> Codes:
        """The number of each place's code."""
        return self._with_codes().indices(self.encode(images))

    @torch.no_grad()
    def from_codes(self, codes: Codes) -> Images:
        """The images of codes."""
        return self.decode(self._with_codes().latents(codes))

    def _with_codes(self) -> Any:
        if not self.num_codes:
            name = type(self.bottleneck).__name__
            raise ValueError(f"{name} has no codes: choose a run of bottleneck=vq or fsq")
        return self.bottleneck
