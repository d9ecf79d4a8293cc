"""Measure runs on held-out data: how often what they generate or caption is right, and a generator's skills one by one.

With --with, cycle consistency with a captioner, a classifier's agreement with the judge, or R-precision by an
embedding; with --robustness, the same examples disturbed; with --benchmark, whatever a class of your own measures.
FOLDER --against FOLDER compares pictures of any origin as sets.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_beam, add_checkpoint, add_json, add_runs, add_trust, given_options
from diptych.cli.output import Output, check_writable, short
from diptych.cli.terminal.layout import terminal_width, wrapped

if TYPE_CHECKING:
    from diptych.evaluation.caption_diversity.request import DiversityRequest
    from diptych.evaluation.skills.request import SkillsRequest


DIVERSITY = 5
"""Captions of an image, where --diversity does not say how many."""
OF_FOLDERS = ("words", "features", "seed", "force", "against", "save_statistics", "trust", "json")
"""What may be asked of a folder of pictures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych evaluate` takes."""
    add_runs(
        parser,
        "words",
        "RUN|SWEEP|FOLDER|KEY=VALUE",
        ", or sweeps; folders of pictures, with --against; what to set in the data: data.root=FOLDER; sampling "
        "options: truncation=0.7; options of captions: length_power=0.7; RUN+RUN is an ensemble of captioners",
    )
    parser.add_argument("--data", metavar="D", help="such as digits, or a folder of pictures (default: the run's own)")
    parser.add_argument(
        "--split",
        choices=("val", "test", "train"),
        default="test",
        help="default: %(default)s; a folder of pictures without splits of its own is taken whole",
    )
    parser.add_argument("--num", type=int, default=1000, metavar="N", help="at most so many (default: %(default)s)")
    parser.add_argument(
        "--seen",
        choices=("refuse", "skip", "keep"),
        default="refuse",
        help="examples that the run was trained on: refuse all, skip them, or keep and count them (default: refuse)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the generator's noise (default: 0)")
    add_beam(parser)
    parser.add_argument(
        "--with",
        dest="partners",
        action="append",
        default=[],
        metavar="RUN",
        help="a captioner, for cycle consistency, a classifier, for its agreement with the judge, or an embedding, for "
        "R-precision; repeatable",
    )
    parser.add_argument("--features", metavar="NAME|RUN", help="compares sets of pictures: random, inception, or a run")
    parser.add_argument(
        "--against",
        metavar="train|FOLDER|FILE",
        help="the real pictures of these sets: the training split, a folder, or a file of --save-statistics",
    )
    parser.add_argument("--save-statistics", type=Path, metavar="FILE", help="save the pictures of --against (.npz)")
    parser.add_argument("--force", action="store_true", help="the Fréchet distance even below ten pictures a dimension")
    parser.add_argument("--clip", metavar="FOLDER", help="a CLIP of transformers, for CLIPScore of captions")
    _add_skills(parser)
    parser.add_argument(
        "--robustness", action="store_true", help="paraphrases, typos, noise, blur, …, each paired with the clean case"
    )
    _add_diversity(parser)
    parser.add_argument(
        "--benchmark",
        dest="benchmarks",
        action="append",
        default=[],
        metavar="CLASS",
        help="package.module.Class of your own, measured as well (with --trust package); repeatable",
    )
    add_checkpoint(parser)
    add_trust(parser)
    add_json(parser, "the results")


def _add_diversity(parser: argparse.ArgumentParser) -> None:
    """Declare how drawn captions are asked for."""
    parser.add_argument(
        "--diversity",
        type=int,
        nargs="?",
        const=DIVERSITY,
        metavar="M",
        help="M captions of each image at each temperature: exactness against diversity (default: 5)",
    )
    parser.add_argument("--temperatures", metavar="T,T,…", help="with --diversity (default: 0.25 to 1.5)")


def _add_skills(parser: argparse.ArgumentParser) -> None:
    """Declare how a generator's skills are asked for."""
    parser.add_argument("--no-skills", action="store_true", help="leave a generator's skills out")
    parser.add_argument("--num-prompts", type=int, metavar="N", help="prompts of each skill (default: 250)")
    parser.add_argument("--images-per-prompt", type=int, metavar="N", help="pictures of each prompt (default: 1)")
    parser.add_argument(
        "--full-sentences", action="store_true", default=None, help="ask for the skills in complete sentences"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate one run after the other."""
    from diptych.cli.terminal.skills_table import skills_table
    from diptych.cli.terminal.tables import evaluation_table
    from diptych.evaluation.evaluate import evaluate, report_to_trackers
    from diptych.evaluation.request import Request
    from diptych.evaluation.suite import with_own
    from diptych.runs.folder.find import default_outputs, spread
    from diptych.runs.load import load, load_partner
    from diptych.runs.sampling_options import separated
    from diptych.systems.captioning.options import TEXTS

    output = Output(as_json=args.json)
    words, overrides = runs_and_overrides(args.words)
    runs, sampling = separated(words, TEXTS)
    check_statistics(args)
    if folders := picture_folders(runs):
        check_goes_with_folders(args, folders[0], (*overrides, *(f"{key}={value}" for key, value in sampling.items())))
        output.result({"evaluations": [_folder(Path(name), args, output) for name in folders]})
        return 0
    request = Request(
        data=args.data,
        split=args.split,
        num=args.num,
        seed=args.seed,
        beam=args.beam,
        overrides=overrides,
        seen=args.seen,
        features=args.features,
        force=args.force,
        against=args.against,
        skills=skills_request(args),
        robustness=args.robustness,
        diversity=diversity_request(args),
        sampling=sampling,
        clip=args.clip,
    )
    benchmarks = with_own(args.benchmarks, args.trust)
    partners = [load_partner(name, trust=args.trust) for name in args.partners]
    written = []
    for name in spread(runs, default_outputs()):
        handle = load(name, checkpoint=args.checkpoint, trust=args.trust)
        said = f"{handle.checkpoint_name} checkpoint, {handle.images_seen:,} images seen"
        output.line("\n".join(wrapped(f"{handle.run.experiment} {handle.run.run_id}: {said}", terminal_width())))
        results = evaluate(
            handle, request, partners=partners, benchmarks=benchmarks, trust=args.trust, track=output.track
        )
        for kept in results:
            table = skills_table if any(figure.score for figure in kept.evaluation.figures) else evaluation_table
            output.line(table(kept.evaluation))
            output.line(f"written to {short(kept.path)}\n")
            written.append({"file": str(kept.path), **kept.evaluation.to_dict()})
        if args.save_statistics and (real := results[0].real_set):
            output.line(f"statistics written to {short(real.save(args.save_statistics))}")
        for line in report_to_trackers(handle, results, request, args.trust):
            output.line(line)
    output.result({"evaluations": written})
    return 0


def check_statistics(args: argparse.Namespace) -> None:
    """Check before the work that --save-statistics has something to save and is writable."""
    from diptych.config.errors import UserError

    if args.save_statistics is None:
        return
    if args.against is None:
        raise UserError("--save-statistics saves the real pictures of --against: name them (train, a folder)")
    check_writable(args.save_statistics, "--save-statistics")


def picture_folders(names: Sequence[str]) -> list[str]:
    """The folders of pictures among the names; runs may not stand beside them."""
    from diptych.config.errors import UserError
    from diptych.evaluation.picture_sets import is_picture_folder

    folders = [name for name in names if is_picture_folder(name)]
    if folders and len(folders) < len(names):
        raise UserError(f"{folders[0]} is a folder of pictures, and others are runs: evaluate them one after the other")
    return folders


def check_goes_with_folders(args: argparse.Namespace, folder: str, words: Sequence[str]) -> None:
    """Refuse what is said of runs alone; `words` are the KEY=VALUE of the command."""
    from diptych.config.errors import UserError

    ignored = [*words, *(flag for dest, flag in given_options(args, add_arguments).items() if dest not in OF_FOLDERS)]
    if ignored:
        raise UserError(f"{ignored[0]} goes with runs, and {folder} is a folder of pictures: leave it out")


def _folder(folder: Path, args: argparse.Namespace, output: Output) -> dict[str, Any]:
    """A folder of pictures against others."""
    from diptych.cli.terminal.tables import evaluation_table
    from diptych.config.errors import UserError
    from diptych.evaluation.picture_sets import compare_folder

    if args.against is None:
        raise UserError(f"{folder} is a folder of pictures: --against FOLDER holds it against another, or name a run")
    asked = {"features": args.features, "seed": args.seed, "force": args.force}
    evaluation, real = compare_folder(folder, args.against, track=output.track, **asked)
    output.line(f"{evaluation.notes[0]}\n{evaluation_table(evaluation)}")
    if args.save_statistics:
        output.line(f"statistics written to {short(real.save(args.save_statistics))}")
    return evaluation.to_dict()


def skills_request(args: argparse.Namespace) -> "SkillsRequest | None":
    """How to ask for skills, or None to leave them out; not both."""
    from diptych.config.errors import UserError
    from diptych.evaluation.skills.request import SkillsRequest

    names = ("num_prompts", "images_per_prompt", "full_sentences")
    chosen = {name: value for name in names if (value := getattr(args, name)) is not None}
    if not args.no_skills:
        return SkillsRequest(**chosen)
    if chosen:
        flags = ", ".join("--" + name.replace("_", "-") for name in chosen)
        raise UserError(f"--no-skills leaves the skills out, and {flags} says how to ask for them: drop one of the two")
    return None


def diversity_request(args: argparse.Namespace) -> "DiversityRequest | None":
    """How to sample captions, or None to leave it out."""
    from diptych.config.errors import UserError
    from diptych.evaluation.caption_diversity.request import TEMPERATURES, DiversityRequest

    if args.diversity is None:
        if args.temperatures is not None:
            raise UserError("--temperatures says at what to sample captions: add --diversity")
        return None
    try:
        said = [float(word) for word in args.temperatures.split(",")] if args.temperatures else TEMPERATURES
    except ValueError:
        raise UserError(f"--temperatures {args.temperatures}: give numbers, such as 0.5,1,1.5") from None
    return DiversityRequest(args.diversity, said)


def runs_and_overrides(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The words that name runs, and those that set a key of the data."""
    from diptych.config.datasets import PREFIX
    from diptych.config.errors import UserError

    overrides = tuple(word for word in words if word.startswith(PREFIX) and "=" in word)
    runs = [word for word in words if word not in overrides]
    if not runs:
        raise UserError(f"{' '.join(overrides)} says on what to evaluate: name a RUN as well")
    return runs, overrides
