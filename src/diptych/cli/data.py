"""Check, summarise or preview a data set: NAME is one of conf/data, FOLDER a folder of captioned images."""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_json
from diptych.cli.layout import reading_width, wrapped
from diptych.cli.output import Output, check_writable, short
from diptych.reports.page.columns import text_width

if TYPE_CHECKING:
    from PIL.Image import Image

    from diptych.data import DataModule
    from diptych.data.folders.captioned_folder import CaptionedFolder

EXAMPLES_TO_CHECK = 512
NAMES_SHOWN = 10
PREVIEWS = "previews"
"""The folder of the outputs for sheets that nobody has named a file for."""
WORD_COLUMNS = 4
WORD_WIDTH = 11
FOLDER = "diptych.data.folders.captioned_folder.CaptionedFolder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych data` takes."""
    parser.add_argument(
        "action",
        metavar="check|stats|preview",
        choices=("check", "stats", "preview"),
        help="check: list problems (exit code 1 if there are any); stats: images, captions, words; "
        "preview: a sheet of images with their captions as a network reads them",
    )
    parser.add_argument("data", metavar="NAME|FOLDER", help="such as scenes, digits, mnist, or a folder of images")
    parser.add_argument(
        "overrides", metavar="OVERRIDE", nargs="*", default=[], help="such as data.captions=captions.json"
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="split of the preview")
    parser.add_argument("-n", "--num", type=int, default=16, help="images in the preview (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the preview's file (default: in outputs/previews)")
    add_json(parser, "the result")


def run(args: argparse.Namespace) -> int:
    """Carry out one action; returns 1 if `check` found a problem."""
    output = Output(as_json=args.json)
    actions = {"check": _check, "stats": _stats, "preview": _preview}
    return actions[args.action](args, output)


def _check(args: argparse.Namespace, output: Output) -> int:
    report = _examined(args)
    captions = f", {report['captions']:,} captions" if "captions" in report else ""
    width = reading_width()
    output.line("\n".join(wrapped(f"{args.data}: {report['good_pictures']:,} good pictures{captions}", width)))
    for problem in report["problems"]:
        output.line("\n" + "\n".join(wrapped(f"{problem['what']}: {problem['count']:,}", width)))
        for name in problem["names"][:NAMES_SHOWN]:
            output.line("\n".join(wrapped(name, width, first="  ", then="    ")))
        if problem["count"] > NAMES_SHOWN:
            output.line(f"  … and {problem['count'] - NAMES_SHOWN:,} more (--json names them all)")
    if not report["problems"]:
        output.line("nothing is wrong with it")
    output.result(report)
    return 1 if report["problems"] else 0


def _examined(args: argparse.Namespace) -> dict[str, Any]:
    """The good images and the problems; data that cannot be opened are a problem too."""
    from diptych.data.folders.captioned_folder import CaptionedFolder

    data = _to_check(args)
    try:
        return _folder_report(data) if isinstance(data, CaptionedFolder) else _report(data)
    except ValueError as error:
        problem = {"kind": "unreadable", "what": "data that cannot be opened", "count": 1, "names": [str(error)]}
        return {"good_pictures": 0, "problems": [problem]}


def _folder_report(data: "CaptionedFolder") -> dict[str, Any]:
    """The findings, and why one cannot train on the good pictures if one cannot."""
    from diptych.data.caption_files.faults import KINDS

    findings = data.inspect()
    problems = [
        {"kind": kind, "what": KINDS[kind], "count": len(names), "names": names}
        for kind, names in findings.problems.items()
    ]
    try:
        if findings.pictures:
            data.divide(findings)
    except ValueError as error:
        problems.append({"kind": "untrainable", "what": "nothing to train on", "count": 1, "names": [str(error)]})
    captions = sum(len(picture.captions) for picture in findings.pictures)
    return {"good_pictures": len(findings.pictures), "captions": captions, "problems": problems}


def _report(data: "DataModule") -> dict[str, Any]:
    """The report on data other than folders: their first examples, as a network gets them."""
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


