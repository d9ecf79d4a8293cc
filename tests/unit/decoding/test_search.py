"""Laws of greedy and beam search, on tables of probabilities and on a toy with memory."""

import pytest
import torch
from toy_steps import IMAGES, LENGTH, VOCABULARY, WORDS, HistoryModel, all_finished, caption_of, tuple_of

from diptych.decoding import beam, greedy
from diptych.types import BOS_ID, EOS_ID, PAD_ID


@pytest.fixture(params=range(5))
def model(request):
    return HistoryModel(request.param)


def test_a_beam_of_width_one_is_greedy_search(model):
    best, one = (
        greedy(model, model.start, max_length=LENGTH),
        beam(model, model.start, width=1, max_length=LENGTH, length_power=0.7),
    )
    assert torch.equal(best.tokens, one.tokens)
    torch.testing.assert_close(best.log_prob, one.log_prob)


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
def test_a_beam_that_drops_nothing_is_exhaustive_search(model, length_power):
    width = len(WORDS) ** LENGTH
    found = beam(model, model.start, width=width, max_length=LENGTH, length_power=length_power)
    for image in range(IMAGES):
        scores = {c: model.log_prob(image, c) / len(c) ** length_power for c in all_finished(LENGTH)}
        best = max(scores, key=scores.__getitem__)
        assert caption_of(found.tokens[image]) == best
        assert found.score[image].item() == pytest.approx(scores[best], abs=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 7])
def test_a_hypothesis_scores_what_the_model_gives_its_words(model, width):
    found = beam(model, model.start, width=width, max_length=LENGTH, length_power=0.7)
    for image in range(IMAGES):
        caption = caption_of(found.tokens[image])
        assert found.log_prob[image].item() == pytest.approx(model.log_prob(image, caption), abs=1e-5)
        assert found.score[image].item() == pytest.approx(found.log_prob[image].item() / len(caption) ** 0.7, abs=1e-5)


@pytest.mark.parametrize("width", [2, 3, 5])
def test_images_searched_together_find_what_each_finds_alone(model, width):
    together = beam(model, model.start, width=width, max_length=LENGTH)
    for image in range(IMAGES):
        alone = beam(model, tuple_of(model.start, image), width=width, max_length=LENGTH)
        assert caption_of(alone.tokens[0]) == caption_of(together.tokens[image])


@pytest.mark.parametrize("width", [1, 3])
def test_where_nothing_ends_the_best_unfinished_caption_is_returned(width):
    endless = HistoryModel(0, end_bias=-torch.inf)
    found = beam(endless, endless.start, width=width, max_length=LENGTH)
    assert found.tokens.shape == (IMAGES, LENGTH)
    assert found.score.isfinite().all()
    assert not torch.isin(found.tokens, torch.tensor([PAD_ID, BOS_ID, EOS_ID])).any()


def test_the_first_step_extends_one_hypothesis_an_image(model):
    beam(model, model.start, width=3, max_length=LENGTH)
    assert model.rows_seen[0] == IMAGES
    assert set(model.rows_seen[1:]) <= {3 * IMAGES}


def test_captions_never_contain_pad_or_bos():
    model = HistoryModel(0)
    model.table[:, [PAD_ID, BOS_ID]] += 50
    for found in (
        greedy(model, model.start, max_length=LENGTH),
        beam(model, model.start, width=4, max_length=LENGTH),
    ):
        for row in found.tokens.tolist():
            caption = row[: row.index(EOS_ID) + 1] if EOS_ID in row else row
            assert not {PAD_ID, BOS_ID} & set(caption)
            assert set(row[len(caption) :]) <= {PAD_ID}


def test_a_finished_caption_outlives_being_crowded_out():
    """Ending at once has 0.4; (4, 4) and (4, 5) rank above it per token, fill the beam, and then lead nowhere."""

    def step(tokens, state):
        probabilities = torch.full((len(tokens), VOCABULARY), 1e-9)
        probabilities[state == 0, EOS_ID], probabilities[state == 0, 4] = 0.4, 0.5
        probabilities[state == 1, 4], probabilities[state == 1, 5] = 0.45, 0.45
        probabilities[state > 1, BOS_ID] = 1.0
        return probabilities.log(), state + 1

    found = beam(step, torch.zeros(1), width=2, max_length=6)
    assert caption_of(found.tokens[0]) == (EOS_ID,)


def test_unfinished_captions_are_measured_by_the_same_length_norm():
    """Ending at once has log-probability -0.5; three more words cost 0.9 together, less per token."""

    def step(tokens, state):
        probabilities = torch.full((len(tokens), VOCABULARY), 1e-6)
        started = tokens == BOS_ID
        probabilities[started, EOS_ID] = 0.6
        probabilities[started, 3] = 0.4
        probabilities[~started, 4] = (tokens[~started] == 3).float()
        probabilities[~started, EOS_ID] = (tokens[~started] == 4).float()
        return probabilities.clamp(min=1e-6).log(), state

    whole, per_token = (beam(step, torch.zeros(1), width=2, max_length=6, length_power=power) for power in (0.0, 1.0))
    assert caption_of(whole.tokens[0]) == (EOS_ID,)
    assert caption_of(per_token.tokens[0]) == (3, 4, EOS_ID)


def test_a_beam_without_hypotheses_is_refused(model):
    with pytest.raises(ValueError, match="beam=0"):
        beam(model, model.start, width=0, max_length=LENGTH)
