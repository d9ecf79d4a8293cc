"""Search a folder of pictures by sentence or by picture, with a run that embeds both.

The folder is indexed at the first search and brought up to date at every later one: only new and changed files are
read. The index lies in `.diptych` of the folder, or in the cache where that cannot be written to.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_beam, add_checkpoint, add_json, add_run, add_trust
from diptych.cli.output import Output, check_writable, short
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.runs.search import FolderIndex

Answer = tuple[str, list[tuple[str, float]]]
"""A query in words, and the files that were found."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych search` takes."""
    add_run(parser)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="of pictures, with the folders below it")
    parser.add_argument("sentences", metavar="SENTENCE", nargs="*", help='such as "a red circle"')
    parser.add_argument(
        "--like", type=Path, action="append", default=[], metavar="PICTURE", help="what looks like it; repeatable"
    )
    parser.add_argument("--num", type=int, default=10, metavar="N", help="at most so many a query (default: 10)")
    parser.add_argument("--index", action="store_true", help="bring the index up to date, without any query")
    parser.add_argument(
        "--no-update", action="store_true", help="search the index as it is, without looking for new files"
    )
    parser.add_argument("--captions", metavar="RUN", help="a captioner that says what each picture shows, kept as well")
    add_beam(parser)
    parser.add_argument("--saying", metavar="WORD", help="only pictures whose caption has this word (with --captions)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="also write what was found as one picture (.png)")
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "what was found")


def run(args: argparse.Namespace) -> int:
    """Index and search; unreadable files are named, and stop nothing."""
    from diptych.data.caption_files import printable
    from diptych.runs.load import load_captioner, load_embedder
    from diptych.runs.search import FolderIndex

    output = Output(as_json=args.json)
    _check(args)
    embedder = load_embedder(args.run, checkpoint=args.checkpoint, trust=args.trust)
    captioner = load_captioner(args.captions, trust=args.trust) if args.captions else None
    index = FolderIndex(args.folder, embedder, captioner, args.beam)
    counts = {} if args.no_update else _updated(index, output)
    unreadable = [printable(name) for name in index.unreadable]
    if not args.index and not index.pictures:
        raise UserError(f"{args.folder}: no readable pictures in this index{_how_to_fill(args)}")
    answers = _answers(index, args, output)
    for query, found in answers:
        _say(query, found, index, output)
    if args.sheet:
        _write_sheet(args.sheet, answers, index)
        output.line(f"written to {short(args.sheet)}")
    results = [{"query": query, "results": [_entry(index, *one) for one in found]} for query, found in answers]
    counted = {"run": embedder.run.run_id, "folder": str(args.folder), "pictures": index.pictures, **counts}
    output.result({**counted, "unreadable": unreadable, "queries": results})
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what makes no sense, before any work."""
    if args.index == bool(args.sentences or args.like):
        raise UserError("name a SENTENCE or --like PICTURE, or --index to bring the index up to date alone")
    if args.index and (args.no_update or args.sheet or args.saying):
        raise UserError("--index finds nothing: leave out --no-update, --sheet and --saying")
    if args.num < 1:
        raise UserError(f"--num {args.num}: ask for at least one picture")
    if args.saying and not args.captions:
        raise UserError("--saying goes with --captions RUN, which says what pictures show")
    if args.sheet:
        check_writable(args.sheet, "--sheet")


def _how_to_fill(args: argparse.Namespace) -> str:
    return "; leave out --no-update, so that it is indexed" if args.no_update else ""


def _updated(index: "FolderIndex", output: Output) -> dict[str, int]:
    from diptych.data.caption_files import printable

    update = index.update(output.track)
    for name in update.unreadable:
        output.warning(f"left out, because it is not a readable image: {printable(name)}")
    output.line(f"{index.pictures:,} pictures indexed: {update.read:,} read now, {update.gone:,} gone since")
    return {"read": update.read, "gone": update.gone}


def _answers(index: "FolderIndex", args: argparse.Namespace, output: Output) -> list[Answer]:
    """What is found for each sentence, then for each picture."""
    import torch

    unknown = index.embedder.unknown_words(args.sentences)
    if unknown:
        output.warning(f"the run never saw {', '.join(unknown)}, and reads each as the same unknown word")
    for picture in args.like:
        if not picture.is_file():
            raise UserError(f"--like {picture}: no such file")
    parts = [index.embedder.sentence_vectors(args.sentences)] if args.sentences else []
    parts += [index.embedder.image_vectors(args.like)] if args.like else []
    if not parts:
        return []
    found = index.search(torch.cat(parts), args.num, args.saying)
    return list(zip([*args.sentences, *map(str, args.like)], found, strict=True))


def _say(query: str, found: Sequence[tuple[str, float]], index: "FolderIndex", output: Output) -> None:
    from diptych.data.caption_files import printable

    output.line(f"\n{query}" if found else f"\n{query}: nothing found")
    for name, score in found:
        said = index.caption_of(name)
        output.line(f"{score:7.3f}  {printable(name)}" + (f"\t{said}" if said is not None else ""))


def _entry(index: "FolderIndex", name: str, score: float) -> dict[str, Any]:
    from diptych.data.caption_files import printable

    said = index.caption_of(name)
    return {"file": printable(name), "score": round(score, 4)} | ({} if said is None else {"caption": said})


def _write_sheet(file: Path, answers: Sequence[Answer], index: "FolderIndex") -> None:
    """A row a query: the pictures as the run sees them, best first."""
    from diptych.callbacks.grids import rows_sheet, to_pil

    def seen(name: str) -> Any:
        return to_pil(index.embedder.pixels_of(index.folder / name)[None])[0]

    rows = [(query, [seen(name) for name, _ in found]) for query, found in answers if found]
    if not rows:
        raise UserError("--sheet: nothing was found, so there is nothing to show")
    rows_sheet(rows).save(file)