def _stats(args: argparse.Namespace, output: Output) -> int:
    from diptych.data.summary import summarise

    data = _opened(args)
    stats = summarise(data)
    channels = {1: "grey", 3: "RGB"}[stats["image_channels"]]
    output.line(
        f"{args.data}: {stats['image_size']} px {channels}, {', '.join(stats['languages'])}; {stats['tokenizer']} "
        f"tokenizer, {stats['vocabulary']:,} tokens, at most {stats['max_length']} a caption\n"
    )
    output.line(f"{'split':<6}{'pictures':>10}{'captions':>10}{'distinct':>10}   tokens a caption      unknown")
    for name, split in stats["splits"].items():
        output.line(_split_line(name, split))
    output.line(f"\nmost frequent of {stats['tokenizer']} tokens:")
    for row in _rows(stats["top_words"]):
        output.line("  " + " ".join(f"{_cell(word)}{count:>7,}" for word, count in row))
    output.result(stats)
    return 0


def _split_line(name: str, split: Mapping[str, Any]) -> str:
    pictures = f"{split['pictures']:,}" if split["pictures"] is not None else f"{split['examined']:,} of ∞"
    lengths = split["tokens_per_caption"]
    spread = f"{lengths['least']} to {lengths['most']}, mean {lengths['mean']}" if lengths else "none"
    numbers = f"{pictures:>10}{split['captions']:>10,}{split['distinct_captions']:>10,}"
    return f"{name:<6}{numbers}   {spread:<22}{split['unknown_share']:>6.2%}"


def _cell(word: str) -> str:
    """The word on `WORD_WIDTH` columns; Chinese characters take two, marks none, and a space is visible."""
    word = "␣" if word == " " else word
    return word[:WORD_WIDTH] + " " * (WORD_WIDTH - text_width(word))


def _rows(words: Sequence[Any]) -> list[Sequence[Any]]:
    return [words[i : i + WORD_COLUMNS] for i in range(0, len(words), WORD_COLUMNS)]


def _preview(args: argparse.Namespace, output: Output) -> int:
    from diptych.callbacks.grids import contact_sheet, to_pil
    from diptych.runs.images.record import save_png
    from diptych.text import tokenizer_of

    if args.out:
        check_writable(args.out, "--out")
    data = _opened(args)
    tokenizer = tokenizer_of(data.spec)
    loader = data.train_dataloader() if args.split == "train" else data.evaluation_dataloader(args.split)
    pictures, captions = [], []
    for batch in islice(loader, -(-args.num // data.batch_size)):
        pictures += to_pil(batch.images)
        captions += ["\n".join(tokenizer.decode(row) for row in rows) for rows in batch.tokens.tolist()]
    sheet = contact_sheet(pictures[: args.num], captions[: args.num])
    file = args.out or _preview_file(sheet, args)
    save_png(sheet, file)
    output.line(short(file))
    output.result({"file": str(file), "captions": captions[: args.num]})
    return 0


def _preview_file(sheet: "Image", args: argparse.Namespace) -> Path:
    """A file among the outputs, named by the data and a digest of what was asked for."""
    from diptych.config.datasets import names_folder
    from diptych.runs.folder.files import outputs_explained
    from diptych.runs.folder.find import default_outputs
    from diptych.runs.images.files import named_file
    from diptych.runs.images.names import FileNames

    place = Path(args.data).resolve()
    asked = json.dumps([str(place) if names_folder(args.data) else args.data, args.split, args.num, *args.overrides])
    request = {"preview": hashlib.sha256(asked.encode()).hexdigest()}
    folder = default_outputs() / PREVIEWS
    with outputs_explained():
        folder.mkdir(parents=True, exist_ok=True)
    return named_file(sheet, f"preview {place.name}", request, FileNames(folder))


def _opened(args: argparse.Namespace) -> "DataModule":
    """The data module, set up; it skips a folder's bad files, which `check` reports."""
    data = _data(args, "data.on_error=skip")
    data.setup()
    return data


def _data(args: argparse.Namespace, *for_folders: str, target: str = "") -> Any:
    """The data module of a configuration or a folder, before set-up; or what its settings make of `target`."""
    from diptych.config.components import build
    from diptych.config.datasets import composed_data, names_folder

    given = for_folders if args.data == "folder" or names_folder(args.data) else ()
    config = composed_data(args.data, [*given, *args.overrides])
    node = config["data"] | ({"_target_": target} if target else {})
    return build(node, "data", {"seed": config["seed"]})


def _to_check(args: argparse.Namespace) -> "CaptionedFolder | DataModule":
    """A folder without its loaders, which take seconds to import and which a check does not need."""
    from diptych.config.datasets import names_folder

    return _data(args, target=FOLDER if names_folder(args.data) else "")
