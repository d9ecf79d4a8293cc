"""Packages of the user's own: found from the folder where one stands, on the command line, in Python and notebooks."""

import importlib
import os
import sys


def find_own_packages() -> None:
    """Let Python import from the current folder, after all other places; new files there are noticed."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()
