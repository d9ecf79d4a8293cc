"""Caption images with a trained run, or several as an ensemble (RUN+RUN): files, or all images in folders.

KEY=VALUE are options of captions: beam=5 searches for the likeliest, temperature=1.0 draws, and min_length, max_length,
block_ngrams, repetition_penalty, suppress, prefix and contains say what captions may be. --score takes the captions
from you and says how likely they are.

`--out` names images as the captions of their folder do, so that `diptych score` takes the file with these captions. The
file grows with the captions; the same command goes on where it was stopped.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_beam, add_checkpoint, add_json, add_run, add_trust
from diptych.cli.attention import Sheets
from diptych.cli.output import Output

if TYPE_CHECKING:
    from diptych.runs.handles import ImageCaptioner
    from diptych.runs.labelling import Labelled, Labels
    from diptych.systems.captioning.captions import Caption, CaptionScore

NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych caption` takes."""
    add_run(parser)
    parser.add_argument(
        "words",
        metavar="PATH|KEY=VALUE",
        nargs="+",
        help="images, or folders of images; and options of captions, such as beam=5 or block_ngrams=2",
    )
    add_beam(parser)
    parser.add_argument(
        "--attention",
        action="store_true",
        help="write a sheet of attention maps for each image, beside --out or into the run folder",
    )
    parser.add_argument("--words", dest="each_word", action="store_true", help="also the probability of each word")
    parser.add_argument(
        "--score",
        dest="sentences",
        action="append",
        default=[],
        metavar="SENTENCE",
        help="in place of captions, the log-probability of this sentence for each image; repeatable",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="also write to this file, which the same call goes on with"
    )
    parser.add_argument(
        "--format",
        metavar="jsonl|csv|coco",
        help="of --out: JSON lines, CSV or COCO's results (default: by the suffix; .json is COCO's)",
    )
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the captions")


def run(args: argparse.Namespace) -> int:
    """Caption all readable files; returns 1 if a file was unreadable."""
    from diptych.data.names import picture_names
    from diptych.runs.labelling import picture_paths
    from diptych.runs.load import load_captioner

    output = Output(as_json=args.json)
    paths, options = paths_and_options(args.words, args.beam)
    check_request(args, options)
    files = picture_paths(paths)
    check_some_readable(files)
    captioner = load_captioner(args.run, checkpoint=args.checkpoint, trust=args.trust)
    captioner.caption_options(**options)
    check_words(captioner, args)
    side = captioner.image_size
    output.warning(f"images are resized to the model's size, {side} x {side} pixels")
    named = zip(map(Path, files), picture_names(paths, files), strict=True)
    if args.sentences:
        return _score(captioner, named, args, output)
    with _labels(args, captioner, paths, options) as labels:
        return _caption(captioner, _Request(args, options, len(files)), named, labels, output)


def paths_and_options(words: Sequence[str], beam: int) -> tuple[list[Path], dict[str, Any]]:
    """The paths and the options among the words; a word that names a file is a path."""
    from diptych.config.errors import UserError
    from diptych.runs.sampling_options import separated
    from diptych.systems.captioning.options import TEXTS

    existing = {word for word in words if Path(word).exists()}
    paths, options = separated((word for word in words if word not in existing), TEXTS)
    if beam != 1 and options.setdefault("beam", beam) != beam:
        raise UserError(f"--beam {beam} and beam={options['beam']}: give one of them")
    if not (existing or paths):
        raise UserError("no picture to caption: name files or folders of pictures")
    return [Path(word) for word in words if word in existing or word in paths], options


def check_request(args: argparse.Namespace, options: dict[str, Any]) -> None:
    """Refuse what has no meaning together, and what no captioner can do, before the run is loaded."""
    from diptych.config.errors import UserError
    from diptych.runs.handles import check_beam
    from diptych.runs.labelling import check_holds, format_of

    check_beam(args.beam)
    if isinstance(beam := options.get("beam", 1), int):
        check_beam(beam)
    if args.format and not args.out:
        raise UserError(f"--format {args.format} belongs to --out: name a file")
    if args.out:
        several = {f"num_captions={number}": number != 1 for number in [options.get("num_captions", 1)]}
        check_holds(format_of(args.out, args.format), several | {"--words": args.each_word})
    given = {"--out": args.out, "--attention": args.attention, "--words": args.each_word, **options}
    if args.sentences and (ignored := [name for name, value in given.items() if value]):
        raise UserError(f"--score says how likely a given sentence is: leave {ignored[0]} out")


def check_words(captioner: "ImageCaptioner", args: argparse.Namespace) -> None:
    """Refuse probabilities of words of a captioner that has none."""
    from diptych.config.errors import UserError

    if args.each_word and not captioner.weighs_words:
        raise UserError(
            f"--words: {type(captioner.system).__name__} gives no probabilities of words; leave --words out"
        )


def check_some_readable(files: Sequence[str]) -> None:
    """Refuse files of which none is a picture; it looks no further than the first that is one."""
    from diptych.config.errors import UserError
    from diptych.runs.images.pictures import is_readable

    if not any(is_readable(Path(file)) for file in files):
        more = ", …" if len(files) > NAMED else ""
        raise UserError(f"nothing here decodes as a picture: {', '.join(files[:NAMED])}{more}")


