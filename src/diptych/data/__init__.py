"""Data: pictures with captions, from the embedded world, bundled and downloaded digits, and folders.

A name is imported when it is first asked for: a command that only reads captions then needs no Lightning.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.data.digits import DigitsData
    from diptych.data.example import Example, ExampleRequest, Examples
    from diptych.data.folder import FolderData
    from diptych.data.mnist import MnistData
    from diptych.data.module import DataModule
    from diptych.data.scenes import ScenesData
    from diptych.data.stream import Stream

__all__ = [
    "DataModule",
    "DigitsData",
    "Example",
    "ExampleRequest",
    "Examples",
    "FolderData",
    "MnistData",
    "ScenesData",
    "Stream",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "digits": ("DigitsData",),
        "example": ("Example", "ExampleRequest", "Examples"),
        "folder": ("FolderData",),
        "mnist": ("MnistData",),
        "module": ("DataModule",),
        "scenes": ("ScenesData",),
        "stream": ("Stream",),
    },
)
