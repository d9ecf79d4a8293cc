"""Generate images of sentences: PNG files, and with --grid one sheet of them all with their sentences.

--like makes the picture of a PNG again; --edit asks other sentences of the same noise; --invert begins with the noise
of a picture; --walk and --walk-noise make animations (GIF, and a strip as PNG).

A file's name has the sentence's first words, a digest of the request (sentence, options, size, weights), the seed and
the number. No two requests share a name, and a file that exists is replaced only by the same image.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_checkpoint, add_json, add_run, add_trust
from diptych.cli.like import check_like, pictures_like, run_and_words
from diptych.cli.output import Output, short
from diptych.cli.pictures import entries_of, saved, watched

if TYPE_CHECKING:
    from diptych.runs.handles import ImageGenerator
    from diptych.runs.images.finish import Finish
    from diptych.runs.images.names import FileNames

PICTURES, WALKS, NOISES, FRAMES = 8, 1, 2, 16
"""How many there are where nobody says: pictures of a sentence, walks, noises on a walk, frames between two stops."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych generate` takes."""
    add_run(parser, optional=True)
    parser.add_argument(
        "words",
        metavar="SENTENCE|KEY=VALUE",
        nargs="*",
        default=[],
        help="what to generate, in quotes, and the family's sampling options, such as truncation=0.7",
    )
    parser.add_argument(
        "-n", "--num", type=int, help=f"pictures of each sentence (default: {PICTURES}), or walks (default: {WALKS})"
    )
    parser.add_argument(
        "--seed",
        type=read_seeds,
        default=0,
        metavar="N|N,N|random",
        help="noise; the same seed generates the same pictures. Several: one for each sentence, or for each picture; "
        "random: a new one for each picture, which its file name and record tell (default: 0)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write (default: generated/ in the run folder)"
    )
    parser.add_argument("--grid", action="store_true", help="also write one sheet, a row a sentence")
    parser.add_argument(
        "--best-of",
        type=int,
        metavar="N",
        help="generate N pictures of each sentence and keep the best -n (default: 1), with their scores",
    )
    parser.add_argument(
        "--by",
        metavar="RUN|judge",
        help="what ranks for --best-of: the likelihood that a captioner gives the sentence, or on scenes the judge "
        "(default: judge)",
    )
    _add_controls(parser)
    _add_finish(parser)
    parser.add_argument("--allow-unknown", action="store_true", help="generate words the run does not know as <unk>")
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the list of files")


def _add_controls(parser: argparse.ArgumentParser) -> None:
    """Declare what keeps or moves noise and sentence."""
    parser.add_argument(
        "--like",
        type=Path,
        metavar="FILE",
        help="the picture of this PNG again, by the run that made it (RUN may be left out); a SENTENCE is asked of its "
        "noise, seed and options",
    )
    parser.add_argument(
        "--edit",
        dest="edits",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="ask this of the same noise, too, and write a sheet to compare; repeatable",
    )
    parser.add_argument(
        "--invert",
        type=Path,
        metavar="FILE",
        help="in place of drawn noise, take that of this picture, which shows what the sentence says (diffusion and "
        "flow); with --edit, edit it",
    )
    parser.add_argument("--walk", action="store_true", help="animate the way from each sentence to the next")
    parser.add_argument(
        "--walk-noise",
        action="store_true",
        help=f"animate the way through -n noises (default: {NOISES}) of each sentence; with --walk, the noise changes "
        "with the sentence",
    )
    parser.add_argument(
        "--frames", type=int, metavar="N", help=f"images from one stop to the next, with both (default: {FRAMES})"
    )


