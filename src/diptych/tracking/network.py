"""Is a server within reach? Answered within seconds, whatever name resolution and firewalls do."""

import os
import socket
import threading
from urllib.parse import urlsplit


def answers(url: str, timeout_seconds: float = 3) -> bool:
    """Whether a connection to `url`'s host opens in time. Behind a proxy nobody can tell: then yes."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    opened = threading.Event()

    def knock() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), timeout=timeout_seconds).close()
        except OSError:
            return
        opened.set()

    visitor = threading.Thread(target=knock, daemon=True)
    visitor.start()
    visitor.join(timeout_seconds)
    return opened.is_set()
