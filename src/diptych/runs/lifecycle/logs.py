"""log.txt: all log records of a run, Lightning's included, which the terminal does not show."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_PERHAPS_APART = ("pytorch_lightning", "lightning_fabric")  # without a root handler they keep their records


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """While entered, append log records and warnings to the file at `path`."""
    handler = _Handler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.setLevel(logging.INFO)
    apart = [logger for logger in map(logging.getLogger, _PERHAPS_APART) if not logger.propagate]
    loggers = [logging.getLogger(), *apart]
    logging.captureWarnings(True)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        logging.captureWarnings(False)
        with suppress(OSError):
            handler.close()


class _Handler(logging.FileHandler):
    """A record that does not fit on a full disk appears on the terminal only."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)
