"""Priors over codes: what a code may see, and that an image depends on its own noise alone."""

from functools import partial

import pytest
import torch
from letters import make_batch, train_once

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.decoding.codes import drawn, guided_logits, mask_ratio, num_hidden
from diptych.runs.choice import check_components
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.prior.masked import hidden_places
from diptych.systems.prior.options import MaskedOptions
from diptych.systems.walk import Stop

KINDS = ("ar", "masked")


def text_of(system, seed: int = 0, size: int = 4):
    return system.text_encoder(make_batch(seed, size=size).pick(0))


def test_kept_keys_say_what_the_whole_sequence_says(make_prior):
    system = make_prior("ar")
    codes, text = torch.randint(12, (4, 49)), text_of(system)
    whole = system.prior(codes, text)
    heard, rows = system.prior.begin(text, 4), []
    for place in range(49):
        logits, heard = system.prior.step(codes[:, place - 1] if place else None, heard)
        rows.append(logits)
    torch.testing.assert_close(torch.stack(rows, dim=1), whole, rtol=1e-5, atol=1e-5)


def test_a_code_sees_nothing_that_comes_after_it(make_prior):
    system = make_prior("ar")
    text, codes = text_of(system), torch.randint(12, (4, 49))
    other = codes.clone()
    other[:, 20:] = (other[:, 20:] + 1) % 12
    first, second = system.prior(codes, text), system.prior(other, text)
    torch.testing.assert_close(first[:, :21], second[:, :21])
    assert not torch.allclose(first[:, 21:], second[:, 21:])


def test_a_hidden_code_is_not_seen(make_prior):
    system = make_prior("masked")
    text, codes, hidden = text_of(system), torch.randint(12, (4, 49)), torch.rand(4, 49) < 0.5
    other = torch.where(hidden, (codes + 5) % 12, codes)
    torch.testing.assert_close(system.prior(codes, hidden, text), system.prior(other, hidden, text))
    seen = torch.where(hidden, codes, (codes + 5) % 12)
    assert not torch.allclose(system.prior(codes, hidden, text), system.prior(seen, hidden, text))


@pytest.mark.parametrize("kind", KINDS)
def test_padding_says_nothing(kind, make_prior):
    system = make_prior(kind)
    text, codes, hidden = text_of(system), torch.randint(12, (4, 49)), torch.rand(4, 49) < 0.5
    longer = text._replace(
        words=torch.nn.functional.pad(text.words, (0, 0, 0, 3), value=7.0),
        mask=torch.nn.functional.pad(text.mask, (0, 3)),
    )
    said = [system.prior(codes, *([hidden] if kind == "masked" else []), told) for told in (text, longer)]
    torch.testing.assert_close(*said, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"guidance_scale": 2.0}, {"temperature": 0.0}])
def test_an_image_does_not_depend_on_those_beside_it(kind, options, make_prior):
    system = make_prior(kind)
    chosen = system.options(**options)
    text = text_of(system)
    others = system.prior.null(4) if chosen.guides else None
    pairs = [("a", i) for i in range(4)]
    together = system.sample_codes(system.prior, text, others, ImageRngs(pairs, seed=0), chosen)
    for i, pair in enumerate(pairs):
        own = type(text)(*(part[i : i + 1] for part in text))
        null = system.prior.null(1) if chosen.guides else None
        alone = system.sample_codes(system.prior, own, null, ImageRngs([pair], seed=0), chosen)
        assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("kind", KINDS)
