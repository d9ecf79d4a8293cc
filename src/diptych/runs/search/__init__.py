"""Search a folder of pictures by sentence or by picture, with the vectors of an embedding run."""

from diptych.runs.search.index import FolderIndex, Update
from diptych.runs.search.nearest import Found, nearest

__all__ = ["FolderIndex", "Found", "Update", "nearest"]
