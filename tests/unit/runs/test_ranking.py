"""Images ranked by their sentence: the judge's score is right, and what cannot rank is refused."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest
from letters import SPEC

from diptych.callbacks.grids import to_pil
from diptych.config import UserError
from diptych.runs.handles.judge_ranking import JudgeRanking
from diptych.runs.handles.ranking import LikelihoodRanking
from diptych.world import Grammar, WorldSpec, render, sample_scene

WORLD = WorldSpec(side=32)


@pytest.fixture(scope="module")
def judge() -> JudgeRanking:
    return JudgeRanking(replace(SPEC, world=WORLD.to_dict(), languages=("en",)))


def test_the_judge_gives_what_the_sentence_says_the_best_score(judge):
    rng = Random(0)
    scenes = [sample_scene(WORLD, rng) for _ in range(6)]
    pictures = to_pil(render(scenes))
    for place, scene in enumerate(scenes[:3]):
        scores = judge.scores(pictures, Grammar().describe(scene, rng))
        assert scores[place] == 1
        assert all(0 <= score < 1 for i, score in enumerate(scores) if i != place)


def test_what_the_judge_cannot_read_is_refused(judge):
    with pytest.raises(UserError, match="'a purple cow' is no sentence of scenes"):
        judge.check(["a purple cow"])
    with pytest.raises(UserError, match="letters has no scenes for the judge"):
        JudgeRanking(SPEC)


def test_a_run_that_scores_no_sentences_cannot_rank():
    with pytest.raises(UserError, match="r-1 gives sentences no scores"):
        LikelihoodRanking(SimpleNamespace(run=SimpleNamespace(run_id="r-1")))
