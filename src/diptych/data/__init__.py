"""Data: pictures with captions, from the embedded world, bundled and downloaded digits, and folders.

A name is imported when it is first asked for: a command that only reads captions then needs no Lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "DataModule": "module",
    "DigitsData": "digits",
    "Example": "example",
    "ExampleRequest": "example",
    "Examples": "example",
    "FolderData": "folder",
    "MnistData": "mnist",
    "ScenesData": "scenes",
    "Stream": "stream",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'diptych.data' has no attribute {name!r}")
    return getattr(import_module(f"diptych.data.{_HOMES[name]}"), name)