def _add_finish(parser: argparse.ArgumentParser) -> None:
    """Declare what is done to the pictures afterwards."""
    parser.add_argument("--size", type=int, metavar="S", help="pixels of the longer side (default: as generated)")
    parser.add_argument(
        "--resample", metavar="nearest|lanczos", help="for --size (default: nearest for whole multiples, else lanczos)"
    )
    parser.add_argument("--crop", metavar="WxH", help="the centre of the picture, in generated pixels")
    parser.add_argument("--sharpen", type=float, metavar="F", help="sharpness by this factor; 1 changes nothing")
    parser.add_argument("--contrast", type=float, metavar="F", help="contrast by this factor; 1 changes nothing")


def read_seeds(text: str) -> int | list[int] | None:
    """A seed, seeds with commas between them, or `random` (None)."""
    if text == "random":
        return None
    seeds = [int(part) for part in text.split(",")]
    return seeds if len(seeds) > 1 else seeds[0]


def run(args: argparse.Namespace) -> int:
    """Generate and write; returns the exit code."""
    from diptych.runs.sampling_options import separated

    output = Output(as_json=args.json)
    named, words = run_and_words(args)
    sentences, options = separated(words)
    check_like(args)
    check_controls(args, sentences)
    finish = finish_of(args)
    make = pictures_like if args.like else _anew
    generator, written = make(args, named, sentences, options, finish)
    output.line(
        f"{generator.run.run_id}: {generator.checkpoint_name} checkpoint, {generator.images_seen:,} images seen"
    )
    output.line("\n".join(_files(written)))
    output.result({"run": generator.run.run_id, "options": options, "finish": finish.record(), **written})
    return 0


def _anew(
    args: argparse.Namespace,
    named: str | None,
    sentences: Sequence[str],
    options: dict[str, Any],
    finish: "Finish",
) -> tuple["ImageGenerator", dict[str, Any]]:
    """The run that is named, and the files of what it was asked for."""
    from diptych.runs.images.names import FileNames
    from diptych.runs.load import load_generator

    generator = load_generator(str(named), checkpoint=args.checkpoint, trust=args.trust).with_options(options)
    names = FileNames(args.out or generator.run.generated)
    walks = args.walk or args.walk_noise
    way = _edits if args.invert else _walks if walks else _best if args.best_of is not None else _pictures
    return generator, way(args, generator, sentences, finish, names)


def check_controls(args: argparse.Namespace, sentences: Sequence[str]) -> None:
    """Refuse combinations without a meaning, before the run is loaded."""
    from diptych.config.errors import UserError

    walks = args.walk or args.walk_noise
    if args.edits and not sentences:
        raise UserError("--edit needs a sentence to edit: write it before the option")
    if args.edits and walks:
        raise UserError("--edit and --walk do not go together: a walk's sentences are those after the run")
    if args.invert:
        _check_inversion(args, sentences)
    _check_best(args, sentences)
    if args.walk and len(sentences) < 2:
        raise UserError("--walk goes from sentence to sentence: write two, or --walk-noise for other noise of one")
    if args.walk_noise and not args.walk and args.num is not None and args.num < 2:
        raise UserError(f"-n {args.num}: --walk-noise goes from noise to noise: ask for at least two")
    if args.walk and args.num is not None and args.num < 1:
        raise UserError(f"-n {args.num}: ask for at least one walk")
    if args.frames is not None and not walks:
        raise UserError("--frames belongs to --walk and --walk-noise")
    if args.grid and walks:
        raise UserError("--grid belongs to pictures: a walk writes a strip of its frames anyway")
    if args.resample and args.size is None:
        raise UserError("--resample belongs to --size")


def _check_best(args: argparse.Namespace, sentences: Sequence[str]) -> None:
    from diptych.config.errors import UserError

    if args.by is not None and args.best_of is None:
        raise UserError(f"--by {args.by} ranks for --best-of N: write how many")
    if args.best_of is None:
        return
    if args.edits or args.walk or args.walk_noise or args.invert or args.like:
        raise UserError("--best-of keeps the best of many noises: leave --edit, --walk, --invert and --like out")
    if not sentences:
        raise UserError("--best-of ranks pictures by their sentence: write one")


