"""Text to image and image to text, hinged."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diptych.runs.load import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """`diptych.load`, imported when it is first asked for: importing diptych alone stays fast."""
    if name == "load":
        from diptych.runs.load import load

        return load
    raise AttributeError(f"module 'diptych' has no attribute {name!r}")
