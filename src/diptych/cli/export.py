"""Export a run: a folder that generates or captions without the run and without what trained it.

It holds the networks that generate or caption, with averaged weights where the run keeps them, one JSON that says what
they are, and a model card with the figures that were measured. `diptych.load(FOLDER)`, and every command that takes a
run to generate or caption, reads it.
"""

import argparse
from pathlib import Path
from typing import Any

from diptych.cli.arguments import add_checkpoint, add_json, add_run, add_trust
from diptych.cli.output import Output, short

FORMATS = ["safetensors", "onnx"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych export` takes."""
    add_run(parser)
    where = "a new or empty folder, or an earlier export of this run, whose files are replaced"
    parser.add_argument("--to", choices=FORMATS, default=FORMATS[0], help="the format (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help=where)
    parser.add_argument("--license", default="", metavar="TEXT", help="the model's license, for the model card")
    parser.add_argument("--data-license", default="", metavar="TEXT", help="the data's license, for the model card")
    parser.add_argument("--intended-use", default="", metavar="TEXT", help="for the model card")
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the folder, its sizes and times")


def run(args: argparse.Namespace) -> int:
    """Write the folder, and say what is not in it and how it compares with the checkpoint."""
    from diptych.reports.export.card import CardFacts, model_card
    from diptych.reports.export.comparison import compared
    from diptych.reports.export.figures import evaluations_of, plain_figures
    from diptych.reports.export.formats import FORMATS
    from diptych.runs.bundle.writing import check_place
    from diptych.runs.load import load

    output, to, out = Output(as_json=args.json), FORMATS[args.to], args.out.expanduser()
    handle: Any = load(args.run, checkpoint=args.checkpoint, trust=args.trust)
    check_place(out, handle.run.run_id)
    evaluations = evaluations_of(handle)
    facts = CardFacts(args.license, args.data_license, args.intended_use)
    card = model_card(handle, evaluations, facts, to.usage)
    written = to.write(handle, out, card, plain_figures(evaluations))
    left_out = written.get("left_out", {})
    if left_out:
        output.warning("not exported: " + "; ".join(f"{name} ({reason})" for name, reason in left_out.items()))
    told = compared(handle.checkpoint, out, to, trust=handle.trust)
    for line in told.lines():
        output.line(line)
    output.line(short(out))
    output.result({"export": str(out), "left_out": left_out, **told.values()})
    return 0
