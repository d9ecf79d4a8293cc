"""Write an export's folder: all of it or nothing, and only over an export of the same run."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.bundle.layout import CARD, DESCRIPTION, is_bundle, read_description

Fill = Callable[[Path], None]


def write_bundle(out: Path, description: Mapping[str, Any], card: str, fill: Fill, check: Fill) -> None:
    """The folder `out`: description, card, and what `fill` puts beside them.

    `check` is shown the whole folder before it is put in place. What either raises leaves no trace. An existing folder
    is refused unless it is empty or an export of the same run, whose files are replaced. Files that an export did not
    write stay, and a card that somebody has edited is not replaced: a `UserError` says which.
    """
    check_place(out, description["run"]["run_id"])
    out.parent.mkdir(parents=True, exist_ok=True)
    new = out.with_name(f".{out.name}.new-{os.getpid()}")
    try:
        new.mkdir()
        fill(new)
        (new / CARD).write_text(card, encoding="utf-8")
        own = sorted(path.name for path in new.iterdir())
        whole = {**description, "files": own, "card_sha256": _digest(card)}
        (new / DESCRIPTION).write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        check(new)
        _put(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_place(out: Path, run_id: str) -> None:
    """Refuse, before anything is computed, a folder in which something else lies."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not is_bundle(out):
        raise UserError(f"--out {out} exists and is no export: name a new folder")
    known = read_description(out)
    if known["run"]["run_id"] != run_id:
        raise UserError(f"--out {out} is an export of run {known['run']['run_id']}: name a new folder for {run_id}")
    card = out / CARD
    if card.is_file() and _digest(card.read_text(encoding="utf-8")) != known["card_sha256"]:
        raise UserError(f"{card} was edited, and would be written again: rename it, or name a new folder")


def _put(new: Path, out: Path) -> None:
    """Let the new folder take the old one's place, together with those files in it that no export wrote."""
    if not is_bundle(out):
        new.replace(out)
        return
    written = {DESCRIPTION, *read_description(out)["files"]}
    old = out.with_name(f".{out.name}.old-{os.getpid()}")
    out.replace(old)
    new.replace(out)
    for path in old.iterdir():
        if path.name not in written and not (out / path.name).exists():
            path.replace(out / path.name)
    shutil.rmtree(old)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
