"""Arrays of an .npz file that anybody may have written: no pickles, and no more memory than the file has bytes."""

import zipfile
from pathlib import Path

import numpy as np


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays by name; a ValueError says what is wrong with the file."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > path.stat().st_size:
                raise ValueError("it unpacks to more bytes than it has; np.savez writes it as it is read here")
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        if not all(isinstance(array, np.ndarray) for array in found.values()):
            raise ValueError("a part of it is no array")
        return found
    except Exception as error:  # a damaged archive raises anything: BadZipFile, zlib.error, NotImplementedError, …
        raise ValueError(f"{path} cannot be read: {error}") from error
