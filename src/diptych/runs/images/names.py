"""Names of files for what a person asked for in words: readable, and never the same for two requests.

A name begins with the words, as far as a file system takes them, and has a digest of the whole request. A file that
exists is replaced only by the answer to the same request, which the file itself records; any other file stays, and the
new one gets a number. Names differ in more than upper and lower case, and in more than the composition of letters.
"""

import hashlib
import json
import os
import unicodedata
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

MOST_BYTES = 60
"""Of the words in a name: file systems allow 255 bytes in all, and a letter may take four."""


def slug(text: str) -> str:
    """The letters, with their marks, and digits of any script, in lower case; empty if there are none."""
    letters = (c if unicodedata.category(c)[0] in "LMN" else " " for c in unicodedata.normalize("NFC", text).lower())
    plain = "-".join("".join(letters).split())
    return plain.encode()[:MOST_BYTES].decode(errors="ignore").strip("-")


def request_name(text: str, request: Any, otherwise: str = "picture") -> str:
    """`text` as words, and a digest of `request`: plain values that tell this request from any other."""
    told = json.dumps(request, sort_keys=True, ensure_ascii=True)
    return f"{slug(text) or otherwise}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


class FileNames:
    """The files of one call: no two of them have one name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._given: set[str] = set()

    def free(self, name: str, suffix: str, is_same: Callable[[Path], bool] = lambda file: False) -> Path:
        """A file that this call has not written yet, and that does not exist or `is_same` as what will be written."""
        for number in count(1):
            file = self.folder / f"{name}{f'-{number}' if number > 1 else ''}{suffix}"
            if file.name not in self._given and (not os.path.lexists(file) or is_same(file)):
                self._given.add(file.name)
                return file
        raise AssertionError
