"""Batch normalisation over the joint batch of all devices, on any kind of device.

torch's own `SyncBatchNorm` refuses CPUs. Per-device statistics would make what is learned depend on the number of
devices, and running statistics that differ between them would make figures and checkpoints depend on which is asked.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from diptych.systems.devices import Sum, num_devices


class JointBatchNorm(_BatchNorm):
    """Normalises in training by mean and variance of all devices' examples, as `_BatchNorm` does by those of its own.

    Every device must hold equally many examples. Statistics are computed in float32 at least.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or num_devices() == 1:
            return super().forward(input)
        exact = input if input.dtype == torch.float64 else input.float()
        others = [dim for dim in range(exact.ndim) if dim != 1]
        count = num_devices() * exact.numel() // exact.shape[1]
        mean = Sum.apply(exact.sum(others)) / count  # pyright: ignore[reportOptionalOperand]
        centred = exact - _per_channel(mean, exact)
        variance = Sum.apply(centred.square().sum(others)) / count  # pyright: ignore[reportOptionalOperand]
        self._track(mean, variance * (count / (count - 1)))
        normalised = centred * _per_channel((variance + self.eps).rsqrt(), exact)
        if self.affine:
            normalised = normalised * _per_channel(self.weight, exact) + _per_channel(self.bias, exact)
        return normalised.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Let running statistics follow, unless they stand still for a while."""
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), weight)
        self.running_var.lerp_(unbiased_variance.to(self.running_var), weight)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions from two on; the second holds the channels."""


def use_joint_norms(module: nn.Module) -> None:
    """Replace batch normalisations inside a module by joint ones, which take over parameters, statistics and mode."""
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm) and not isinstance(child, JointBatchNorm):
            setattr(module, name, _joint(child))
        else:
            use_joint_norms(child)


def _joint(norm: _BatchNorm) -> JointBatchNorm:
    joint = JointBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    joint._parameters, joint._buffers = norm._parameters, norm._buffers
    return joint.train(norm.training)


def _per_channel(values: Tensor, inputs: Tensor) -> Tensor:
    """To be broadcast along all dimensions but the second."""
    return values.view(1, -1, *[1] * (inputs.ndim - 2))
