"""`diptych` in processes that tests can kill; a fork server saves the imports."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
STARTED = []
CONTEXT.set_forkserver_preload(
    ["diptych.runs.training", "diptych.cli.train", "diptych.data", "diptych.systems.gan.system"]
)


def start(arguments: list[str], folder: Path, variables: dict[str, str] | None = None):
    """Start `diptych ARGUMENTS` in `folder`; its output goes to `folder/said.txt`."""
    process = CONTEXT.Process(target=_command, args=(arguments, folder, variables or {}))
    process.started = time.time()
    process.start()
    STARTED.append(process)
    return process


def finish(arguments: list[str], folder: Path, variables: dict[str, str] | None = None, timeout: float = 120) -> int:
    """Run `diptych ARGUMENTS` in `folder` to its end; the exit code, negative if a signal ended it."""
    process = start(arguments, folder, variables)
    process.join(timeout)
    if process.exitcode is None:
        raise AssertionError(f"diptych {' '.join(arguments)} did not end:\n{said(folder)}")
    return process.exitcode


def kill_all() -> None:
    """Kill all commands, and the data workers of killed commands."""
    while STARTED:
        process = STARTED.pop()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()


def living(group: int) -> list[str]:
    """The running processes of a group, as the kernel describes them."""
    stats = [_read(path) for path in Path("/proc").glob("[0-9]*/stat")]
    fields = [(stat, stat.rpartition(")")[2].split()) for stat in stats if stat]
    return [stat for stat, (state, _, its_group, *_) in fields if int(its_group) == group and state != "Z"]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def said(folder: Path) -> str:
    """The output of the commands in `folder`."""
    return (folder / "said.txt").read_text(encoding="utf-8")


def _command(arguments: list[str], folder: Path, variables: dict[str, str]) -> None:
    os.environ.update({"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **variables})
    multiprocessing.set_start_method(None, force=True)  # data workers begin as they do in a command that was typed
    os.setpgrp()
    os.chdir(folder)
    descriptor = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    import torch

    from diptych.cli.main import main

    torch.set_num_threads(1)
    sys.exit(main(arguments))
