"""What is wrong with a data set, by kind and name."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diptych.cli.data.opening import to_check
from diptych.cli.output import Output
from diptych.cli.terminal.layout import reading_width, wrapped

if TYPE_CHECKING:
    from diptych.data import DataModule
    from diptych.data.folders.verdict import Inspectable

EXAMPLES_TO_CHECK = 512
NAMES_SHOWN, NOTES_SHOWN = 10, 3


def run(args: argparse.Namespace, output: Output) -> int:
    """List what is wrong; returns 1 if anything is."""
    report = examined(args)
    captions = f", {report['captions']:,} captions" if "captions" in report else ""
    width = reading_width()
    output.line("\n".join(wrapped(f"{args.data}: {report['good_pictures']:,} good pictures{captions}", width)))
    for problem in report["problems"]:
        _list(problem, NAMES_SHOWN, output)
    if not report["problems"]:
        output.line("nothing is wrong with it")
    for note in report.get("notes", ()):
        _list(note, NOTES_SHOWN, output)
    output.result(report)
    return 1 if report["problems"] else 0


def _list(kind: Mapping[str, Any], most: int, output: Output) -> None:
    """One kind of problem or note with its first names."""
    width = reading_width()
    output.line("\n" + "\n".join(wrapped(f"{kind['what']}: {kind['count']:,}", width)))
    for name in kind["names"][:most]:
        output.line("\n".join(wrapped(name, width, first="  ", then="    ")))
    if kind["count"] > most:
        output.line(f"  … and {kind['count'] - most:,} more (--json names them all)")


def examined(args: argparse.Namespace) -> dict[str, Any]:
    """The good images and the problems; data that cannot be opened are a problem too."""
    from diptych.data.folders.verdict import Inspectable

    data = to_check(args)
    try:
        return _inspection(data) if isinstance(data, Inspectable) else _report(data)
    except ValueError as error:
        problem = {"kind": "unreadable", "what": "data that cannot be opened", "count": 1, "names": [str(error)]}
        return {"good_pictures": 0, "problems": [problem]}


def _inspection(data: "Inspectable") -> dict[str, Any]:
    """The findings, and why one cannot train on the good pictures if one cannot."""
    from diptych.data.caption_files.faults import KINDS, NOTES
    from diptych.data.folders.verdict import ComparesSplits

    findings = data.inspect()
    problems, notes = {**findings.problems}, {**findings.notes}
    untrainable, splits = [], {}
    try:
        if findings.num_pictures:
            _, splits = data.divide(findings)
    except ValueError as error:
        untrainable = [{"kind": "untrainable", "what": "nothing to train on", "count": 1, "names": [str(error)]}]
    if splits and isinstance(data, ComparesSplits):
        problems["leaks"], notes["look_alikes"] = data.leaks(splits), data.look_alikes(splits)
    return {
        "good_pictures": findings.num_pictures,
        "captions": data.num_captions(findings),
        "problems": _kinds(problems, KINDS) + untrainable,
        "notes": _kinds(notes, NOTES),
    }


def _kinds(names_by_kind: Mapping[str, Sequence[str]], labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """The kinds of which there are any."""
    return [
        {"kind": kind, "what": labels[kind], "count": len(names), "names": names}
        for kind, names in names_by_kind.items()
        if names
    ]


def _report(data: "DataModule") -> dict[str, Any]:
    """The report on data that cannot be inspected: their first examples, as a network gets them."""
    from diptych.data.summary import UNSOUND, unsound

    data.setup()
    problems = unsound(data, examples=EXAMPLES_TO_CHECK)
    bad = {name for names in problems.values() for name in names}
    examined = sum(
        EXAMPLES_TO_CHECK if split.size is None else min(split.size, EXAMPLES_TO_CHECK)
        for split in data.splits.values()
    )
    found = [
        {"kind": kind, "what": UNSOUND[kind], "count": len(names), "names": names} for kind, names in problems.items()
    ]
    return {"good_pictures": examined - len(bad), "problems": found}
