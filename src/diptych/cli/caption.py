"""Caption images with a trained run: files, or all images in folders; one line per image.

`--out` names images as the captions of their folder do, so that `diptych score` takes the file with these captions.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_beam, add_checkpoint, add_json, add_run, add_trust
from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from diptych.runs.images.names import FileNames
    from diptych.systems.captioning.system import Caption

NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych caption` takes."""
    add_run(parser)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="images, or folders of images")
    add_beam(parser)
    parser.add_argument(
        "--attention",
        action="store_true",
        help="write a sheet of attention maps for each image, beside --out or into the run folder",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write JSON lines to this file, for score")
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the captions")


def run(args: argparse.Namespace) -> int:
    """Caption all readable files; returns 1 if a file was unreadable."""
    from diptych.data.caption_files import printable
    from diptych.data.names import picture_names
    from diptych.runs.handles import check_beam
    from diptych.runs.images.names import FileNames
    from diptych.runs.load import load_captioner

    output = Output(as_json=args.json)
    check_beam(args.beam)
    readable, skipped = readable_files(args.paths)
    captioner = load_captioner(args.run, checkpoint=args.checkpoint, trust=args.trust)
    side = captioner.image_size
    output.warning(f"images are resized to the model's size, {side} x {side} pixels")
    names = picture_names(args.paths, readable)
    captions = zip(readable, names, captioner.captions(readable, beam=args.beam), strict=True)
    sheets = FileNames(args.out.parent if args.out else captioner.run.attention)
    entries = []
    for file, name, caption in output.track(captions, description="captions", total=len(readable)):
        shown = printable(str(file))
        output.line(f"{shown}\t{caption.text}")
        entries.append(name.columns() | {"caption": caption.text, "score": round(caption.score, 4), "file": shown})
        if args.attention:
            request = {"beam": args.beam, "checkpoint": captioner.digest}
            entries[-1]["attention"] = _write_attention(file, caption, request, sheets, side, output)
    if args.out:
        _write_lines(args.out, entries)
    unreadable = [printable(str(file)) for file in skipped]
    for file in unreadable:
        output.warning(f"skipped, because it is not a readable image: {file}")
    output.result({"run": captioner.run.run_id, "captions": entries, "skipped": unreadable})
    return 1 if skipped else 0


def readable_files(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The readable images, at least one, and the other files."""
    from diptych.config.errors import UserError
    from diptych.runs.images.pictures import sort_out

    files = picture_files(paths)
    readable, skipped = sort_out(files)
    if not readable:
        more = ", …" if len(files) > NAMED else ""
        raise UserError(f"nothing here decodes as a picture: {', '.join(map(str, files[:NAMED]))}{more}")
    return readable, skipped


def picture_files(paths: list[Path]) -> list[Path]:
    """The named files, and the image files of folders, in alphabetical order."""
    from diptych.config.errors import UserError
    from diptych.data.caption_files.rows import PICTURE_SUFFIXES
    from diptych.data.folders.located import pictures_in

    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        inside = pictures_in(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no images in this folder (looked for {', '.join(sorted(PICTURE_SUFFIXES))})")
        files += inside
    return files


def _write_attention(
    file: Path, caption: "Caption", request: dict[str, Any], names: "FileNames", side: int, output: Output
) -> str | None:
    """Write one sheet with a map per word; None, with a warning, if the model has no attention."""
    from diptych.callbacks.grids import to_pil
    from diptych.runs.images.attention_sheets import word_sheet
    from diptych.runs.images.files import named_file
    from diptych.runs.images.pictures import to_pixels
    from diptych.runs.images.record import save_png

    if caption.attention is None:
        output.warning(f"{file}: this model has no attention, so there is no attention map")
        return None
    sheet = word_sheet(to_pil(to_pixels(file, side, 3)[None])[0], caption.words, list(caption.attention.numpy()))
    names.folder.mkdir(parents=True, exist_ok=True)
    told = {"picture": hashlib.sha256(file.read_bytes()).hexdigest(), "caption": caption.text, **request}
    target = named_file(sheet, file.stem, told, names)
    save_png(sheet, target)
    output.line(short(target))
    return short(target)


def _write_lines(file: Path, entries: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), encoding="utf-8")
