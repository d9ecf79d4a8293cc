"""Check what this machine has, what is missing, and how to install it."""

import argparse
import platform
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from diptych.cli.arguments import add_json
from diptych.cli.output import Output
from diptych.cli.terminal.layout import terminal_width, wrapped

GOOD, OPTIONAL, BAD = "ok", "optional", "missing"
EXTRAS = {
    "tensorboard": "tensorboard",
    "nbclient": "notebooks",
    "pandas": "notebooks",
    "submitit": "slurm",
    "ray": "ray",
    "transformers": "transformers",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fix` says how to install what is missing."""

    name: str
    state: str
    value: str
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych doctor` takes."""
    add_json(parser, "the findings")


def run(args: argparse.Namespace) -> int:
    """Check everything; returns 1 if something that every run needs is missing."""
    output = Output(as_json=args.json)
    findings = [
        finding for examine in (_python, _packages, _devices, _slurm, _tracking, _fonts, _disk) for finding in examine()
    ]
    output.result([asdict(finding) for finding in findings])
    if not args.json:
        for finding in findings:
            output.line("\n".join(_lines(finding, terminal_width())))
    return int(any(finding.state == BAD for finding in findings))


def _lines(finding: Finding, width: int) -> list[str]:
    """What was found, and below it how to mend it."""
    indent = " " * 37
    lines = wrapped(finding.value, width, first=f"{finding.state:<9} {finding.name:<26} ", then=indent)
    return lines + (wrapped(finding.fix, width, first=f"{indent}-> ", then=f"{indent}   ") if finding.fix else [])


def _python() -> list[Finding]:
    return [Finding("python", GOOD, platform.python_version())]


def _packages() -> list[Finding]:
    from diptych.runs.folder.environment import PACKAGES, version_of

    findings = []
    for name in PACKAGES:
        version = version_of(name)
        fix = "" if version else f"pip install {name}"
        findings.append(Finding(f"package {name}", GOOD if version else BAD, version or "not installed", fix))
    for name, extra in EXTRAS.items():
        version = version_of(name)
        fix = "" if version else f"pip install 'diptych[{extra}]'"
        findings.append(Finding(name, GOOD if version else OPTIONAL, version or "not installed", fix))
    return findings


def _devices() -> list[Finding]:
    import torch

    from diptych.runs.folder.environment import hardware

    facts = hardware()
    cpu = f"{facts['cpus']} cores, torch uses {facts['torch_threads']} threads, {facts['memory_gib']} GiB memory"
    findings = [Finding("cpu", GOOD, cpu)]
    if facts["gpus"]:
        bf16 = "bf16" if torch.cuda.is_bf16_supported() else "no bf16: add trainer.precision=32-true"
        return [*findings, Finding("gpu", GOOD, f"{', '.join(facts['gpus'])} (trainer=gpu; {bf16})")]
    fix = "" if torch.version.cuda else "a torch built for CUDA (https://pytorch.org), if there is a GPU"
    return [*findings, Finding("gpu", OPTIONAL, "torch sees none (trainer=cpu)", fix)]


def _slurm() -> list[Finding]:
    from diptych.sweeps.slurm import COMMANDS

    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if not missing and find_spec("submitit") is None:
        return [Finding("slurm", OPTIONAL, "SLURM is installed, submitit is not", "pip install 'diptych[slurm]'")]
    if not missing:
        return [Finding("slurm", GOOD, "installed (hydra/launcher=submitit_slurm)")]
    return [Finding("slurm", OPTIONAL, f"no {', '.join(missing)}", "start sweeps for a cluster on its login node")]


def _tracking() -> list[Finding]:
    from diptych.tracking import WandbTracker

    reason = WandbTracker(project="diptych").why_offline()
    if reason is None:
        return [Finding("wandb", GOOD, "runs are recorded online")]
    return [Finding("wandb", OPTIONAL, f"runs are recorded offline: {reason}", "wandb login; or tracking=csv")]


def _fonts() -> list[Finding]:
    from diptych.callbacks.fonts import cjk_font

    if cjk_font(12):
        return [Finding("chinese font", GOOD, "found")]
    return [Finding("chinese font", OPTIONAL, "none: a note replaces Chinese captions", "apt install fonts-noto-cjk")]


def _disk() -> list[Finding]:
    findings = []
    for name, path in (("disk (here)", Path.cwd()), ("disk (temporary)", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(path).free / 2**30
        enough = free >= 1
        fix = "" if enough else "a run needs some hundred megabytes: free space, or set DIPTYCH_OUTPUTS"
        findings.append(Finding(name, GOOD if enough else BAD, f"{free:.1f} GiB free", fix))
    return findings
