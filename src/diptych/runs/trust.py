"""Trust in the foreign packages of a run, given once and remembered for that run alone.

Whoever restores a run names the packages whose classes it may build (`--trust`, `trust=[…]`). What was named is
remembered under the run's id and the digest of its whole configuration, a file each, in the user's own folder for
programs' state (`$XDG_STATE_HOME/diptych/trust`, by default in `~/.local/state`). Nothing of it lies in a run's folder:
a run from elsewhere inherits nothing, and another configuration under a known id is another run.
"""

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diptych.config.components import ALWAYS_TRUSTED, Trust
from diptych.runs.folder.files import write_whole

log = logging.getLogger(__name__)

STATE_VARIABLE = "XDG_STATE_HOME"


@dataclass(frozen=True)
class Subject:
    """What trust is given to: a run, and all of its configuration that can name classes (plain values)."""

    run_id: str
    code: Mapping[str, Any]

    @classmethod
    def of(cls, checkpoint: Mapping[str, Any]) -> "Subject":
        """The run of a checkpoint, with the parts that it carries."""
        return cls(str(checkpoint.get("run_id", "")), _code_of(checkpoint))

    def with_config(self, config: Mapping[str, Any]) -> "Subject":
        """The same run as it goes on with another configuration."""
        return replace(self, code={**self.code, "config": config})

    def with_copies(self, digests: Mapping[str, str]) -> "Subject":
        """The same run together with files that are restored beside it, by name."""
        return replace(self, code={**self.code, "copies": dict(digests)}) if digests else self

    @property
    def digest(self) -> str:
        """Equal for the same run with the same configuration, wherever it lies."""
        text = json.dumps([self.run_id, _with_text_keys(self.code)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def packages(self) -> list[str]:
        """The foreign packages that it names."""
        return foreign_packages(self.code)

    def names_no_more_code_than(self, other: "Subject") -> bool:
        """Whether every foreign component, with its values, is one of the other's."""
        known = list(_foreign_nodes(other.code))
        return all(node in known for node in _foreign_nodes(self.code))


def foreign_packages(node: Any) -> list[str]:
    """The packages, other than those that are always trusted, of all classes in a configuration."""
    return sorted({package_of(target) for target in targets_of(node)} - set(ALWAYS_TRUSTED))


def package_of(target: Any) -> str:
    """The package of a `_target_`."""
    return str(target).partition(".")[0]


def trusted(subject: Subject, given: Collection[str] = ()) -> tuple[str, ...]:
    """The packages that are trusted now: those given, and those that were trusted for this very subject before."""
    remembered = _read(subject) if subject.packages else ()
    if new := [name for name in remembered if name not in given]:
        log.info("%s: trusted before for %s (delete %s to forget it)", ", ".join(new), subject.run_id, _file(subject))
    return tuple(dict.fromkeys((*given, *remembered)))


def trusted_in_lender(lender: Mapping[str, Any], config: Mapping[str, Any], given: Trust) -> tuple[str, ...]:
    """The packages whose classes may be built of a lent checkpoint for a run of this configuration.

    Somebody's own configuration (`given` None) is trusted whole, and what it borrows is not: of a lender only those
    packages that the configuration names as well, and those that were trusted for the lender before.
    """
    return trusted(Subject.of(lender), foreign_packages(config) if given is None else given)


def remember(subject: Subject, packages: Collection[str]) -> None:
    """Keep in mind that these packages are trusted for the subject; where that cannot be written, it is said."""
    if not subject.run_id or not subject.packages or not packages or set(packages) <= set(_read(subject)):
        return
    content = {"run": subject.run_id, "packages": sorted({*packages, *_read(subject)})}
    try:
        path = _file(subject)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, json.dumps(content, indent=1) + "\n")
    except (OSError, RuntimeError) as error:
        log.warning(
            "trust in %s holds for this call, but cannot be remembered (%s): set %s to a folder that you may write to",
            ", ".join(packages),
            error,
            STATE_VARIABLE,
        )


def _read(subject: Subject) -> tuple[str, ...]:
    """What was remembered; nothing where there is no file, and nothing, said, where it is damaged."""
    try:
        text = _file(subject).read_text(encoding="utf-8")
    except (OSError, RuntimeError):
        return ()
    try:
        return tuple(map(str, json.loads(text)["packages"]))
    except (ValueError, TypeError, KeyError):
        log.warning("%s is damaged, and nothing is trusted for it: delete it", _file(subject))
        return ()


def _file(subject: Subject) -> Path:
    """The subject's own file; `RuntimeError` where the user has no home."""
    chosen = Path(os.environ.get(STATE_VARIABLE, ""))
    state = chosen if chosen.is_absolute() else Path.home() / ".local" / "state"
    return state / "diptych" / "trust" / f"{subject.digest}.json"


def _code_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: _code_of(part) for name, part in checkpoint.get("parts", {}).items()}
    return {"config": checkpoint["config"], **({"parts": parts} if parts else {})}


def _with_text_keys(node: Any) -> Any:
    """As JSON has it, so that keys can be put in order."""
    if isinstance(node, Mapping):
        return {str(key): _with_text_keys(value) for key, value in node.items()}
    return [_with_text_keys(value) for value in node] if isinstance(node, list | tuple) else node


def targets_of(node: Any) -> Iterator[Any]:
    """Every `_target_` in plain values, at any depth."""
    return (component["_target_"] for component in _components(node))


def _foreign_nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in _components(node) if package_of(one["_target_"]) not in ALWAYS_TRUSTED)


def _components(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every component, at any depth."""
    if isinstance(node, Mapping) and "_target_" in node:
        yield node
    inner = node.values() if isinstance(node, Mapping) else node if isinstance(node, list | tuple) else ()
    for value in inner:
        yield from _components(value)
