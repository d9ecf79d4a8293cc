from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diptych.config.composition import compose

SUPPORT = Path(__file__).resolve().parents[2] / "support" / "conf"


@pytest.fixture
def tiny(tmp_path) -> Callable[..., dict[str, Any]]:
    """The configuration of a run of the tiny package, with outputs in a temporary folder."""

    def composed(model: str, *overrides: str) -> dict[str, Any]:
        return compose([f"model={model}", f"paths.outputs={tmp_path / 'outputs'}", *overrides], config_dir=SUPPORT)

    return composed
