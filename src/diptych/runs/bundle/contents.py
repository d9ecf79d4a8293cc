"""What an export holds of a checkpoint: a description in plain values, and tensors by name."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from diptych.config.components import Trust
from diptych.config.errors import UserError
from diptych.runs.bundle.nodes import resolved_nodes
from diptych.runs.restore import PARTS, restored
from diptych.systems.inference.exportable import Exportable, use_of
from diptych.types import DataSpec

Contents = tuple[dict[str, Any], dict[str, Tensor]]


def contents_of(checkpoint: Mapping[str, Any], system: Any, trust: Trust) -> Contents:
    """The description of a restored system as it is used, and its tensors.

    Networks are those that generate or caption, with averaged weights where the run keeps averages. Tensors have the
    names of their networks' state dicts behind `ROLE.`; those of borrowed parts stand behind `parts.NAME.`. A
    `UserError` says why a family cannot be exported.
    """
    use = _use_of(system)
    lent = {name: checkpoint[PARTS][name] for name in use.borrows if name in checkpoint.get(PARTS, {})}
    parts = {name: restored(part, trust) for name, part in lent.items()}
    networks = {name: system.exported_network(name) for name in use.exported_networks()}
    networks = {name: network for name, network in networks.items() if network is not None}
    kept = {name: getattr(system, name) for name in use.tensors} | system.derived_tensors()
    tensors = {f"{role}.{name}": value for role, own in networks.items() for name, value in own.state_dict().items()}
    inner = {name: contents_of(lent[name], part, trust) for name, part in parts.items()}
    for name, (_, own) in inner.items():
        tensors |= {f"parts.{name}.{key}": tensor for key, tensor in own.items()}
    spec, wanted = DataSpec.from_dict(checkpoint["data_spec"]), (*networks, *use.mathematics)
    description = {
        "_target_": f"{use.__module__}.{use.__qualname__}",
        "networks": resolved_nodes(checkpoint["config"], spec, system, parts, wanted, trust),
        "settings": {name: getattr(system, name) for name in use.settings},
        "tensors": sorted(kept),
        "frozen": [name for name, network in networks.items() if _is_frozen(network)],
        "only_averages": _is_averaged(system, networks),
        "data_spec": spec.to_dict(),
        "parts": {name: own for name, (own, _) in inner.items()},
    }
    return description, {name: _alone(tensor) for name, tensor in (tensors | kept).items()}


def _use_of(system: Any) -> type[Exportable]:
    try:
        return use_of(type(system))
    except ValueError as error:
        raise UserError(str(error)) from None


def _is_averaged(system: Any, networks: Mapping[str, nn.Module]) -> bool:
    return any(network is not getattr(system, name) for name, network in networks.items())


def _is_frozen(network: nn.Module) -> bool:
    """Whether its weights take no gradients: torch may then choose other kernels, whose last bits differ."""
    return not any(weight.requires_grad for weight in network.parameters())


def _alone(tensor: Tensor) -> Tensor:
    """Contiguous and in memory of its own: safetensors keeps no views."""
    return tensor.detach().cpu().contiguous().clone()
