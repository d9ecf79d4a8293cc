"""Data: pictures with sentences, from the embedded world, from bundled and downloaded digits, and from folders."""

from diptych.data.digits import DigitsData
from diptych.data.example import Example, Examples, Request
from diptych.data.folder import FolderData
from diptych.data.mnist import MnistData
from diptych.data.module import DataModule
from diptych.data.scenes import ScenesData
from diptych.data.stream import Stream

__all__ = [
    "DataModule",
    "DigitsData",
    "Example",
    "Examples",
    "FolderData",
    "MnistData",
    "Request",
    "ScenesData",
    "Stream",
]
