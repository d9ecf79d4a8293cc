"""The embedded world: scenes, sentences and pixels, with exact conversions between them."""

from diptych.world.constraints import Comparison, Constraints, Mention, Relation
from diptych.world.grammar import Grammar, meaning
from diptych.world.holdouts import HoldOut, hold_out_named
from diptych.world.judging.judge import ASPECTS, REASONS, Judge, Verdict, judge_accuracy, judge_fresh
from diptych.world.judging.limits import JUDGE_VERSION
from diptych.world.judging.readings import Evidence, Reading
from diptych.world.language import languages
from diptych.world.relations import relation_between
from diptych.world.renderer import SceneTensors, render, render_tensors
from diptych.world.sampling import sample_scene
from diptych.world.spec import COLOURS, INVERSE, PALETTE, RELATIONS, SHAPES, SIZES, WorldSpec
from diptych.world.splits import SPLITS, Split, belongs, canonical, scene_at, split_of

__all__ = [
    "ASPECTS",
    "COLOURS",
    "INVERSE",
    "JUDGE_VERSION",
    "PALETTE",
    "REASONS",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "SPLITS",
    "Comparison",
    "Constraints",
    "Evidence",
    "Grammar",
    "HoldOut",
    "Judge",
    "Mention",
    "Reading",
    "Relation",
    "SceneTensors",
    "Split",
    "Verdict",
    "WorldSpec",
    "belongs",
    "canonical",
    "hold_out_named",
    "judge_accuracy",
    "judge_fresh",
    "languages",
    "meaning",
    "relation_between",
    "render",
    "render_tensors",
    "sample_scene",
    "scene_at",
    "split_of",
]
