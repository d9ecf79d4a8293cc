"""Try inputs in a child process, which may hang, grow or die without harm.

Input n of a parser is a function of the seed and n, so that the parent knows what the child was doing when it died.
"""

import multiprocessing
import os
import re
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from .law import MOST_MEGABYTES, broken, peak_megabytes
from .parser import Parser

HANGS_SECONDS = 30.0
"""Without a word from the child; the law's two seconds are those of its CPU, and the machine may be busy."""
MOST_ADDRESSES = 4 << 30
"""Of the child's address space above what it has: whoever asks for more is refused, and the machine lives on."""
NUMBERS = re.compile(r"(?<=of )[\d,]+")


@dataclass
class Tally:
    """What came of one parser: how many inputs were tried, and of each kind of finding the first input."""

    executions: int = 0
    seconds: float = 0.0
    findings: dict[str, bytes] = field(default_factory=dict)


def content_of(parser: Parser, seed: int, number: int) -> bytes:
    """Input `number`; the first ones are the seeds themselves."""
    given = parser.seeds()
    return given[number] if number < len(given) else parser.mutate(Random(f"{seed}/{parser.name}/{number}"), given)


def watched(parser: Parser, seed: int, seconds: float) -> Tally:
    """Try inputs for so many seconds; a child that dies or hangs is a finding, and another one goes on."""
    tally, number, end = Tally(), 0, time.monotonic() + seconds
    parser.seeds()
    start = time.monotonic()
    while time.monotonic() < end:
        for done, fault in _child(parser, seed, number, end):
            number = done + 1
            if fault:
                tally.findings.setdefault(_kind(fault), content_of(parser, seed, done))
    tally.executions, tally.seconds = number, time.monotonic() - start
    return tally


def _kind(fault: str) -> str:
    """Faults of one kind: the same error at the same place."""
    return NUMBERS.sub("n", fault.split(": ")[0])


def _child(parser: Parser, seed: int, first: int, end: float) -> Iterator[tuple[int, str]]:
    """Each input's number with its fault, until the child ends."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        process = context.Process(target=_work, args=(parser, seed, first, end, Path(folder), theirs), daemon=True)
        process.start()
        theirs.close()
        last = first - 1
        try:
            while ours.poll(HANGS_SECONDS):
                last, fault = ours.recv()
                yield last, fault
            yield last + 1, "hang"
        except EOFError:
            process.join(1)
            if process.exitcode:
                yield last + 1, f"death: exit code {process.exitcode}"
        finally:
            process.kill()
            process.join()


def _work(parser: Parser, seed: int, first: int, end: float, folder: Path, parent: Connection) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders and warnings have much to say
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MOST_ADDRESSES, resource.RLIM_INFINITY))
    broken(parser, parser.seeds()[0], folder)
    before, number = peak_megabytes(), first
    while time.monotonic() < end:
        fault = broken(parser, content_of(parser, seed, number), folder)
        grown = peak_megabytes() - before
        parent.send((number, fault or (f"memory: {grown:,.0f} MB" if grown > MOST_MEGABYTES else "")))
        if grown > MOST_MEGABYTES:
            return  # what the peak is above from now on, another process finds out
        number += 1
