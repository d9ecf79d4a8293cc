"""Text to image and image to text, hinged."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diptych.reports.results.frame import results
    from diptych.runs.api.build import build
    from diptych.runs.api.compose import compose
    from diptych.runs.images.record import record_of
    from diptych.runs.load import load

__version__ = "0.1.0"
__all__ = ["__version__", "build", "compose", "load", "record_of", "results"]

_HOMES = {
    "build": "diptych.runs.api.build",
    "compose": "diptych.runs.api.compose",
    "load": "diptych.runs.load",
    "record_of": "diptych.runs.images.record",
    "results": "diptych.reports.results.frame",
}


def __getattr__(name: str) -> Any:
    """The Python API, imported when it is first asked for: importing diptych alone stays fast."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'diptych' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What tab completion offers."""
    return sorted({*globals(), *__all__})
