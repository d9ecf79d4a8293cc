"""Data: pictures with captions, from the embedded world, bundled and downloaded digits, and folders."""

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
