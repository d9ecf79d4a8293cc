"""What devices that train one model together tell one another.

Each holds its share of a joint batch, all shares are equally large, and joint batches are ordered by rank. A run on one
device has no process group: everything here then gives back what it was given, bit for bit.

Losses that see a single example at a time need nothing of this but averaged gradients. Whatever looks at several
examples at once (negatives of a batch, statistics of a batch, counts that a sum is divided by) asks for the joint
batch, so that what is learned does not depend on the number of devices.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional as F

from diptych.types import TextFeatures


def num_devices() -> int:
    """How many train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def own_rank() -> int:
    """The number of this one, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def own_share(joint: Tensor) -> Tensor:
    """The rows of a joint batch that are this device's."""
    share = len(joint) // num_devices()
    return joint[own_rank() * share :][:share]


def gather(share: Tensor) -> Tensor:
    """The joint batch of everyone's rows, through which gradients go back to whoever the rows came from.

    A gradient is the sum over all devices of what they make of the rows, which averaging over devices then turns into
    that of the mean loss.
    """
    return share if num_devices() == 1 else _Gather.apply(share)  # pyright: ignore[reportReturnType]


def gather_ragged(share: Tensor) -> Tensor:
    """As `gather` of rows whose length (dimension 1) differs between devices: zeros fill the shorter ones."""
    if num_devices() == 1:
        return share
    padding = largest(share.shape[1], share.device) - share.shape[1]
    return gather(F.pad(share, (0, 0) * (share.ndim - 2) + (0, padding)))


def joint_mean(share: Tensor) -> Tensor:
    """The mean over the rows of the joint batch, through which gradients go back as through `gather`."""
    return gather(share.mean(0, keepdim=True)).mean(0)


def gather_text(text: TextFeatures) -> TextFeatures:
    """The joint batch of sentences."""
    return TextFeatures(gather(text.sentence), gather_ragged(text.words), gather_ragged(text.mask))


def gather_objects(own: Any) -> list[Any]:
    """Everyone's object, by rank; slow, for what is done once in a while."""
    if num_devices() == 1:
        return [own]
    objects: list[Any] = [None] * num_devices()
    dist.all_gather_object(objects, own)
    return objects


def gather_in_order(own: Any) -> list[Any]:
    """The items of everyone's sequence in the order of the data: device r of n has every n-th from r on; slow."""
    shares = gather_objects(own)
    return [share[i] for i in range(len(shares[0])) for share in shares if i < len(share)]


@torch.no_grad()
def take_over(module: nn.Module) -> None:
    """Make everyone's weights and statistics those of the first device, whatever the others have drawn or read."""
    for tensor in (*module.parameters(), *module.buffers()):
        whole = tensor.contiguous()
        dist.broadcast(whole, 0)
        tensor.copy_(whole)


def draw_normal(number: int, *shape: int, rng: torch.Generator) -> Float[Tensor, "number ..."]:
    """Standard normal values of this shape for each example of this device's share, on the CPU.

    Every device draws those of the joint batch from the same generator.
    """
    return own_share(torch.randn(num_devices() * number, *shape, generator=rng))


def draw_uniform(number: int, *shape: int, rng: torch.Generator) -> Float[Tensor, "number ..."]:
    """As `draw_normal`, but uniform in [0, 1)."""
    return own_share(torch.rand(num_devices() * number, *shape, generator=rng))


def sum_over_devices(value: Tensor) -> Tensor:
    """Of a tensor that everyone has; no gradient goes through it."""
    if num_devices() == 1:
        return value
    total = value.detach().clone()
    dist.all_reduce(total)
    return total


def mean_over_devices(value: Tensor) -> Tensor:
    """Of a tensor that everyone has; no gradient goes through it."""
    return value if num_devices() == 1 else sum_over_devices(value) / num_devices()


def average(figures: Mapping[str, Tensor | float], device: torch.device) -> dict[str, Tensor]:
    """Each figure's mean over devices, in one exchange."""
    own = {name: torch.as_tensor(value).detach() for name, value in figures.items()}
    if num_devices() == 1 or not figures:
        return own
    mean = mean_over_devices(torch.stack([value.float().to(device) for value in own.values()]))
    return dict(zip(figures, mean.unbind(), strict=True))


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace gradients by their means over devices, in one exchange per data type.

    Of those parameters that have a gradient, which are the same everywhere: all devices take the same steps. Gradients
    in shards are means already.
    """
    if num_devices() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    gradients = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    for dtype in dict.fromkeys(gradient.dtype for gradient in gradients):
        alike = [gradient for gradient in gradients if gradient.dtype == dtype]
        flat = torch.cat([gradient.flatten() for gradient in alike])
        dist.all_reduce(flat)
        flat /= num_devices()
        for gradient, mean in zip(alike, flat.split([gradient.numel() for gradient in alike]), strict=True):
            gradient.copy_(mean.view_as(gradient))


def largest(value: int, device: torch.device) -> int:
    """The largest of everyone's numbers."""
    if num_devices() == 1:
        return value
    number = torch.tensor(value, device=device)
    dist.all_reduce(number, dist.ReduceOp.MAX)
    return int(number)


class Sum(torch.autograd.Function):
    """The sum of everyone's tensor; the gradient is the sum of everyone's gradients of it, and can be derived again."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return Sum.apply(gradients[0])  # pyright: ignore[reportReturnType]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        shares = [torch.empty_like(share, memory_format=torch.contiguous_format) for _ in range(num_devices())]
        dist.all_gather(shares, share.contiguous())
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return own_share(Sum.apply(gradients[0]))  # pyright: ignore[reportArgumentType]