def _check_inversion(args: argparse.Namespace, sentences: Sequence[str]) -> None:
    from diptych.config.errors import UserError
    from diptych.runs.images.pictures import is_readable

    if args.walk or args.walk_noise:
        raise UserError("--invert and --walk do not go together: a picture has one noise")
    if args.num is not None:
        raise UserError("--invert makes one image of the picture's noise for each sentence: leave -n out")
    if len(sentences) > 1:
        raise UserError("--invert wants one sentence, what the picture shows; write the others as --edit")
    if not is_readable(args.invert):
        raise UserError(f"--invert {args.invert}: there is no readable picture")


def finish_of(args: argparse.Namespace) -> "Finish":
    """What is done to the pictures."""
    from diptych.runs.images.finish import Finish, read_crop

    crop = None if args.crop is None else read_crop(args.crop)
    return Finish(crop, args.size, args.resample, args.sharpen, args.contrast)


def _pictures(
    args: argparse.Namespace,
    generator: "ImageGenerator",
    sentences: Sequence[str],
    finish: "Finish",
    names: "FileNames",
) -> dict[str, Any]:
    """Each picture's file and, if asked for, that of the sheet; edits stand below their sentence."""
    from diptych.callbacks.grids import rows_sheet
    from diptych.runs.handles.noise import seeds_for
    from diptych.runs.images.files import sheet_file
    from diptych.systems.image_rngs import seeds_of_rows

    num = PICTURES if args.num is None else args.num
    asked = [(said, sentence) for sentence in sentences for said in (sentence, *args.edits)] or [("", "")]
    keys = [key for _, key in asked]
    noises = max(1, len(sentences))
    seed = seeds_of_rows(seeds_for(args.seed, noises * num), noises, 1 + len(args.edits))
    settings = {"seed": seed, "finish": finish, "allow_unknown": args.allow_unknown}
    with watched(len(asked) * num) as progress:
        pictures = generator.generate(
            [said for said, _ in asked] if sentences else (),
            num_images=num,
            noise_keys=keys,
            progress=progress,
            **settings,
        )
    names.folder.mkdir(parents=True, exist_ok=True)
    entries, rows = [], []
    for place, (said, key) in enumerate(asked):
        row = pictures[place * num : (place + 1) * num]
        rows.append((said, row))
        edited = {"edit_of": key} if said != key else {}
        entries += [entry | edited for entry in entries_of(row, names)]
    if not (args.grid or args.edits):
        return {"images": entries}
    sheet = rows_sheet(rows)
    return {"images": entries, "grid": saved(sheet, sheet_file(sheet, pictures, names))}


def _best(
    args: argparse.Namespace,
    generator: "ImageGenerator",
    sentences: Sequence[str],
    finish: "Finish",
    names: "FileNames",
) -> dict[str, Any]:
    """The files of the best pictures of each sentence, with their scores, and that of the sheet."""
    from diptych.callbacks.grids import rows_sheet
    from diptych.runs.handles.ranking import JUDGE
    from diptych.runs.images.files import sheet_file
    from diptych.runs.images.record import record_of
    from diptych.runs.load import load_partner

    num = 1 if args.num is None else args.num
    by = JUDGE if args.by in (None, JUDGE) else load_partner(args.by, trust=args.trust)
    settings = {"seed": args.seed, "finish": finish, "allow_unknown": args.allow_unknown}
    with watched(len(sentences) * args.best_of) as progress:
        pictures = generator.generate_best(
            sentences, best_of=args.best_of, by=by, num_images=num, progress=progress, **settings
        )
    names.folder.mkdir(parents=True, exist_ok=True)
    entries = [
        entry | {name: record_of(picture).best_of[name] for name in ("score", "scores")}
        for entry, picture in zip(entries_of(pictures, names), pictures, strict=True)
    ]
    written = {"best_of": args.best_of, "by": args.by or JUDGE, "images": entries}
    if not args.grid:
        return written
    sheet = rows_sheet([(said, pictures[i * num : (i + 1) * num]) for i, said in enumerate(sentences)])
    return written | {"grid": saved(sheet, sheet_file(sheet, pictures, names))}