class _Request:
    """What is asked for, and of how many files."""

    def __init__(self, args: argparse.Namespace, options: dict[str, Any], num_files: int) -> None:
        self.args, self.options, self.num_files = args, options, num_files


def _labels(
    args: argparse.Namespace, captioner: "ImageCaptioner", paths: Sequence[Path], options: dict[str, Any]
) -> "AbstractContextManager[Labels | None]":
    """The file of --out, with what an earlier call of the same request has left there."""
    from diptych.runs.labelling import Labels, format_of

    if args.out is None:
        return nullcontext()
    request = {
        "run": captioner.run.run_id,
        "weights": captioner.digest,
        "options": {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()},
        "paths": sorted(str(path.absolute()) for path in paths),
        "words": args.each_word,
        "attention": args.attention,
    }
    return Labels.begun(args.out, format_of(args.out, args.format), request)


def _caption(
    captioner: "ImageCaptioner",
    request: _Request,
    named: Iterator[tuple[Path, Any]],
    labels: "Labels | None",
    output: Output,
) -> int:
    from diptych.data.caption_files import printable
    from diptych.runs.labelling import captioned_files

    args, entries, skipped = request.args, [], []
    already = 0 if labels is None else len(labels)
    if labels is not None and already:
        output.warning(f"{args.out} has {already:,} captions of this request already: going on after them")
        named = ((file, name) for file, name in named if not labels.has(name.columns()))
    sheets = Sheets.of(args, captioner, output, request.options)
    with output.bar("captions", request.num_files - already) as advance:
        for batch in captioned_files(captioner, named, request.options):
            lines = []
            for one, caption in ((one, one.caption) for one in batch if one.caption is not None):
                lines.append(_entry(one, caption, args.each_word))
                _say(lines[-1], caption, args.each_word, output)
                if sheets:
                    lines[-1]["attention"] = sheets.write(one.file, caption)
            if labels is not None:
                labels.write(lines)
            for one in batch:
                if one.caption is None:
                    skipped.append(printable(str(one.file)))
                    output.warning(f"skipped, because it is not a readable image: {skipped[-1]}")
            entries += lines if args.json else []
            advance(len(batch))
    if labels is not None:
        labels.finish()
    output.result({"run": captioner.run.run_id, "captions": entries, "skipped": skipped, "already": already})
    return 1 if skipped else 0


def _entry(one: "Labelled", caption: "Caption", each_word: bool) -> dict[str, Any]:
    """The caption of a file as JSON."""
    from diptych.data.caption_files import printable

    entry = one.name.columns() | {**_told(caption, each_word), "file": printable(str(one.file))}
    if caption.alternatives:
        entry["alternatives"] = [_told(other, each_word) for other in caption.alternatives]
    if caption.lacks:
        entry["lacks"] = list(caption.lacks)
    return entry


def _told(caption: "Caption", each_word: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"caption": caption.text, "score": round(caption.score, 4)}
    if each_word:
        told["words"] = [
            {"word": word, "probability": round(probability, 4)}
            for word, probability in zip(caption.words, caption.probabilities, strict=True)
        ]
    return told


def _say(line: dict[str, Any], caption: "Caption", each_word: bool, output: Output) -> None:
    """A line with the caption, and one for each of its alternatives."""
    for place, said in enumerate((caption, *caption.alternatives)):
        text = said.text
        if each_word:
            text = " ".join(f"{word}({p:.2f})" for word, p in zip(said.words, said.probabilities, strict=True))
        output.line(f"{line['file'] if place == 0 else ''}\t{text}")
    if caption.lacks:
        output.warning(f"{line['file']}: no caption with {', '.join(map(repr, caption.lacks))} was found; widen beam=…")


def _score(
    captioner: "ImageCaptioner", named: Iterator[tuple[Path, Any]], args: argparse.Namespace, output: Output
) -> int:
    """How likely each given sentence is for each image."""
    from diptych.data.caption_files import printable
    from diptych.runs.images.pictures import is_readable

    for word in captioner.unknown_words(args.sentences):
        output.warning(f"this run never saw {word!r}: it is scored as <unk>")
    entries, skipped = [], []
    for file, name in named:
        shown = printable(str(file))
        if not is_readable(file):
            skipped.append(shown)
            output.warning(f"skipped, because it is not a readable image: {shown}")
            continue
        for score in next(iter(captioner.scores([file], args.sentences))):
            output.line(f"{shown}\t{score.text}\t{score.log_prob:.4f}\t{_tokens_line(score)}")
            entries.append(name.columns() | _scored(score) | {"file": shown})
    output.result({"run": captioner.run.run_id, "scores": entries, "skipped": skipped})
    return 1 if skipped else 0


def _tokens_line(score: "CaptionScore") -> str:
    return " ".join(f"{token}({value:.2f})" for token, value in zip(score.tokens, score.log_probs, strict=True))


def _scored(score: "CaptionScore") -> dict[str, Any]:
    tokens = zip(score.tokens, score.log_probs, strict=True)
    return {
        "sentence": score.text,
        "log_prob": round(score.log_prob, 4),
        "score": round(score.score, 4),
        "tokens": [{"token": token, "log_prob": round(value, 4)} for token, value in tokens],
    }
