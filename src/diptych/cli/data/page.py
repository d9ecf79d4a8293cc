"""One HTML page with all that `check`, `stats` and `preview` tell."""

import argparse
from pathlib import Path

from diptych.cli.data.check import examined
from diptych.cli.data.opening import opened
from diptych.cli.data.preview import as_received
from diptych.cli.output import Output, check_writable, short


def run(args: argparse.Namespace, output: Output) -> int:
    """Write the page to --out."""
    from diptych.data.summary import summarise
    from diptych.reports.data.page import DataStory, data_page
    from diptych.reports.page.html import write

    check_writable(args.out, "--out")
    found, data = examined(args), opened(args)
    stats = summarise(data)
    pictures = {
        split: list(zip(*as_received(data, split, args.num), strict=True))
        for split, examples in data.splits.items()
        if examples.size != 0 and (split == "train" or examples.size is not None)
    }
    story = DataStory(Path(args.data).name or args.data, stats, pictures, found["problems"], found.get("notes", ()))
    write(args.out, data_page(story))
    output.line(short(args.out))
    output.result({"file": str(args.out), "stats": stats, **found})
    return 0
