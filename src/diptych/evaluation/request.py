"""What may be asked of a run: on what to evaluate it, and how."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from diptych.config.errors import UserError
from diptych.evaluation.caption_diversity.request import DiversityRequest
from diptych.evaluation.held_out import LEAST
from diptych.evaluation.skills.request import SkillsRequest
from diptych.runs.handles import check_beam

SPLITS = ("val", "test", "train")
REFUSE, SKIP, KEEP = SEEN = ("refuse", "skip", "keep")
"""What becomes of examples that the run was trained on: all is refused, they are left out, or they stay, counted."""
MOST, MOST_SEEDS = 10_000_000, 2**63


@dataclass(frozen=True)
class Request:
    """On what, and how, to evaluate.

    `data` is a data config's name or a folder, None is the run's own; `overrides` set keys of it (`data.root=…`);
    `seen` says what becomes of examples that the run was trained on (`SEEN`). `seed` is that of the generator's noise.
    `features` names the network by which generated images are compared as sets (one of conf/features or a run; None: as
    the run's configuration says), `against` the real images they are held against (`train`, a folder or a file; None:
    other ones of the split), and `force` gives the Fréchet distance even of too few. `skills` are asked of
    generators of a world; None leaves them out. `robustness` asks for the same examples once more, disturbed,
    `diversity` for several captions of each image over temperatures. `sampling` are options of the generator's family
    (`truncation=0.7`), and `captioning` those of captions (`length_power=0.7`), of which `beam` has a field of its own.
    `clip` is the folder of a CLIP that measures captions (None: no CLIPScore).
    """

    data: str | None = None
    split: str = "test"
    num: int = 1000
    seed: int = 0
    beam: int = 1
    overrides: tuple[str, ...] = ()
    seen: str = REFUSE
    features: str | None = None
    force: bool = False
    against: str | None = None
    skills: SkillsRequest | None = field(default_factory=SkillsRequest)
    robustness: bool = False
    diversity: DiversityRequest | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    clip: str | None = None
    captioning: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UserError(f"split={self.split!r}: evaluate on {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
        if self.seen not in SEEN:
            raise UserError(f"seen={self.seen!r}: choose {', '.join(SEEN[:-1])} or {SEEN[-1]}")
        if self.num < LEAST:
            raise UserError(f"num={self.num}: at least two examples are needed, to shuffle them for chance")
        if self.num > MOST:
            raise UserError(f"num={self.num}: give at most {MOST:,}; of finite data that is all there are")
        if not 0 <= self.seed < MOST_SEEDS:
            raise UserError(f"seed={self.seed}: give a whole number from 0 to 2**63 - 1")
        check_beam(self.beam)
        if self.captioning.get("num_captions", 1) != 1:
            raise UserError(f"num_captions={self.captioning['num_captions']}: an evaluation is of one caption an image")
        if other := {"beam", "seed"} & self.captioning.keys():
            raise UserError(f"{other}: an evaluation has arguments of its own for these")

    @property
    def caption_options(self) -> dict[str, Any]:
        """What is asked of captions; those that are drawn have the evaluation's seed."""
        seed = {"seed": self.seed} if self.captioning.get("temperature") else {}
        return {"beam": self.beam, **self.captioning, **seed}

    @property
    def caption_protocol(self) -> dict[str, Any]:
        """The same as entries of a protocol, where the seed has one already."""
        return {"beam": self.beam, **{key: _plain(value) for key, value in self.captioning.items()}}

    @property
    def drawing_options(self) -> dict[str, Any]:
        """What is asked of captions that are drawn at temperatures of their own: all but what `beam` says."""
        return {key: _plain(value) for key, value in self.captioning.items() if key != "temperature"}

    def divided(self, of_captions: Collection[str], of_images: Collection[str]) -> Self:
        """The request with the options of captions in their place; those that images take as well are the images'."""
        moved = {k: v for k, v in self.sampling.items() if k in of_captions and k not in of_images}
        beam = moved.pop("beam", self.beam)
        if self.beam not in (1, beam):
            raise UserError(f"--beam {self.beam} and beam={beam}: give one of them")
        if "seed" in moved:
            raise UserError(f"seed={moved['seed']}: --seed {moved['seed']} is the evaluation's")
        left = {k: v for k, v in self.sampling.items() if k not in of_captions or k in of_images}
        return replace(self, beam=beam, sampling=left, captioning={**self.captioning, **moved})

    @property
    def chosen(self) -> Mapping[str, str]:
        """The options that were not left as usual, each in words; only some benchmarks read them."""
        usual = {
            "beam": (f"beam={self.beam}", self.beam > 1),
            "features": (f"features={self.features}", self.features is not None),
            "force": ("force", self.force),
            "against": (f"against={self.against}", self.against is not None),
            "skills": ("choosing prompts of skills", self.skills not in (None, SkillsRequest())),
            "robustness": ("robustness", self.robustness),
            "clip": (f"clip={self.clip}", self.clip is not None),
            "diversity": ("captions by temperature (diversity)", self.diversity is not None),
            "captioning": (" ".join(f"{k}={v}" for k, v in self.captioning.items()), bool(self.captioning)),
            "sampling": (" ".join(f"{k}={v}" for k, v in self.sampling.items()), bool(self.sampling)),
        }
        return {option: words for option, (words, is_chosen) in usual.items() if is_chosen}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


AS_USUAL = Request()
