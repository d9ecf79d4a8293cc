"""CLIPScore in closed form, and by a tiny random CLIP against transformers' own forward pass."""

import pytest
import torch
from contexts import captioner_of, context_of
from tiny_transformers import clip
from transformers import AutoTokenizer, CLIPModel

from diptych.config.composition import compose
from diptych.evaluation.captioning.clip import ClipScore
from diptych.evaluation.held_out import take_held_out
from diptych.metrics.captions.clip_score import PREFIX, clip_scores, harmonic_means, ref_clip_scores
from diptych.models.clip import Clip
from diptych.models.image_encoders.clip_pixels import CLIP_NORMALISATION
from diptych.systems.captioning.captions import Caption

EAST, NORTH = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
BETWEEN = torch.tensor([0.6, 0.8])


def test_the_scores_are_those_of_the_paper():
    images, captions = torch.stack([EAST, EAST, EAST]), torch.stack([BETWEEN, NORTH, -EAST])
    scores = clip_scores(images, captions)
    assert scores.tolist() == pytest.approx([1.5, 0, 0])
    references = [torch.stack([NORTH, EAST]), NORTH[None], torch.stack([NORTH, EAST, BETWEEN])]
    assert ref_clip_scores(scores, captions, references).tolist() == pytest.approx([2 * 1.5 * 0.8 / 2.3, 0, 0])


def test_the_harmonic_mean_of_nothing_is_nothing():
    assert harmonic_means(torch.zeros(2), torch.tensor([0.0, 1.0])).tolist() == [0, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Whose images lie on the side of its sentences, so that cosines are above 0."""
    made = clip(tmp_path_factory.mktemp("clip"))
    ours, network = Clip(str(made)), CLIPModel.from_pretrained(made)
    if (ours.image_vectors(torch.zeros(1, 3, 8, 8)) @ ours.sentence_vectors(["A photo depicts"]).T).item() < 0:
        network.visual_projection.weight.data.neg_()
        network.save_pretrained(made)
    return made


def test_cosines_are_those_of_the_network_itself(folder):
    images, sentences = torch.rand(3, 3, 8, 8) * 2 - 1, ["a red circle", "a large green triangle", ""]
    ours = Clip(str(folder))
    network, tokenizer = CLIPModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    pixels = CLIP_NORMALISATION(images)
    for i, sentence in enumerate(sentences):
        tokens = torch.tensor([tokenizer(sentence)["input_ids"]])
        with torch.no_grad():
            theirs = network(input_ids=tokens, pixel_values=pixels)
        cosines = theirs.logits_per_image[:, 0] / network.logit_scale.exp()
        found = ours.image_vectors(images) @ ours.sentence_vectors(sentences)[i]
        torch.testing.assert_close(found, cosines, atol=1e-5, rtol=1e-5)


def test_pictures_of_any_size_and_grey_ones_are_seen(folder):
    ours = Clip(str(folder))
    grey = ours.image_vectors(torch.rand(2, 1, 20, 31) * 2 - 1)
    assert grey.norm(dim=1).tolist() == pytest.approx([1, 1])


def test_a_captioner_is_measured_where_a_clip_is_named(folder, repository):
    held_out = take_held_out(compose(["data=scenes_demo", "data.batch_size=16"]), data=None, split="test", num=12)
    texts = [texts[1] for texts in held_out.references]
    one = captioner_of(lambda pictures, beam, min_length: [Caption(text, 0.0, (), None) for text in texts])
    assert not ClipScore().applies(context_of(one, held_out))
    evaluation = ClipScore().measure(context_of(one, held_out, clip=str(folder), captioning={"min_length": 2}))
    assert (evaluation.protocol["beam"], evaluation.protocol["min_length"]) == (1, 2)
    ours = Clip(str(folder))
    vectors = ours.sentence_vectors([PREFIX + text for text in texts])
    expected = clip_scores(ours.image_vectors(held_out.images), vectors)
    assert evaluation.figure("clip_score").value == pytest.approx(float(expected.mean()), abs=1e-5)
    references = [ours.sentence_vectors([PREFIX + text for text in own]) for own in held_out.references]
    with_references = ref_clip_scores(expected, vectors, references).mean()
    assert evaluation.figure("ref_clip_score").value == pytest.approx(float(with_references), abs=1e-5)
    assert float(expected.mean()) > 0
    page = (repository / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert not [figure.key for figure in evaluation.figures if f"`{figure.key}`" not in page]


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"clip\.pretrained=.*no such folder"):
        Clip(str(tmp_path / "nowhere"))
