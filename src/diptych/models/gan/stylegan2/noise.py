"""Noise that is a function of the latents, so that latents, sentence and weights alone determine an image.

The article draws new noise at every pass. Here a hash of an image's latents seeds it: other latents give noise that is
independent for all purposes, the same latents give the same noise. So an image does not depend on the batch that it is
generated in, on the number of devices or on what was drawn before, in training and in sampling.

A generator of random numbers by counter (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3): a mix of 32
bits from an image's seed and a number's place, with the mixer of the hash prospector (Wellons 2018, lowbias32).
"""

from math import pi

import torch
from jaxtyping import Float, Int
from torch import Tensor

BITS = 0xFFFFFFFF
MULTIPLIERS = (0x7FEB352D, 0x846CA68B - 2**32)  # the second one less 2^32, so that no product leaves 64 bits
STRIDE = 0x9E3779B9

Seeds = Int[Tensor, " batch"]


def seeds_of(latents: Float[Tensor, "batch latent"]) -> Seeds:
    """A number of 32 bits for each image, from all bits of its latents in float32."""
    bits = latents.detach().float().contiguous().view(torch.int32).long() & BITS
    places = torch.arange(latents.shape[1], device=latents.device) * STRIDE
    return _mixed(_mixed(bits ^ _mixed(places)).sum(1) & BITS)


def normal(seeds: Seeds, number: int, *, stream: int) -> Float[Tensor, "batch number"]:
    """Standard normal values; streams of one seed are independent of one another."""
    half = -(-number // 2)
    radius = (-2 * torch.log(uniform(seeds, half, stream=2 * stream))).sqrt()
    angle = 2 * pi * uniform(seeds, half, stream=2 * stream + 1)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :number]


def uniform(seeds: Seeds, number: int, *, stream: int) -> Float[Tensor, "batch number"]:
    """Values in the open interval from 0 to 1, in float32; `normal` draws its stream s from the streams 2s, 2s + 1."""
    places = torch.arange(number, device=seeds.device) + (stream << 24)
    bits = _mixed(_mixed(places)[None, :] ^ seeds[:, None])
    return ((bits >> 8).float() + 0.5) / 2**24


def _mixed(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Other 32 bits, each of which depends on all of these."""
    bits = bits & BITS
    for shift, multiplier in zip((16, 15), MULTIPLIERS, strict=True):
        bits = ((bits ^ (bits >> shift)) * multiplier) & BITS
    return bits ^ (bits >> 16)
