"""Score captions against references: BLEU, ROUGE-L and CIDEr-D as in coco-caption, and diversity.

Files are those that a folder of images may have (docs/caption_files.md): COCO's captions or results, JSON lines, CSV,
objects from ids to captions, Flickr8k's lines. METEOR and SPICE use their own Java programs if these are installed.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_json
from diptych.cli.output import Output, check_writable
from diptych.cli.terminal.layout import terminal_width, wrapped
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.evaluation.scoring import Scored
    from diptych.evaluation.wins import Beside

LABELS = {
    **{f"bleu_{n}": f"BLEU-{n}" for n in (1, 2, 3, 4)},
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
    "meteor": "METEOR",
    "spice": "SPICE",
    "distinct_1": "distinct-1",
    "distinct_2": "distinct-2",
    "self_bleu": "self-BLEU",
    "vocabulary_size": "vocabulary size",
    "mean_length": "mean length",
    "novel": "novel",
    "bad_ending_rate": "bad-ending rate",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych score` takes."""
    parser.add_argument("predictions", metavar="PREDICTIONS", type=Path, help="one caption per image")
    parser.add_argument("references", metavar="REFERENCES", type=Path, help="one or more captions per image")
    parser.add_argument(
        "--language",
        metavar="L",
        help="a code such as en, de, or zh (by characters), or several as en,zh; default: guessed from REFERENCES",
    )
    parser.add_argument(
        "--df",
        default="evaluated",
        metavar="FILE|evaluated",
        help="the document frequency of CIDEr-D: of REFERENCES (default: evaluated), of a file of captions such as a "
        "training set's, or of a file that --save-df wrote",
    )
    parser.add_argument(
        "--save-df", type=Path, metavar="FILE", help="save the document frequency for --df (.json, .json.gz)"
    )
    parser.add_argument("--train", type=Path, metavar="FILE", help="training captions, to count novel captions")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="other predictions: on how many pictures are these better?"
    )
    parser.add_argument("--predicted-only", action="store_true", help="leave out images without a prediction")
    parser.add_argument("--no-java", action="store_true", help="leave out METEOR and SPICE even if they are installed")
    parser.add_argument(
        "--java-seconds", type=float, default=900.0, metavar="S", help="their time limit (default: 900)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the bootstrap intervals (default: 0)")
    add_json(parser, "the scores")


def run(args: argparse.Namespace) -> int:
    """Score one file against the other."""
    from diptych.evaluation.scoring import ScoreRequest, score_files

    output = Output(as_json=args.json)
    if args.save_df:
        _check_save_df(args)
    request = ScoreRequest(
        args.predictions,
        args.references,
        args.language,
        args.df,
        args.train,
        predicted_only=args.predicted_only,
        java=not args.no_java,
        java_limit_seconds=args.java_seconds,
        seed=args.seed,
        against=args.against,
    )
    scored = score_files(request, output.track)
    output.line(table(scored))
    if args.save_df:
        scored.frequency.save(args.save_df)
        output.line(f"document frequency written to {args.save_df}")
    output.result(scored.to_dict())
    return 0


def _check_save_df(args: argparse.Namespace) -> None:
    """Check before the work that --save-df is writable and is none of the inputs."""
    check_writable(args.save_df, "--save-df")
    for path in filter(None, (args.predictions, args.references, args.against, args.train, Path(args.df))):
        if args.save_df.resolve() == path.resolve():
            raise UserError(f"--save-df {args.save_df} would write over a file that is read: name another")


def table(scored: "Scored") -> str:
    """The protocol, one line per metric, and the reasons for missing ones."""
    facts, width = scored.protocol, terminal_width()
    said = (
        f"{facts['pictures']:,} pictures, {facts['captions']:,} references; {facts['language']}, "
        f"tokens: {facts['tokenizer']}; document frequency: {facts['document_frequency']}"
    )
    lines = [*wrapped(said, width), f"{'':<30}{'value':>10}{'95 % interval':>22}"]
    lines += [_line(name, scored) for name in LABELS if name in scored.values]
    for name, reason in scored.reasons.items():
        lines += wrapped(f"{LABELS[name]}: {reason}", width, first="  ", then="    ")
    return "\n".join([*lines, *(_beside(scored.beside) if scored.beside else ())])


def _beside(beside: "Beside") -> list[str]:
    """Picture by picture; the share of wins counts equal pictures half."""
    lines = ["", f"against {beside.predictions}", f"{'':<12}{'better':>9}{'equal':>9}{'worse':>9}{'wins':>10}"]
    lines[-1] += f"{'95 % interval':>18}{'p':>10}"
    for name, wins in beside.wins.items():
        low, high = wins.interval.ends
        ends = f"{100 * low:.1f} to {100 * high:.1f}"
        counts = f"{wins.better:>9,}{wins.equal:>9,}{wins.worse:>9,}{100 * wins.rate:>8.1f} %"
        lines.append(f"{LABELS[name]:<12}{counts}{ends:>18}{wins.p:>10.2g}")
    first, second = beside.mean_lengths
    return [*lines, f"words a caption: {first:.2f}, against {second:.2f}"]


def _line(name: str, scored: "Scored") -> str:
    """As in the tables of `diptych evaluate`: shares in per cent, the others as they are."""
    from diptych.metrics.captions.units import is_share

    value, interval = scored.values[name], scored.intervals.get(name)
    times, digits, unit = (100, 2, " %") if is_share(name) else (1, 4, "")
    shown = "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{times * value:.{digits}f}{unit}"
    ends = " to ".join(f"{times * end:.{digits}f}" for end in interval.ends) if interval else "-"
    return f"{LABELS[name]:<30}{shown:>10}{ends:>22}"
