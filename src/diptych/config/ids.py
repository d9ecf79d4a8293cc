"""Ids of runs and sweeps."""

import secrets
from datetime import UTC, datetime


def timed_id() -> str:
    """UTC time and six random hex digits: ids sort by age, and two from one second differ."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
