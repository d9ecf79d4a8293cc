"""The configuration of a run: the schema, the composition of `conf/`, and components from `_target_` nodes."""

from collections.abc import Mapping
from typing import Any

from diptych.config.errors import UserError

Config = Mapping[str, Any]
"""A run's configuration, resolved to plain values."""

__all__ = ["Config", "UserError"]