def test_guidance_of_one_is_the_sentence_and_of_zero_is_none(kind, make_prior):
    system = make_prior(kind)
    text, rngs = text_of(system), lambda: ImageRngs([("a", i) for i in range(4)], seed=0)
    null = system.prior.null(4)
    guided = lambda scale: system.sample_codes(  # noqa: E731
        system.prior, text, null, rngs(), system.options(guidance_scale=scale)
    )
    plain = system.sample_codes(system.prior, text, None, rngs(), system.options())
    without = system.sample_codes(system.prior, null, None, rngs(), system.options())
    assert torch.equal(guided(1.0), plain)
    assert torch.equal(guided(0.0), without)
    assert not torch.equal(guided(3.0), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_codes_and_generates_images(kind, make_prior):
    system, batch = make_prior(kind, text_dropout=0.0), make_batch(0, size=8)
    rows = train_once(system, [batch] * 60)
    first, last = (sum(row["code_nll"] for row in part) / 5 for part in (rows[:5], rows[-5:]))
    assert last < 0.9 * first
    images = system.generate(["a b c"], num_images=2)
    assert images.shape == (2, 1, 28, 28)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_prior_without_sentences_generates(kind, make_prior):
    assert make_prior(kind, conditional=False).generate(num_images=3).shape == (3, 1, 28, 28)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_of_a_batch_teach_what_the_whole_teaches(kind, make_prior):
    batches = [make_batch(seed, size=8) for seed in range(3)]
    whole, split = make_prior(kind), make_prior(kind, micro_batch_size=3)
    for system in (whole, split):
        system.make_optimizer = partial(torch.optim.SGD, lr=0.1)
        train_once(system, batches)
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, split.state_dict()[key], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_autoencoder_neither_learns_nor_is_saved(kind, make_prior, autoencoder):
    before = {key: value.clone() for key, value in autoencoder.state_dict().items()}
    system = make_prior(kind)
    train_once(system, [make_batch(seed) for seed in range(3)])
    assert all(torch.equal(value, before[key]) for key, value in autoencoder.state_dict().items())
    assert not [key for key in system.state_dict() if "autoencoder" in key]


@pytest.mark.parametrize("steps", [1, 2, 8, 12, 48, 49])
def test_every_step_says_a_code_and_the_last_says_all(steps):
    counts = num_hidden(49, steps)
    assert len(counts) == steps
    assert counts[-1] == 0
    assert all(a > b for a, b in zip([49, *counts], counts, strict=False))


def test_the_schedule_hides_everything_first_and_nothing_last():
    ratios = mask_ratio(torch.linspace(0, 1, 11))
    assert float(ratios[0]) == pytest.approx(1)
    assert float(ratios[-1]) == pytest.approx(0, abs=1e-6)
    assert (ratios.diff() < 0).all()


def test_the_share_of_hidden_places_is_what_was_drawn():
    uniform = torch.rand(500, 49)
    hidden = hidden_places(uniform, torch.linspace(0, 1, 500))
    assert torch.equal(hidden.sum(1), (torch.linspace(0, 1, 500) * 49).ceil().clamp_min(1).long())


def test_codes_are_drawn_by_their_probabilities():
    logits = torch.tensor([0.1, 0.2, 0.0, 0.7]).log().expand(20_000, -1)
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn(logits, uniform), minlength=4) / 20_000
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.2, 0.0, 0.7]), rtol=0, atol=0.015)
    assert set(drawn(logits, uniform, top_p=0.85).tolist()) == {1, 3}
    assert set(drawn(logits, uniform, temperature=0.0).tolist()) == {3}


def test_guided_log_probabilities_move_away_from_those_without():
    logits, others = torch.randn(3, 5), torch.randn(3, 5)
    a, b = logits.log_softmax(-1), others.log_softmax(-1)
    torch.testing.assert_close(guided_logits(logits, others, 2.5), b + 2.5 * (a - b))


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("ar", {"top_p": 0.0}, "top_p=0.0"),
        ("ar", {"top_p": 0.5, "temperature": 0.0}, "top_p=0.5 says nothing at temperature=0"),
        ("ar", {"temperature": -1.0}, "temperature=-1.0"),
        ("masked", {"steps": 0}, "steps=0"),
        ("masked", {"steps": 50}, "steps=50: there are 49 codes"),
        ("masked", {"guidance_scale": -1.0}, "guidance_scale=-1.0"),
    ],
)
def test_impossible_options_are_refused_by_name(kind, options, words, make_prior):
    system = make_prior(kind)
    with pytest.raises(ValueError, match=words):
        system.generate(["a b"], options=system.options(**options))


def test_guidance_is_refused_where_nothing_was_learned_without_sentences(make_prior):
    system = make_prior("ar", text_dropout=0.0)
    with pytest.raises(ValueError, match=r"system\.text_dropout=0"):
        system.generate(["a b"], options=system.options(guidance_scale=2.0))


def test_a_part_without_codes_is_refused(make_prior, autoencoder):
    class Other:
        num_codes = 0

    with pytest.raises(ValueError, match=r"parts\.autoencoder: Other has no codes"):
        make_prior("ar", autoencoder=Other())


def test_a_network_that_says_other_codes_is_refused_before_any_data_are_loaded():
    words = ["model=prior", "data=scenes_demo", "text_encoder=gru", "parts.autoencoder.run=latest", "prior=masked"]
    with pytest.raises(UserError, match=r"prior MaskedPrior says hidden codes.*choose system=masked_prior"):
        check_components(compose(words))


@pytest.mark.parametrize("model", ["flow", "prior"])
def test_a_part_that_generation_needs_lies_in_checkpoints(model):
    part = {"autoencoder": {"run": "latest", "task": "autoencoding"}}
    lent = [] if model == "flow" else ["parts.autoencoder.run=latest"]
    config = compose([f"model={model}", "data=scenes_demo", "text_encoder=gru", *lent])
    with pytest.raises(
        UserError, match=r"parts\.autoencoder\.scope=loss: .*set \+parts\.autoencoder\.scope=generation"
    ):
        check_components(config | {"parts": part})


def test_a_prior_without_an_autoencoder_says_how_to_name_one():
    config = compose(["model=prior", "data=scenes_demo", "text_encoder=gru", "parts.autoencoder.run=latest"])
    with pytest.raises(UserError, match=r"generates with another run's autoencoder: add \+parts\.autoencoder\.run=RUN"):
        check_components(config | {"parts": {}})


def test_few_codes_are_said_in_few_steps():
    assert MaskedOptions().steps_for(64) == 12
    assert MaskedOptions().steps_for(4) == 4
    assert MaskedOptions(steps=3).steps_for(64) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_walks_are_refused(kind, make_prior):
    with pytest.raises(ValueError, match="there is no walk between its images"):
        make_prior(kind).walk([Stop("a b", "a b", 0), Stop("a b", "a b", 1)], frames=3)
