"""Check whether a server answers, within seconds, whatever name resolution, firewalls and proxies do."""

import ssl
import threading
import urllib.error
import urllib.request


def answers(url: str, timeout_seconds: float = 4) -> bool:
    """Whether `url` gives any HTTP answer in time, through a proxy if one is set."""
    answered = threading.Event()

    def knock() -> None:
        try:
            urllib.request.urlopen(url, timeout=timeout_seconds).close()
        except urllib.error.HTTPError as error:
            if error.code in (502, 503, 504):  # a proxy that does not reach the server
                return
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ssl.SSLError):  # the library handles certificates
                return
        except Exception:
            return
        answered.set()

    visitor = threading.Thread(target=knock, daemon=True)
    visitor.start()
    visitor.join(timeout_seconds)
    return answered.is_set()
