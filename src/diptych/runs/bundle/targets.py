"""Which classes an export may name: those of diptych, and of packages that are trusted."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.trust import package_of, targets_of


def check_targets(description: Any, path: Path, trust: Collection[str]) -> None:
    """Refuse classes of other packages before anything is imported; `UserError` says how they are trusted."""
    foreign = sorted({package_of(target) for target in targets_of(description)} - {"diptych", *trust})
    if foreign:
        names = ", ".join(foreign)
        raise UserError(
            f"{path} names classes of {names}: if you trust {'it' if len(foreign) == 1 else 'them'}, add "
            f"{' '.join(f'--trust {name}' for name in foreign)} (in Python: trust={foreign!r})"
        )
