"""Check, summarise, preview or pack a data set: NAME is one of conf/data, FOLDER a folder of captioned images."""

import argparse
from pathlib import Path

from diptych.cli.arguments import add_json
from diptych.cli.data import check, pack, page, preview, stats
from diptych.cli.output import Output

ACTIONS = {"check": check.run, "stats": stats.run, "preview": preview.run, "pack": pack.run}
PAGES = (".html", ".htm")
ON_PAGE = ("stats", "preview")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych data` takes."""
    parser.add_argument(
        "action",
        metavar="|".join(ACTIONS),
        choices=ACTIONS,
        help="check: list problems (exit code 1 if there are any); stats: images, captions, words; "
        "preview: a sheet of images with their captions as a network reads them; "
        "pack: write the good images with their captions into tar files, for data=webdataset",
    )
    parser.add_argument(
        "data", metavar="NAME|FOLDER", help="such as scenes, digits, imagefolder, or a folder of images"
    )
    parser.add_argument(
        "overrides", metavar="OVERRIDE", nargs="*", default=[], help="such as data.captions=captions.json"
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="split of the preview")
    parser.add_argument("-n", "--num", type=int, default=16, help="images in the preview (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="file of the preview (default: in outputs/previews); FILE.html: a page with all that there is to tell; "
        "folder of the packed data",
    )
    pack.add_arguments(parser)
    add_json(parser, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry out one action; returns 1 if `check` found a problem."""
    output = Output(as_json=args.json)
    if args.action != "pack":
        pack.refuse_arguments(args)
    tells_on_page = args.action in ON_PAGE and args.out is not None and args.out.suffix.lower() in PAGES
    return page.run(args, output) if tells_on_page else ACTIONS[args.action](args, output)
