"""Which network looks at pictures when sets of them are compared, and the vectors that it sees."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.config import components
from diptych.config.components import Trust
from diptych.config.composition import compose, options
from diptych.config.errors import UserError
from diptych.metrics.weights_digest import weights_digest
from diptych.models.features import FeatureNetwork, ModuleFeatures
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.load import load_checkpoint
from diptych.types import Images, Track

PICTURES_AT_ONCE = 64
DEFAULT = "random"


def feature_network(choice: str | None, config: Mapping[str, Any], trust: Trust = ()) -> FeatureNetwork:
    """The one that `choice` names: one of conf/features, or a run that has an image encoder; None is the run's own."""
    if choice is None and config.get("features"):  # older runs have none
        return _built(config["features"], trust)
    if (choice or DEFAULT) in options("features"):
        return _built(compose([f"features={choice or DEFAULT}"])["features"])
    return _of_run(str(choice), trust)


def look(network: FeatureNetwork, images: Images, *, track: Track, description: str) -> Float[Tensor, "n dim"]:
    """A vector of each picture, on the processor."""
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    parts = images.split(PICTURES_AT_ONCE)
    with torch.inference_mode():
        seen = [network(p.to(device)).cpu() for p in track(parts, description=description, total=len(parts))]
    return torch.cat(seen)


def protocol_of(network: FeatureNetwork) -> dict[str, Any]:
    """What one needs to know to see the same. To be asked after it has looked: some read their weights then."""
    return {
        "network": network.name,
        "weights": weights_digest(network.state_dict()),
        "resize": network.resize,
        "pixel_range": network.pixel_range,
    }


def _built(node: Mapping[str, Any], trust: Trust = None) -> FeatureNetwork:
    components.check(node, "features", trust=trust)
    network = components.build(node, "features", {}, trust)
    if not isinstance(network, FeatureNetwork):
        raise UserError(
            f"features._target_={node['_target_']} is no FeatureNetwork: wrap it as the module of "
            "diptych.models.features.ModuleFeatures"
        )
    return network.to("cuda" if torch.cuda.is_available() else "cpu")


def _of_run(choice: str, trust: Trust) -> FeatureNetwork:
    handle = load_checkpoint(find_run(choice, default_outputs()), trust=trust or ())
    encoder = getattr(handle.system, "image_encoder", None)
    if encoder is None:
        raise UserError(f"features={choice}: {handle.run.run_id} has no image encoder; name a classifier's run")
    name = f"{handle.task} {handle.run.run_id} {handle.checkpoint_name}"
    channels = handle.data_spec.image_channels
    return ModuleFeatures(module=encoder, name=name, input_size=handle.image_size, channels=channels)
