"""The good images of a data set with their captions in tar files, which `data=webdataset` reads as the same data."""

import argparse
import shlex
from typing import Any

from diptych.cli.data.opening import opened
from diptych.cli.output import Output, short
from diptych.config.errors import UserError

SAMPLES = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what only packing takes."""
    parser.add_argument(
        "--size",
        type=int,
        metavar="PIXELS",
        help="pack: images larger than twice this become smaller, for training with data.image_size=PIXELS or less",
    )
    parser.add_argument("--samples", type=int, metavar="N", help=f"pack: images in a tar file (default: {SAMPLES:,})")


def refuse_arguments(args: argparse.Namespace) -> None:
    """Refuse them where nothing is packed."""
    for name in ("size", "samples"):
        if getattr(args, name) is not None:
            raise UserError(f"--{name} belongs to `diptych data pack`; {args.action} takes no such option")


def run(args: argparse.Namespace, output: Output) -> int:
    """Pack what is good; what was written before a kill stays."""
    from diptych.data.folders.verdict import Inspectable
    from diptych.data.packing.job import Packing
    from diptych.data.packing.manifest import manifest_of
    from diptych.data.packing.plan import Plan
    from diptych.data.packing.source import refuse_own_folders

    if args.out is None:
        raise UserError("--out is missing: name the folder that the tar files are written into, --out FOLDER")
    data = opened(args)
    refuse_own_folders(data, args.out)
    plan = Plan.of(data, samples=SAMPLES if args.samples is None else args.samples, side=args.size)
    packing = Packing(plan, args.out)
    with output.bar("packing images", plan.num_pictures) as advance:
        written = packing.run(advance)
    findings = data.inspect() if isinstance(data, Inspectable) else None
    manifest = {"command": _command(args), **manifest_of(plan, written, findings)}
    packing.write_manifest(manifest)
    _tell(args, manifest, output)
    output.result(manifest)
    return 0


def _command(args: argparse.Namespace) -> str:
    options = {"--out": args.out, "--size": args.size, "--samples": args.samples}
    given = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
    return shlex.join(["diptych", "data", "pack", args.data, *args.overrides, *given])


def _tell(args: argparse.Namespace, manifest: dict[str, Any], output: Output) -> None:
    splits = manifest["splits"].items()
    pictures = ", ".join(f"{counts['pictures']:,} images of {name}" for name, counts in splits)
    shards, size = (sum(counts[what] for _, counts in splits) for what in ("shards", "bytes"))
    output.line(f"{short(args.out)}: {pictures} in {shards:,} tar files of {size / 1e6:,.1f} MB together")
    for kind in manifest["left_out"]:
        output.line(f"left out, {kind['what']}: {kind['count']:,} (pack.json names them)")
    first, *others = manifest["read_with"]
    output.line("read them with " + shlex.join([first, f"data.root={args.out}", *others]))
