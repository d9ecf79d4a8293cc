"""`diptych COMMAND …`: dispatch without heavy imports, one message for errors a user can mend, and the exit codes.

0 done, 1 failed, 2 wrong usage, 75 stopped because something could not be saved (a full disk), 130 and 143 stopped by
SIGINT and SIGTERM after saving.
"""

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from diptych import __version__

COMMANDS = {
    "train": "train one run of conf/ and OVERRIDES; with -m a sweep of fresh processes",
    "resume": "go on with a run exactly where it stopped, or further than first planned",
    "sweep": "look at a sweep, stop it, or try again what failed",
    "runs": "list runs, or show one",
    "evaluate": "measure runs: the full table, written into their folders",
    "generate": "generate sentences",
    "caption": "describe pictures",
    "compare": "runs side by side, or a sweep: intervals, tests, what mattered, plots",
    "score": "caption metrics of any COCO-format files, no Java",
    "report": "one self-contained HTML file about a run or a sweep",
    "data": "check, count or look at a data set",
    "doctor": "what this machine has, what is missing, how to get it",
    "demo": "train a generator and a captioner, close the loop, and report",
}
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    if not arguments or arguments[0] not in COMMANDS:
        return _top_level(arguments)
    _say_on_terminal()
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # classes of one's own are found where the command is typed
    return _guarded(arguments[0], arguments[1:], debug)


def _guarded(name: str, arguments: list[str], debug: bool) -> int:
    """Run the command, and say what went wrong in one message; `debug` shows the whole traceback."""
    try:
        with _leaving_on_sigterm():
            return _run(name, arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return FAILED
    except Exception as error:
        if debug:
            raise
        code = getattr(error, "exit_code", None)  # of an error that is no failure: it can be gone on from
        if code is not None:
            return _told(name, error, code)
        expected = isinstance(error, ValueError) or type(error).__module__.startswith(("omegaconf.", "yaml."))
        kind = "" if expected else f"{type(error).__name__}: "
        hint = "" if expected else "\n(--debug shows where)"
        print(f"diptych {name}: {kind}{error}{hint}", file=sys.stderr)
        return WRONG_USAGE if expected else FAILED
    except BaseException as stop:
        code = getattr(stop, "code", None)
        if not isinstance(code, int):
            raise
        return _told(name, stop, code) if str(stop) != str(code) else code


def _told(name: str, error: BaseException, code: int) -> int:
    """Say it, with what was added to it; returns the code."""
    print("\n".join([f"diptych {name}: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
    return code


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """Before a command takes the signal itself: leave as others do, and let go in order of what is in hand."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _run(name: str, arguments: list[str]) -> int:
    command = importlib.import_module(f"diptych.cli.{name}")
    if hasattr(command, "forward"):
        return command.forward(arguments)
    parser = argparse.ArgumentParser(prog=f"diptych {name}", description=command.__doc__)
    command.add_arguments(parser)
    return command.run(parser.parse_intermixed_args(arguments))


def _say_on_terminal() -> None:
    """Our own messages, and others' warnings, on standard error."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith("diptych"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])


def _top_level(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="diptych",
        description="Text to image and image to text, hinged.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
        + "\n\n`diptych COMMAND --help` says more; --debug shows tracebacks.",
    )
    parser.add_argument("--version", action="version", version=f"diptych {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.parse_args(arguments or ["--help"])
    return WRONG_USAGE
