"""Generate images of sentences: PNG files, and with --grid one sheet of them all with their sentences.

A file's name has the sentence's first words, a digest of the request (sentence, options, size, weights), the seed and
the number. No two requests share a name, and a file that exists is replaced only by the same image.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_checkpoint, add_json, add_run, add_trust
from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from PIL.Image import Image


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych generate` takes."""
    add_run(parser)
    parser.add_argument(
        "words",
        metavar="SENTENCE|KEY=VALUE",
        nargs="*",
        default=[],
        help="what to generate, in quotes, and the family's sampling options, such as truncation=0.7",
    )
    parser.add_argument("-n", "--num", type=int, default=8, help="pictures of each sentence (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="noise; the same seed generates the same pictures")
    parser.add_argument("--size", type=int, metavar="S", help="pixels a side of the files (default: as generated)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: generated/ in the run folder)"
    )
    parser.add_argument("--grid", action="store_true", help="also write one sheet, a row a sentence")
    parser.add_argument("--allow-unknown", action="store_true", help="generate words the run does not know as <unk>")
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the list of files")


def run(args: argparse.Namespace) -> int:
    """Generate and write; returns the exit code."""
    from diptych.callbacks.grids import rows_sheet
    from diptych.runs.images.files import generated_file, sheet_file
    from diptych.runs.images.names import FileNames
    from diptych.runs.load import load_generator
    from diptych.runs.sampling_options import separated

    output = Output(as_json=args.json)
    generator = load_generator(args.run, checkpoint=args.checkpoint, trust=args.trust)
    sentences, options = separated(args.words)
    pictures = generator.with_options(options).generate(
        sentences, num_images=args.num, seed=args.seed, size=args.size, allow_unknown=args.allow_unknown
    )
    sentences = sentences or [""]
    rows = [(s, pictures[i * args.num : (i + 1) * args.num]) for i, s in enumerate(sentences)]
    folder = args.out or generator.run.generated
    folder.mkdir(parents=True, exist_ok=True)
    names = FileNames(folder)
    entries = [
        {"sentence": sentence, "number": i, "seed": args.seed, "file": _saved(picture, generated_file(picture, names))}
        for sentence, row in rows
        for i, picture in enumerate(row)
    ]
    result = {"run": generator.run.run_id, "options": options, "images": entries}
    if args.grid:
        sheet = rows_sheet(rows)
        result["grid"] = _saved(sheet, sheet_file(sheet, pictures, names))
    output.line(
        f"{generator.run.run_id}: {generator.checkpoint_name} checkpoint, {generator.images_seen:,} images seen"
    )
    output.line("\n".join([entry["file"] for entry in entries] + [str(result[key]) for key in result if key == "grid"]))
    output.result(result)
    return 0


def _saved(picture: "Image", file: Path) -> str:
    from diptych.runs.images.record import save_png

    save_png(picture, file)
    return short(file)
