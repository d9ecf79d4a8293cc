"""One file of a web server: which version it has, and all of its bytes, whatever happens on the way.

A dropped connection is taken up where it ended, as long as the server has the same version; answers that will pass
(503, time-outs) are waited for. Only http and https are spoken, also after a redirection.
"""

import base64
import hashlib
import http.client
import logging
import re
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from diptych.data.shards.files import WAY_ON, BadShardError

TIMEOUT_SECONDS = 30.0
WAITS_SECONDS = (1, 2, 4, 8, 15, 30, 60, 60, 120)
"""Before each further try; a try that brought bytes begins anew."""
PASSING = frozenset((408, 425, 429, 500, 502, 503, 504))
"""Answers that another try may change."""
ABSENT = frozenset((404, 410))
"""Answers that say there is no such file; all others say nothing of it."""
PERMANENT = (ssl.SSLCertVerificationError, http.client.InvalidURL)
CHUNK_BYTES = 1 << 20
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
log = logging.getLogger(__name__)


class _PassingError(Exception):
    """Says what went wrong, which another try may change."""


def shown(url: str) -> str:
    """An address for messages, without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def version_of(url: str) -> Mapping[str, Any]:
    """The size in bytes, and what else tells this version of the file from others; one byte is asked for."""

    def ask() -> Mapping[str, Any]:
        with _answer(url, {"Range": "bytes=0-0"}) as answer:
            return _version(answer.headers, answer.status == http.HTTPStatus.PARTIAL_CONTENT, url)

    return _persistently(ask, url, lambda: 0)


def fetch(url: str, version: Mapping[str, Any], partial: Path) -> None:
    """Write the file's bytes to `partial`, behind those that an earlier try left there."""
    _persistently(lambda: _fetch_rest(url, version, partial), url, lambda: _size(partial))


def _persistently(act: Callable[[], Any], url: str, progress: Callable[[], int]) -> Any:
    """What `act` gives, after as many tries as it takes; each that made progress is followed by all others."""
    waits, before = iter(WAITS_SECONDS), progress()
    while True:
        try:
            return act()
        except _PassingError as error:
            if progress() > before:
                waits, before = iter(WAITS_SECONDS), progress()
            seconds = next(waits, None)
            if seconds is None:
                raise ValueError(
                    f"{shown(url)} cannot be fetched ({error}), after {len(WAITS_SECONDS) + 1} tries in "
                    f"{sum(WAITS_SECONDS):,} seconds: see to the network or the server, and start again; what has been "
                    "fetched is kept"
                ) from error
            log.info("%s: %s; going on in %g seconds", shown(url), error, seconds)
            time.sleep(seconds)


def _fetch_rest(url: str, version: Mapping[str, Any], partial: Path) -> None:
    start = _size(partial)
    if start > version["size"]:
        partial.unlink()
        start = 0
    if start < version["size"]:
        validator = version.get("etag") or version.get("modified")
        ranged = {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {}) if start else {}
        with _answer(url, ranged) as answer:
            is_rest = answer.status == http.HTTPStatus.PARTIAL_CONTENT
            if _is_other(_version(answer.headers, is_rest, url), version):
                raise ValueError(f"{shown(url)} has changed since it was indexed: {WAY_ON}")
            if is_rest and _start(answer.headers) != start:
                raise _PassingError("the server sent another part than the one that was asked for")
            _append(answer, partial, "ab" if is_rest else "wb", version["size"], url)
    _verify(partial, version)


def _append(answer: Any, partial: Path, mode: str, size: int, url: str) -> None:
    """Write what comes, at most `size` bytes in all; an OSError is one of the local file."""
    with partial.open(mode) as file:
        while file.tell() < size and (chunk := _read(answer, min(CHUNK_BYTES, size - file.tell()), url)):
            file.write(chunk)


def _read(answer: Any, length: int, url: str) -> bytes:
    with _network(url):
        return answer.read(length)


def _verify(partial: Path, version: Mapping[str, Any]) -> None:
    size = _size(partial)
    if size < version["size"]:
        raise _PassingError(f"the connection ended after {size:,} of {version['size']:,} bytes")
    if "md5" in version:
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        if digest != version["md5"]:
            partial.unlink()
            raise _PassingError("its bytes are not those of the server's MD5 digest")


def _answer(url: str, headers: Mapping[str, str]) -> Any:
    """The answer, still to be read."""
    request = urllib.request.Request(url, headers={"User-Agent": "diptych", "Accept-Encoding": "identity", **headers})
    with _network(url):
        return _opener().open(request, timeout=TIMEOUT_SECONDS)


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Around what the network alone does: errors that another try may change are a `_PassingError`, others ValueErrors.

    Its errors are of any kind of OSError, in urllib's wrapping while a connection is made and without it later.
    """
    try:
        yield
    except HTTPError as error:
        error.close()
        if error.code in PASSING:
            raise _PassingError(f"the server answers {error.code} {error.reason}") from error
        kind = BadShardError if error.code in ABSENT else ValueError
        raise kind(f"{shown(url)} cannot be fetched: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, PERMANENT) or not isinstance(reason, (OSError, http.client.HTTPException)):
            raise ValueError(f"{shown(url)} cannot be fetched: {reason}") from error
        raise _PassingError(f"{type(reason).__name__} {reason}".rstrip()) from error


def _opener() -> urllib.request.OpenerDirector:
    """Speaks http and https alone; urllib's own would follow a redirection to ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _version(headers: Any, is_part: bool, url: str) -> dict[str, Any]:
    found = CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "") if is_part else None
    length = found[2] if found else "" if is_part else headers.get("Content-Length") or ""
    if not length.isdecimal():
        raise ValueError(f"{shown(url)} cannot be fetched: the server does not say how long it is")
    values = {"etag": _strong(headers.get("ETag")), "modified": headers.get("Last-Modified"), "md5": _md5(headers)}
    return {"size": int(length), **{name: value for name, value in values.items() if value}}


def _is_other(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether two versions differ in what both know."""
    return any(now[name] != before[name] for name in now.keys() & before.keys())


def _strong(etag: str | None) -> str | None:
    """An ETag that stands for the very bytes."""
    return etag if etag and not etag.startswith("W/") else None


def _md5(headers: Any) -> str | None:
    """The MD5 digest of the whole file, where the server says it."""
    pairs = (part.strip().partition("=") for part in (headers.get("x-goog-hash") or "").split(","))
    given = next((value for name, _, value in pairs if name == "md5"), None)
    if given is None and not headers.get("Content-Range"):  # of a part, it would be that of the part
        given = headers.get("Content-MD5")
    try:
        return base64.b64decode(given, validate=True).hex() if given else None
    except ValueError:
        return None


def _start(headers: Any) -> int:
    found = CONTENT_RANGE.fullmatch(headers.get("Content-Range") or "")
    return int(found[1]) if found else -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
