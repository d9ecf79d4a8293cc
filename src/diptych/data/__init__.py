"""Data: pictures with captions, from the embedded world, small labelled sets, folders, and shards.

A name is imported when it is first asked for: a command that only reads captions then needs no Lightning.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.data.example import Example, ExampleRequest, Examples
    from diptych.data.folder import FolderData
    from diptych.data.imagefolder import ImageFolderData
    from diptych.data.labelled.cifar10 import Cifar10Data
    from diptych.data.labelled.digits import DigitsData
    from diptych.data.labelled.mnist import FashionMnistData, MnistData
    from diptych.data.loading.stream import Stream
    from diptych.data.module import DataModule
    from diptych.data.scenes import ScenesData
    from diptych.data.shards.huggingface import HuggingFaceData
    from diptych.data.shards.webdataset import WebDatasetData

__all__ = [
    "Cifar10Data",
    "DataModule",
    "DigitsData",
    "Example",
    "ExampleRequest",
    "Examples",
    "FashionMnistData",
    "FolderData",
    "HuggingFaceData",
    "ImageFolderData",
    "MnistData",
    "ScenesData",
    "Stream",
    "WebDatasetData",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "example": ("Example", "ExampleRequest", "Examples"),
        "folder": ("FolderData",),
        "imagefolder": ("ImageFolderData",),
        "labelled.cifar10": ("Cifar10Data",),
        "labelled.digits": ("DigitsData",),
        "labelled.mnist": ("FashionMnistData", "MnistData"),
        "module": ("DataModule",),
        "scenes": ("ScenesData",),
        "shards.huggingface": ("HuggingFaceData",),
        "shards.webdataset": ("WebDatasetData",),
        "loading.stream": ("Stream",),
    },
)
