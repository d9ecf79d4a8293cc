"""What may be asked of a run: on what to evaluate it and how, and what is refused rather than ignored."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych.config.errors import UserError
from diptych.evaluation.classification.paired_readings import check_agreement
from diptych.evaluation.held_out import LEAST, HeldOut
from diptych.evaluation.skills.skills import SkillsRequest
from diptych.runs.load import Handle, ImageCaptioner, ImageClassifier, ImageGenerator, check_beam
from diptych.world.skills import skills_of

SPLITS = ("val", "test")
MOST, MOST_SEEDS = 10_000_000, 2**63


@dataclass(frozen=True)
class Request:
    """On what, and how, to evaluate.

    `data` is a data config's name or a folder, None is the run's own; `overrides` set keys of it (`data.root=…`);
    `seed` is that of the generator's noise. `features` names the network by which generated images are compared as
    sets (one of conf/features or a run; None: as the run's configuration says), and `force` gives the Fréchet distance
    even of too few. `skills` are asked of generators of a world; None leaves them out. `robustness` asks for the same
    examples once more, disturbed.
    """

    data: str | None = None
    split: str = "test"
    num: int = 1000
    seed: int = 0
    beam: int = 1
    overrides: tuple[str, ...] = ()
    features: str | None = None
    force: bool = False
    skills: SkillsRequest | None = field(default_factory=SkillsRequest)
    robustness: bool = False

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UserError(f"split={self.split!r}: evaluate on {' or '.join(SPLITS)}")
        if self.num < LEAST:
            raise UserError(f"num={self.num}: at least two examples are needed, to shuffle them for the floor")
        if self.num > MOST:
            raise UserError(f"num={self.num}: give at most {MOST:,}; of finite data that is all there are")
        if not 0 <= self.seed < MOST_SEEDS:
            raise UserError(f"seed={self.seed}: give a whole number from 0 to 2**63 - 1")
        check_beam(self.beam)


AS_USUAL = Request()


def refuse_what_would_be_ignored(
    handle: ImageGenerator | ImageCaptioner | ImageClassifier,
    request: Request,
    partners: Sequence[ImageCaptioner | ImageClassifier],
) -> None:
    """Whatever is asked for and could not change anything of such a run."""
    if isinstance(handle, ImageGenerator):
        if request.beam > 1 and not any(isinstance(partner, ImageCaptioner) for partner in partners):
            raise UserError(f"{handle.run.run_id} generates; beam={request.beam} goes with a captioner (--with)")
        return
    of_generators = {
        "another run (--with)": bool(partners),
        f"features={request.features}": request.features is not None,
        "force": request.force,
        "choosing prompts of skills": request.skills not in (None, SkillsRequest()),
    }
    of_classifiers = {"robustness": request.robustness, f"beam={request.beam}": request.beam > 1}
    does = "tells" if isinstance(handle, ImageCaptioner) else "classifies"
    _refuse(f"{handle.run.run_id} {does}", "a generator", of_generators)
    if isinstance(handle, ImageClassifier):
        _refuse(f"{handle.run.run_id} {does}", "generators and captioners", of_classifiers)


def _refuse(who: str, whose: str, asked: dict[str, bool]) -> None:
    for what in (name for name, is_asked in asked.items() if is_asked):
        raise UserError(f"{who}; {what} goes with {whose}")


def check_exact(handle: Handle, held_out: HeldOut) -> None:
    """Refuse to disturb what nobody can judge."""
    if held_out.world is None or (isinstance(handle, ImageGenerator) and handle.system.text_encoder is None):
        raise UserError(
            f"robustness: {handle.run.run_id} on {held_out.name} cannot be judged exactly; it takes sentences and a "
            "world of scenes (leave out --robustness)"
        )


def has_skills(handle: ImageGenerator, held_out: HeldOut) -> bool:
    """Whether skills can be asked for: the generator takes sentences, and the data's world has room for any."""
    return handle.system.text_encoder is not None and held_out.world is not None and bool(skills_of(held_out.world))


def check_skills(handle: ImageGenerator, request: Request, held_out: HeldOut) -> None:
    """Refuse to choose prompts of skills that nobody is asked for."""
    if request.skills not in (None, SkillsRequest()) and not has_skills(handle, held_out):
        raise UserError(
            f"{handle.run.run_id} on {held_out.name} has no skills to choose prompts of; they take a generator of "
            "sentences and a world of scenes (leave out --num-prompts, --images-per-prompt and --full-sentences)"
        )


def check_partners(
    handle: ImageGenerator, partners: Sequence[ImageCaptioner | ImageClassifier], held_out: HeldOut
) -> None:
    """Refuse those that cannot answer, before anything is generated."""
    if partners and handle.system.text_encoder is None:
        raise UserError(
            f"{handle.run.run_id} generates without sentences: there is nothing that another run could find again "
            "(leave out --with)"
        )
    for partner in partners:
        if isinstance(partner, ImageClassifier):
            check_agreement(partner, held_out)