def _edits(
    args: argparse.Namespace,
    generator: "ImageGenerator",
    sentences: Sequence[str],
    finish: "Finish",
    names: "FileNames",
) -> dict[str, Any]:
    """The files of a picture's edits, and of the sheet with the picture above them."""
    import json

    from diptych.callbacks.grids import rows_sheet, to_pil
    from diptych.runs.images.files import named_file
    from diptych.runs.images.record import KEY

    said = [*(sentences or [""]), *args.edits]
    settings = {"seed": args.seed, "finish": finish, "allow_unknown": args.allow_unknown}
    with watched(1 + len(said)) as progress:
        pictures = generator.edit_picture(args.invert, said[0], args.edits, progress=progress, **settings)
    names.folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for sentence, picture in zip(said, pictures, strict=True):
        file = named_file(picture, sentence or args.invert.stem, json.loads(picture.info[KEY]), names)
        entries.append({"sentence": sentence, "file": saved(picture, file)})
    original = finish(to_pil(generator.pixels_of(args.invert)[None])[0])
    rows = [(f"the picture: {said[0]}" if said[0] else "the picture", [original])]
    rows += [(sentence, [picture]) for sentence, picture in zip(["made again", *args.edits], pictures, strict=True)]
    sheet = rows_sheet(rows)
    told = {"sheet": [json.loads(picture.info[KEY]) for picture in pictures]}
    file = named_file(sheet, f"{said[0] or args.invert.stem} edited", told, names)
    return {"inverted": str(args.invert), "images": entries, "grid": saved(sheet, file)}


def _walks(
    args: argparse.Namespace,
    generator: "ImageGenerator",
    sentences: Sequence[str],
    finish: "Finish",
    names: "FileNames",
) -> dict[str, Any]:
    """The files of each walk."""
    from diptych.runs.handles.noise import one_seed
    from diptych.runs.images.walks import save_walk

    seed = one_seed(args.seed)
    settings = {"seed": seed, "finish": finish, "allow_unknown": args.allow_unknown}
    frames = FRAMES if args.frames is None else args.frames
    entries = []
    for said, numbers, keys in _ways(args, sentences):
        with watched((max(len(said), len(numbers)) - 1) * (frames - 1) + 1) as progress:
            pictures = generator.walk(
                said, numbers=numbers, noise_keys=keys, frames=frames, progress=progress, **settings
            )
        names.folder.mkdir(parents=True, exist_ok=True)
        gif, strip = (short(file) for file in save_walk(pictures, names))
        told = {"sentences": list(said), "numbers": numbers, "seed": seed, "frames": len(pictures)}
        entries.append({**told, "gif": gif, "strip": strip})
    return {"walks": entries}


def _ways(
    args: argparse.Namespace, sentences: Sequence[str]
) -> list[tuple[Sequence[str], list[int], Sequence[str] | None]]:
    """Sentences, numbers and noise keys of each walk; None: the noise of the first sentence."""
    if args.walk:
        walks = range(WALKS if args.num is None else args.num)
        return [(sentences, [number], sentences if args.walk_noise else None) for number in walks]
    noises = list(range(NOISES if args.num is None else args.num))
    return [([sentence] if sentence else [], noises, None) for sentence in sentences or [""]]


def _files(written: dict[str, Any]) -> list[str]:
    scored = [(entry["file"], entry.get("score")) for entry in written.get("images", ())]
    pictures = [file if score is None else f"{file}\t{score:.4f}" for file, score in scored]
    walks = [entry[kind] for entry in written.get("walks", ()) for kind in ("gif", "strip")]
    return [*pictures, *walks, *([written["grid"]] if "grid" in written else [])]
