"""How a run is described: the schema, the composition of `conf/`, and components built from `_target_` nodes."""

from diptych.config.errors import UserError

__all__ = ["UserError"]
