"""Image encoders: an image becomes one pooled vector and a grid of regions.

Those of torchvision are in `diptych.models.backbones`, MobileNets with folded normalisation in
`diptych.models.mobilenets`. A name is imported when it is first asked for: a small network needs no library of others.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.models.image_encoders.clip import CLIPImageEncoder
    from diptych.models.image_encoders.convolutional import ConvEncoder
    from diptych.models.image_encoders.timm_models import TimmEncoder

__all__ = ["CLIPImageEncoder", "ConvEncoder", "TimmEncoder"]

__getattr__ = names_on_demand(
    __name__, {"clip": ("CLIPImageEncoder",), "convolutional": ("ConvEncoder",), "timm_models": ("TimmEncoder",)}
)
