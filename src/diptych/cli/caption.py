"""Describe pictures with a trained run: files, or all pictures in folders; one line a picture."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_beam, add_json, add_run, add_trust
from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from diptych.systems.captioning.system import Caption

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych caption` takes."""
    add_run(parser)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="pictures, or folders of pictures")
    add_beam(parser)
    parser.add_argument("--attention", action="store_true", help="write a picture of where each word looked")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write JSON lines to this file")
    add_trust(parser)
    add_json(parser, "the captions")


def run(args: argparse.Namespace) -> int:
    """Describe what can be read; 1 if a file could not."""
    from diptych.runs.load import check_beam, load_captioner

    output = Output(as_json=args.json)
    check_beam(args.beam)
    readable, skipped = readable_files(args.paths)
    captioner = load_captioner(args.run, trust=args.trust)
    side = captioner.image_size
    output.warning(f"pictures are brought to the model's size, {side} x {side} pixels")
    captions = zip(readable, captioner.captions(readable, beam=args.beam), strict=True)
    entries = []
    for file, caption in output.track(captions, description="captions", total=len(readable)):
        output.line(f"{file}\t{caption.text}")
        entries.append({"file": str(file), "caption": caption.text, "score": round(caption.score, 4)})
        if args.attention:
            folder = args.out.parent if args.out else captioner.run.attention
            entries[-1]["attention"] = _write_attention(
                file, caption, folder / f"{len(entries):04d}-{file.stem}.png", side, output
            )
    if args.out:
        _write_lines(args.out, entries)
    for file in skipped:
        output.warning(f"skipped, because it does not decode as a picture: {file}")
    output.result({"run": captioner.run.run_id, "captions": entries, "skipped": [str(file) for file in skipped]})
    return 1 if skipped else 0


def readable_files(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files that decode as pictures, of which there must be one, and the others."""
    from diptych.config.errors import UserError
    from diptych.runs.pictures import sort_out

    files = picture_files(paths)
    readable, skipped = sort_out(files)
    if not readable:
        more = ", …" if len(files) > NAMED else ""
        raise UserError(f"nothing here decodes as a picture: {', '.join(map(str, files[:NAMED]))}{more}")
    return readable, skipped


def picture_files(paths: list[Path]) -> list[Path]:
    """Files as they are named, and of folders the files that look like pictures, in alphabetical order."""
    from diptych.config.errors import UserError

    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder")
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"{path}: no pictures in this folder (looked for {', '.join(SUFFIXES)})")
        files += inside
    return files


def _write_attention(file: Path, caption: "Caption", target: Path, side: int, output: Output) -> str | None:
    """One sheet with a picture a word; None, and a word about it, where the model does not attend."""
    from diptych.callbacks.grids import to_pil
    from diptych.runs.attention_sheets import word_sheet
    from diptych.runs.pictures import to_pixels

    if caption.attention is None:
        output.warning(f"{file}: this model does not attend, so there is no map of where it looked")
        return None
    picture = to_pil(to_pixels(file, side, 3)[None])[0]
    target.parent.mkdir(parents=True, exist_ok=True)
    word_sheet(picture, caption.words, list(caption.attention.numpy())).save(target)
    output.line(short(target))
    return short(target)


def _write_lines(file: Path, entries: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), encoding="utf-8")
