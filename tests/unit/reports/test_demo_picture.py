"""The picture at the top of README.md."""

from random import Random

import pytest
from PIL import Image

from diptych.config import UserError
from diptych.world import Judge, WorldSpec, meaning, render, split_of
from diptych.world.sampling import Kind, SceneSketch, place
from docs_pages.demo_picture import (
    LANGUAGES,
    PAPER,
    SENTENCES,
    TEXT_WIDTH,
    Row,
    demo_runs,
    main,
    sheet,
    verdicts,
    wrapped,
)

WORLD = WorldSpec(min_objects=2)


def scene_of(sentence):
    claims = meaning(sentence, LANGUAGES)
    kinds = tuple(Kind(mention.shape, mention.colour, mention.size) for mention in claims.mentions)
    return place(WORLD, SceneSketch(kinds, claims.relations[0].name), Random(0))


def row(verdicts=("true", "colour"), caption="a small red circle"):
    return Row(SENTENCES[0], [Image.new("RGB", (32, 32), "black")] * len(verdicts), verdicts, caption)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_training_run_has_seen_the_scenes_of_the_sentences(sentence):
    assert split_of(scene_of(sentence)) == "test"


def test_each_image_is_judged_by_the_sentence_of_its_row():
    pixels = render([scene_of(sentence) for sentence in SENTENCES[:2]])
    assert verdicts(Judge(WORLD), pixels, SENTENCES[0]) == ["true", "colour"]


def test_longer_texts_take_more_lines_and_lose_no_word():
    lines = wrapped("a large red circle above a small blue square " * 3)
    assert " ".join(lines).split() == ("a large red circle above a small blue square " * 3).split()
    assert len(wrapped("a circle")) == 1 < len(lines)


def test_a_further_row_and_a_further_image_make_the_sheet_larger_and_its_edge_stays_white():
    small, high, wide = sheet([row()]), sheet([row()] * 2), sheet([row(("true",) * 3)])
    assert high.height > small.height
    assert wide.width > small.width > 2 * TEXT_WIDTH
    white = Image.new("RGB", (1, 1), PAPER).getpixel((0, 0))
    assert {high.getpixel((x, y)) for x in (0, high.width - 1) for y in (0, high.height - 1)} == {white}


def test_the_picture_depends_on_verdicts_and_captions():
    pictures = [sheet([r]).tobytes() for r in (row(), row(("true", "true")), row(caption="a small red square"))]
    assert len(set(pictures)) == 3


def test_without_the_demos_runs_the_message_names_the_command_that_makes_them(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    with pytest.raises(UserError, match="run `make demo` first"):
        main([])
    for name in ("text_to_image", "captioner"):
        (tmp_path / "demo" / name).mkdir(parents=True)
    assert demo_runs(tmp_path) == [str(tmp_path / "demo" / name) for name in ("text_to_image", "captioner")]
