"""`diptych generate --like PICTURE`: the image again, or another sentence of its noise, seed and options."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diptych.cli.pictures import entries_of, watched

if TYPE_CHECKING:
    from diptych.runs.handles import ImageGenerator
    from diptych.runs.images.finish import Finish

INSTEAD = {
    "num": "-n: a picture has one noise",
    "edits": "--edit: write the other sentence in place of it",
    "invert": "--invert: the noise is that of the picture's record",
    "walk": "--walk",
    "walk_noise": "--walk-noise",
    "frames": "--frames",
}
"""What has no meaning beside --like, and what there is in place of it."""


def run_and_words(args: argparse.Namespace) -> tuple[str | None, list[str]]:
    """The run and the words after it; with --like, a first word that names no run is a sentence."""
    from diptych.config.errors import UserError
    from diptych.runs.images.origin import names_run

    if args.like is None and args.run is None:
        raise UserError("name the run that generates: a run folder, a run id or its beginning, or latest")
    if args.like is None or args.run is None or names_run(args.run):
        return args.run, args.words
    return None, [args.run, *args.words]


def check_like(args: argparse.Namespace) -> None:
    """Refuse what would not follow the picture."""
    from diptych.config.errors import UserError

    given = [text for name, text in INSTEAD.items() if getattr(args, name) not in (None, False, [])]
    if args.seed != 0:
        given.append("--seed: the seed is the picture's")
    if args.like is not None and given:
        raise UserError(f"--like does not go together with {given[0]}")


def pictures_like(
    args: argparse.Namespace,
    named: str | None,
    sentences: Sequence[str],
    options: Mapping[str, Any],
    finish: "Finish",
) -> tuple["ImageGenerator", dict[str, Any]]:
    """The run that made the picture, and the files; what is asked of options and finish goes before the record's."""
    from diptych.runs.images.finish import Finish
    from diptych.runs.images.names import FileNames
    from diptych.runs.images.origin import generator_of
    from diptych.runs.images.record import record_of

    record = record_of(args.like)
    asked = {name: value for name, value in vars(finish).items() if value is not None}
    settings = {"finish": replace(Finish.of_record(record.finish), **asked), "allow_unknown": args.allow_unknown}
    generator = generator_of(record, named, checkpoint=args.checkpoint, trust=args.trust)
    with watched(max(1, len(sentences))) as progress:
        pictures = generator.generate_like(record, sentences, progress=progress, **settings, **options)
    names = FileNames(args.out or generator.run.generated)
    names.folder.mkdir(parents=True, exist_ok=True)
    return generator, {"like": str(args.like), "images": entries_of(pictures, names)}
