"""Group normalisation for any number of channels: no image depends on others of its batch (arXiv:1803.08494)."""

from torch import nn

GROUP_WIDTH = 8
"""Channels that are normalised together, at most."""


def num_groups(channels: int) -> int:
    """How many groups of about eight channels there are."""
    return max(1, channels // GROUP_WIDTH)


def group_norm(channels: int) -> nn.GroupNorm:
    """In groups of eight channels, or all together where channels form no such groups."""
    groups = num_groups(channels)
    return nn.GroupNorm(groups if channels % groups == 0 else 1, channels)
