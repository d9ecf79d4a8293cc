"""The environment of a run: code, packages, machine. Every start writes it into the run's folder."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PUBLIC = ("python", "platform", "packages", "code", "hardware")
"""The keys that trackers may receive; the command is not among them, since it may name folders."""
PACKAGES = ("diptych", "torch", "torchvision", "pytorch-lightning", "hydra-core", "omegaconf", "numpy", "wandb")


def describe() -> dict[str, Any]:
    """Plain values for environment.json."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "code": code_version(Path(__file__).parent),
        "hardware": hardware(),
    }


def sweep_of(starts: Sequence[Mapping[str, Any]]) -> str:
    """The sweep that started the run of these starts, even if a person resumes it; "" without one."""
    return next((start["sweep"] for start in starts if start.get("sweep")), "")


def version_of(package: str) -> str | None:
    """The installed version, None where the package is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def code_version(folder: Path) -> dict[str, Any]:
    """The git commit of the code and whether the code has changed since; nulls outside a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "dirty": bool(changes) if commit else None}


def hardware() -> dict[str, Any]:
    """Processor, memory and accelerators."""
    import torch  # takes seconds, and supervisors of runs do not need it

    return {
        "cpus": usable_cpus(),
        "torch_threads": torch.get_num_threads(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda,
    }


def usable_cpus() -> int:
    """Cores this process may use, which can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None
