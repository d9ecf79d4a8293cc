"""Gradient penalties differentiate gradients: what devices exchange must have a second derivative as well."""

import subprocess
import sys

import torch

PROGRAM = """
import sys, torch
import torch.distributed as dist
from diptych.systems.devices import Sum, gather

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
for name, joint in (("sum", lambda x: Sum.apply(x).pow(3).sum()), ("gather", lambda x: gather(x).sum() ** 3)):
    own = torch.full((2,), 1.0 + rank, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(joint(own), own, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), own)
    torch.save(second, f"{folder}/{name}-{rank}.pt")
dist.destroy_process_group()
"""


def _by_hand(joint, shares: list[torch.Tensor]) -> list[torch.Tensor]:
    """Of one device that holds both shares; every device's own loss counts, as when gradients are summed over them."""
    gradients = torch.autograd.grad(2 * joint(shares), shares, create_graph=True)
    return list(torch.autograd.grad(sum(g.square().sum() for g in gradients), shares))


def test_second_derivatives_pass_through_what_devices_exchange(tmp_path):
    devices = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(rank), str(tmp_path)]) for rank in (0, 1)]
    assert [device.wait(timeout=120) for device in devices] == [0, 0]
    shares = [torch.full((2,), 1.0 + rank, dtype=torch.float64, requires_grad=True) for rank in (0, 1)]
    joints = {
        "sum": lambda parts: (parts[0] + parts[1]).pow(3).sum(),
        "gather": lambda parts: torch.cat(parts).sum() ** 3,
    }
    for name, joint in joints.items():
        for rank, expected in enumerate(_by_hand(joint, shares)):
            torch.testing.assert_close(torch.load(tmp_path / f"{name}-{rank}.pt"), expected)
