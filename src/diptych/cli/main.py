"""The command line, `diptych COMMAND …`: dispatch without heavy imports, error messages and exit codes.

0 done, 1 failed, 2 wrong usage, 75 stopped because a file could not be saved (a full disk), 130 and 143 stopped by
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
from diptych.cli.output import harmless
from diptych.config.origin import is_message, raised_in
from diptych.config.own_packages import find_own_packages

COMMANDS = {
    "train": "train one run of conf/ and OVERRIDES; with -m a sweep of fresh processes",
    "resume": "resume a run exactly where it stopped, or extend its budget",
    "sweep": "show, stop or retry a sweep, or confirm its best trial",
    "runs": "list runs, or show one",
    "evaluate": "evaluate runs, and write the tables into their folders",
    "generate": "generate images from sentences",
    "caption": "caption images",
    "search": "search a folder of pictures by sentence or by picture",
    "compare": "compare runs, or analyse a sweep: intervals, tests, plots, parameter importance",
    "score": "caption metrics of files of captions, without Java",
    "report": "one self-contained HTML file about a run or a sweep",
    "results": "the results tables: what is measured, what is missing; train it, write the page",
    "export": "write what generates or captions into a folder of its own",
    "data": "check, summarise, preview or pack a data set",
    "doctor": "what this machine has, what is missing, how to install it",
    "demo": "train and evaluate a captioner and a text-to-image model, with a report",
}
DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [a for a in arguments if a != "--debug"]
    if not arguments or arguments[0] not in COMMANDS:
        return _top_level(arguments)
    _log_to_terminal()
    find_own_packages()
    return _guarded(arguments[0], arguments[1:], debug)


def _guarded(name: str, arguments: list[str], debug: bool) -> int:
    """Run the command and print one message for an error; `debug` shows the traceback."""
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
        code = getattr(error, "exit_code", None)  # of an error that is not a failure: the run can be resumed
        if code is not None:
            return _print_message(name, error, code)
        expected = is_message(error)
        kind = "" if expected else f"{type(error).__name__}: "
        hint = "" if expected else f"\n(raised in {raised_in(error)}; --debug shows the way there)"
        print(harmless(f"diptych {name}: {kind}{error}{hint}"), file=sys.stderr)
        return WRONG_USAGE if expected else FAILED
    except BaseException as stop:
        code = getattr(stop, "code", None)
        if not isinstance(code, int):
            raise
        return _print_message(name, stop, code) if str(stop) != str(code) else code


def _print_message(name: str, error: BaseException, code: int) -> int:
    """Print the error with its notes; returns the code."""
    print(harmless("\n".join([f"diptych {name}: {error}", *getattr(error, "__notes__", ())])), file=sys.stderr)
    return code


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """Exit cleanly on SIGTERM, until a command handles the signal itself."""
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


class _Harmless(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def _log_to_terminal() -> None:
    """Log our own messages, and others' warnings, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Harmless("%(message)s"))
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith("diptych"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _top_level(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="diptych",
        description="Text to image and image to text.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
        + "\n\n`diptych COMMAND --help` says more; --debug shows tracebacks.",
    )
    parser.add_argument("--version", action="version", version=f"diptych {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.parse_args(arguments or ["--help"])
    return WRONG_USAGE
