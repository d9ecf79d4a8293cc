"""An export as a handle that generates or captions, bit for bit as the run that it is of.

Nothing of training is imported: neither Lightning nor Hydra, trackers or plots.
"""

import hashlib
import importlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diptych.config.components import build, find_class
from diptych.config.errors import UserError
from diptych.config.own_packages import find_own_packages
from diptych.runs.bundle.layout import DESCRIPTION, WEIGHTS, BundleFolder, read_description
from diptych.runs.bundle.targets import check_targets
from diptych.runs.handles.choice import handle_for
from diptych.systems.inference.standalone import standalone
from diptych.types import DataSpec


def read_bundle(folder: Path, trust: Collection[str] = ()) -> Any:
    """The handle of an export of safetensors; `trust` names packages outside diptych whose classes it may build."""
    content, weights = read_description(folder), folder / WEIGHTS
    if content["to"] != "safetensors":
        raise UserError(f"{folder} is an export to {content['to']}, which needs no diptych: see its README.md")
    tensors = _tensors(weights, content["weights"]["sha256"])
    find_own_packages()
    check_targets(content["system"], folder / DESCRIPTION, trust)
    origin = content["run"]
    system = built(content["system"], tensors, trust, images_seen=origin["images_seen"], run_digest=origin["digest"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    run = BundleFolder(folder, origin["run_id"], origin["experiment"])
    return handle_for(system)(run, weights, system.to(device), {}, tuple(trust))


def _tensors(path: Path, digest: str) -> dict[str, Tensor]:
    try:
        load = importlib.import_module("safetensors.torch").load
    except ModuleNotFoundError:
        raise UserError("exports need the package safetensors: pip install diptych[export]") from None
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: the export is not complete; copy the whole folder") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{path} is damaged: its bytes are not those that were exported; export the run again")
    return load(content)


def built(description: Mapping[str, Any], tensors: Mapping[str, Tensor], trust: Collection[str], **told: Any) -> Any:
    """What the description says, with these tensors, on the CPU."""
    use: Any = find_class(description, "system", tuple(trust))
    spec = DataSpec.from_dict(description["data_spec"])
    lent = {name: built(part, _behind(f"parts.{name}.", tensors), trust) for name, part in description["parts"].items()}
    held: dict[str, Any] = dict.fromkeys(use.exported_networks())
    facts = {"data_spec": spec, "vocabulary": spec.vocabulary}
    with torch.random.fork_rng(devices=()):
        for role, node in description["networks"].items():
            held[role] = build(node, f"system.networks.{role}", facts, tuple(trust))
            facts[role] = held[role]
    for role in use.exported_networks():
        if held[role] is not None:
            held[role].load_state_dict(_behind(f"{role}.", tensors))
            if role in description["frozen"]:
                held[role].requires_grad_(False)
    settings = {**description["settings"], "only_averages": description["only_averages"]}
    kept = {name: tensors[name] for name in description["tensors"]}
    return standalone(use, data_spec=spec, held=held | settings, tensors=kept, lent=lent, **told)


def _behind(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
