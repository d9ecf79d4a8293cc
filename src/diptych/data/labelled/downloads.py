"""Public sets of pictures, downloaded by torchvision, which checks their digests."""

import logging
import os
import tempfile
from pathlib import Path

log = logging.getLogger(__name__)


def download(title: str, root: Path, inner: Path, what: str) -> None:
    """Download torchvision's set of this name, so that its files lie in `inner` of `root`.

    They go to a temporary folder first; complete files are then moved into place, over an interrupted download's.
    `what` says in a message what somebody without a network gives instead.
    """
    from torchvision import datasets

    log.info("downloading %s into %s", title, root)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as beside:
        try:
            getattr(datasets, title)(beside, download=True)
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"{title} could not be downloaded ({error}); set data.root to a folder that has {what}"
            ) from error
        (root / inner).mkdir(parents=True, exist_ok=True)
        for file in (Path(beside) / inner).iterdir():
            os.replace(file, root / inner / file.name)
