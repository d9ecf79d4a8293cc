"""Mean and deviation of colours that a CLIP was trained with, of which its folder may say others than OpenAI's."""

import json
from pathlib import Path

from diptych.models.image_encoders.pixels import Normalisation

CLIP_NORMALISATION = Normalisation((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Of OpenAI's networks, for colours in [0, 1]."""
PREPROCESSOR = "preprocessor_config.json"


def clip_normalisation(folder: Path) -> Normalisation:
    """What the folder of a network says, or OpenAI's; a ValueError names a file that says something else."""
    file = folder / PREPROCESSOR
    if not file.is_file():
        return CLIP_NORMALISATION
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        usual = CLIP_NORMALISATION
        found = Normalisation.of(said.get("image_mean", usual.mean), said.get("image_std", usual.std))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{file} cannot be read ({error}): fetch the network's folder anew") from error
    if {len(found.mean), len(found.std)} != {3} or min(found.std) <= 0:
        raise ValueError(f"{file}: image_mean and image_std have three numbers each, and a deviation is above 0")
    return found
