import inspect
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.models.caption_decoders import AttentionLSTMDecoder, GRUDecoder
from diptych.models.gan.dcgan import DCGANDiscriminator, DCGANGenerator
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.choice import check_components
from diptych.systems.captioning.objectives import CrossEntropy
from diptych.systems.captioning.system import Captioner
from diptych.systems.gan.needs import ALWAYS_PROVIDED
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.gan.terms.contrastive import Contrastive
from diptych.systems.gan.terms.patch import Patch
from diptych.systems.schedules import Linear
from diptych.systems.terms.base import Losses
from diptych.systems.terms.needs import check_needs
from diptych.systems.terms.redescription import CaptionScorer, Redescription, captioner_ids
from diptych.types import ImageFeatures, TextFeatures


class BrightnessCaptioner:
    """Its one word for a picture depends on the mean pixel; enough of a captioner for the generator's loss."""

    def __init__(self, data_spec) -> None:
        self.data_spec = data_spec
        self.image_encoder = Brightness()
        self.caption_decoder = ConstantWords(len(data_spec.vocabulary))


class Brightness(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        pooled = self.scale * images.flatten(1).mean(1, keepdim=True)
        return ImageFeatures(pooled, pooled[:, None])


class ConstantWords(nn.Module):
    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.words = nn.Linear(1, vocabulary_size)
        self.recurrent = nn.GRU(1, 1)

    def forward(self, features, tokens):
        return self.words(features.pooled)[:, None].expand(-1, tokens.shape[1], -1), None


@pytest.fixture
def spec(make_gan):
    return make_gan().data_spec


@pytest.fixture
def captioner(spec):
    return BrightnessCaptioner(spec)


def test_networks_that_disagree_on_size_are_named_when_the_system_is_built(make_gan):
    with pytest.raises(ValueError, match=r"discriminator DCGANDiscriminator .* generator DCGANGenerator .* 1x28x28"):
        make_gan(discriminator=DCGANDiscriminator(image_size=32, image_channels=3, condition_dim=6))
    with pytest.raises(ValueError, match=r"discriminator MLPDiscriminator .* generator DCGANGenerator .* 1x28x28"):
        make_gan(discriminator=MLPDiscriminator(image_size=32, image_channels=3, condition_dim=6))


def test_a_generator_that_generates_other_sizes_than_the_data_is_named(make_gan):
    with pytest.raises(ValueError, match=r"generator DCGANGenerator makes 3x32x32 .* letters has 1x28x28"):
        make_gan(generator=DCGANGenerator(image_size=32, latent_dim=10, condition_dim=6))


def test_a_network_built_for_other_sentences_is_named(make_gan):
    with pytest.raises(ValueError, match="generator DCGANGenerator cannot generate from sentence vectors of 6"):
        make_gan(generator=DCGANGenerator(image_size=28, image_channels=1, condition_dim=5))
    with pytest.raises(ValueError, match=r"DCGANDiscriminator cannot score .* sentence vectors of 6"):
        make_gan(discriminator=DCGANDiscriminator(image_size=28, image_channels=1, condition_dim=5))


def test_mismatches_want_sentences(make_gan):
    with pytest.raises(ValueError, match=r"system\.mismatch_weight .*text_encoder"):
        make_gan(conditional=False, mismatch_weight=0.5)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"mismatch_weight": 1.5}, r"system\.mismatch_weight=1\.5 .* give 0 to 1"),
        ({"mismatch_weight": -0.1}, r"system\.mismatch_weight=-0\.1 .* give 0 to 1"),
        ({"discriminator_steps": 0}, r"system\.discriminator_steps=0: give 1 or more"),
    ],
)
def test_settings_that_no_step_could_follow_are_refused_by_the_network_and_before_data_are_loaded(
    make_gan, setting, says
):
    with pytest.raises(ValueError, match=says):
        make_gan(**setting)
    ((name, value),) = setting.items()
    with pytest.raises(UserError, match=says):
        check_components(compose(["model=dcgan", "data=digits", "text_encoder=gru", f"system.{name}={value}"]))


@pytest.mark.parametrize("term", [Contrastive(), Contrastive(weight=0.0, generator_weight=1.0)])
def test_terms_about_sentences_want_sentences(make_gan, term):
    with pytest.raises(ValueError, match=r"terms\.mine needs sentences: choose a text_encoder.*~terms\.mine"):
        make_gan(conditional=False, terms={"mine": term})


def test_the_contrastive_term_wants_a_discriminator_that_embeds(make_gan):
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    with pytest.raises(ValueError, match=r"terms\.contrastive needs .*embed\(\), and MLPDiscriminator has none"):
        make_gan(discriminator=plain, terms={"contrastive": Contrastive()})


def test_redescription_without_a_captioner_is_refused_when_training_starts(make_gan, train, batches, spec):
    gan = make_gan(terms={"redescription": Redescription(data_spec=spec)})
    assert gan.generate(["a b c"]).shape == (1, 1, 28, 28)
    with pytest.raises(ValueError, match=r"parts\.captioner"):
        train(gan, batches)


def test_the_captioner_teaches_the_generator_and_neither_learns_nor_is_saved(make_gan, train, batches, spec, captioner):
    before = [p.clone() for p in captioner.caption_decoder.parameters()]
    term = Redescription(data_spec=spec, captioner=captioner, weight=5.0)
    gan, plain = make_gan(terms={"redescription": term}), make_gan()
    (row,) = train(gan, batches[:1])
    train(plain, batches[:1])
    assert row["redescription_loss"] > 0
    weights = [next(g.generator.parameters()) for g in (gan, plain)]
    assert not torch.equal(*weights)
    assert gan.state_dict().keys() == plain.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(before, captioner.caption_decoder.parameters(), strict=True))
    assert all(p.grad is None for p in (*captioner.image_encoder.parameters(), *captioner.caption_decoder.parameters()))
    assert not captioner.image_encoder.training


def test_the_discriminators_step_never_asks_the_captioner(make_gan, train, batches, spec, captioner):
    term = Redescription(data_spec=spec, captioner=captioner)
    rows = train(make_gan(terms={"redescription": term}, discriminator_steps=2), batches[:1])
    assert "redescription_loss" not in rows[0]


def test_words_are_translated_between_the_vocabularies(spec, captioner):
    shuffled = replace(spec, vocabulary=(*spec.vocabulary[:4], "extra", *reversed(spec.vocabulary[4:])))
    ids = captioner_ids(spec, shuffled)
    assert [shuffled.vocabulary[i] for i in ids] == list(spec.vocabulary)
    scorer = CaptionScorer(BrightnessCaptioner(shuffled), spec)
    images, tokens = torch.randn(2, 1, 28, 28), torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
    logits, _ = scorer.caption_decoder.network(scorer.image_encoder.network(images), tokens[:, 1:])
    log_probs = logits.log_softmax(-1)
    by_hand = -(log_probs[1, 0, ids[7]] + log_probs[1, 1, ids[2]]) / 2
    torch.testing.assert_close(scorer(images, tokens)[1], by_hand)


def test_a_captioner_that_lacks_words_is_refused_by_them(spec):
    poor = replace(spec, vocabulary=spec.vocabulary[:-2])
    with pytest.raises(ValueError, match=r"lacks 2 of this run's words \(g, h\)"):
        captioner_ids(spec, poor)


def test_a_captioner_of_other_pictures_or_tokens_is_refused(spec, captioner):
    with pytest.raises(ValueError, match="reads 1x28x28 pictures and this run generates 1x32x32"):
        CaptionScorer(captioner, replace(spec, image_size=32))
    with pytest.raises(ValueError, match="tokenizer=char"):
        CaptionScorer(captioner, replace(spec, tokenizer="char"))


def test_text_encoders_learn_at_their_own_rate_and_all_follow_the_schedule(make_gan, train, batches):
    schedule = Linear(total_images=32, final=0.5)
    gan = make_gan(text_lr_multiplier=3.0, schedule=schedule)
    rows = train(gan, batches)
    assert [row["g_lr"] for row in rows] == pytest.approx([2e-4 * schedule(4 * n) for n in (1, 2, 3, 4)])
    for optimizer in gan.optimizers():
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([2e-4 * 0.75, 6e-4 * 0.75])


def test_every_trainable_parameter_belongs_to_exactly_one_optimizer(make_gan):
    gan = make_gan(ema_half_life_images=10)
    owned = [id(p) for optimizer in gan.configure_optimizers() for g in optimizer.param_groups for p in g["params"]]
    assert sorted(owned) == sorted(id(p) for p in gan.parameters() if p.requires_grad)


def test_a_pretrained_text_encoder_that_is_frozen_stays_so(make_gan, train, batches):
    gan = make_gan()
    gan.text_encoder.requires_grad_(False)
    before = gan.text_encoder.embedding.weight.clone()
    train(gan, batches)
    assert torch.equal(before, gan.text_encoder.embedding.weight)
    assert not gan.text_encoder.embedding.weight.requires_grad


def test_gradients_are_clipped_to_the_norm(make_gan, train, batches):
    """Under plain descent with rate one, the step is the clipped gradient."""
    descent = partial(torch.optim.SGD, lr=1.0)
    gan = make_gan(max_grad_norm=0.01, generator_optimizer=descent, discriminator_optimizer=descent)
    before = [p.detach().clone() for p in gan.discriminator.parameters()]
    encoder = [p.detach().clone() for p in gan.discriminator_text_encoder.parameters()]
    (row,) = train(gan, batches[:1])
    assert row["d_grad_norm"] > 0.01
    after = [*gan.discriminator.parameters(), *gan.discriminator_text_encoder.parameters()]
    steps = [(b.detach() - a).flatten() for a, b in zip([*before, *encoder], after, strict=True)]
    assert float(torch.cat(steps).norm()) == pytest.approx(0.01, rel=1e-3)


def test_a_network_needs_no_type_of_ours(make_gan, train, batches):
    """A generator from somebody's own package: a plain module with a latent_dim."""

    class Own(nn.Module):
        latent_dim = 3

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 784)

        def forward(self, latents, text):
            return self.layer(latents).tanh().unflatten(1, (1, 28, 28))

    rows = train(make_gan(generator=Own()), batches)
    assert all(row["g_loss"] > 0 for row in rows)


@pytest.mark.parametrize("decoder", [GRUDecoder, AttentionLSTMDecoder])
def test_a_captioner_is_a_captioner(spec, decoder):
    encoder = ConvEncoder(image_size=28, image_channels=1, widths=(4, 8), num_halvings=2, pooled_dim=8)
    facts = {"image_dim": 8, "region_dim": 8}
    facts = {name: value for name, value in facts.items() if name in inspect.signature(decoder).parameters}
    words = decoder(vocabulary_size=len(spec.vocabulary), **facts)
    adam = partial(torch.optim.Adam, lr=1e-3)
    captioner = Captioner(
        data_spec=spec,
        image_encoder=encoder,
        caption_decoder=words,
        caption_objective=CrossEntropy(),
        optimizer=adam,
    )
    images = torch.randn(2, 1, 28, 28, requires_grad=True)
    loss = CaptionScorer(captioner, spec)(images, torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]]))
    loss.sum().backward()
    assert loss.shape == (2,)
    assert images.grad is not None
    assert (images.grad.flatten(1).norm(dim=1) > 0).all()


def test_patches_want_a_discriminator_that_has_some(make_gan):
    with pytest.raises(ValueError, match=r"terms\.patch needs .*patch_logits\(\), and DCGANDiscriminator has none"):
        make_gan(terms={"patch": Patch()})


class Squared(GANTerm):
    """The squared logits of real images, every second time, and a helper network."""

    needs = ("no_batch_norm",)

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        self.helper = nn.Linear(1, 1)

    def discriminator_helpers(self) -> list[tuple[nn.Module, float]]:
        return [(self.helper, 2.0)]

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        return {"squared_loss": self.helper(step.real_logits[:, None]).squeeze(1) ** 2}


def test_a_term_of_one_image_is_refused_beside_batch_normalisation(make_gan):
    with pytest.raises(ValueError, match=r"terms\.r1 .*DCGANDiscriminator has batch normalisation.*~terms\.r1"):
        make_gan(terms={"r1": Squared()})


def test_a_lazy_term_counts_every_so_many_steps_and_so_many_times(make_gan, train, batches):
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    term = Squared(weight=3.0, every=2)
    rows = train(make_gan(discriminator=plain, terms={"squared": term}), batches)
    assert term.weight_of("squared_loss") == 6.0
    assert ["squared_loss" in row for row in rows[:2]] == [False, True]


@pytest.mark.parametrize(
    ("every", "pause", "weight"), [(1, 1, 3), (1, 5, 3), (4, 1, 12), (5, 5, 3), (4, 2, 6), (2, 4, 3)]
)
def test_a_lazy_term_makes_up_for_the_steps_of_its_network_alone(every, pause, weight):
    assert Squared(weight=3.0, every=every).weight_of("squared_loss", pause) == weight


class NeedsLatents(GANTerm):
    """A term for a network that the GAN itself does not hold."""

    needs = ("latent_encoder", "critic.embed")

    def generator_losses(self, step):
        return {}


def test_a_gan_leaves_needs_of_other_networks_to_the_earlier_check(make_gan):
    make_gan(terms={"latents": NeedsLatents()})
    with pytest.raises(ValueError, match=r"terms\.latents needs a latent_encoder"):
        check_needs({"terms.latents": NeedsLatents.needs}, {}, parts=())


def test_a_misspelt_need_is_named():
    with pytest.raises(ValueError, match="needs 'images_gradients', which nobody knows: write 'image_gradients'"):
        check_needs({"terms.mine": ("images_gradients",)}, {}, parts=(), provided=ALWAYS_PROVIDED)


class Misspelt(GANTerm):
    """A term whose method no step calls."""

    def discriminator_loss(self, step):
        return {}


def test_a_term_without_losses_is_refused():
    with pytest.raises(
        TypeError, match="Misspelt has no losses: write discriminator_losses or generation_losses or gener"
    ):
        Misspelt()


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        (lambda step: step.fake_logits, "Given gives a Tensor as its losses"),
        (lambda step: {"a_loss": step.fake_logits.sum()}, r"Given: a_loss has the shape \(\); give one value an image"),
    ],
)
def test_losses_that_are_not_one_value_an_image_are_refused(make_gan, train, batches, losses, says):
    given = type("Given", (GANTerm,), {"generator_losses": lambda self, step: losses(step)})
    with pytest.raises((TypeError, ValueError), match=says):
        train(make_gan(terms={"mine": given()}), batches[:1])


class Reads(nn.Module):
    """A text encoder that does not say the truth about itself."""

    def __init__(self, sentence_dim: int, mask_dims: int, gives=None) -> None:
        super().__init__()
        self.sentence_dim, self.word_dim, self.mask_dims, self.gives = sentence_dim, 6, mask_dims, gives

    def forward(self, sentences):
        words, mask = torch.zeros(*sentences.tokens.shape, 6), sentences.mask
        return self.gives or TextFeatures(words.sum(1), words, mask if self.mask_dims == 2 else mask.sum(1))


@pytest.mark.parametrize(
    ("encoder", "says"),
    [
        (Reads(5, 2), "text_encoder Reads says sentence_dim=5 and gives vectors of 6"),
        (Reads(6, 1), "text_encoder Reads gives words of shape .* a mask has a value a word"),
        (Reads(6, 2, gives="words"), "text_encoder Reads gives a str: return TextFeatures"),
    ],
)
def test_a_text_encoder_that_is_not_what_it_says_is_named(make_gan, encoder, says):
    with pytest.raises(ValueError, match=says):
        make_gan(text_encoder=encoder)


class Scales(nn.Module):
    """Encodes an image at two scales; it has no `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = nn.Linear(28, 1)

    def encode(self, images):
        return [{"fine": images}, (images[..., ::2, ::2],)]

    def score(self, features, text):
        return self.pixels(features[0]["fine"]).mean(dim=(1, 2, 3)) + features[1][0].mean(dim=(1, 2, 3))


def test_a_discriminator_needs_encode_and_score_alone_and_may_have_several_scales(make_gan, train, batches):
    (row,) = train(make_gan(discriminator=Scales()), batches[:1])
    assert row["d_loss"] > 0


class Clashing(GANTerm):
    """A loss with the name of the objective's own."""

    def generator_losses(self, step):
        return {"g_loss": step.fake_logits}


def test_a_loss_with_the_name_of_the_objectives_is_refused(make_gan, train, batches):
    with pytest.raises(ValueError, match="two losses are logged as train/g_loss"):
        train(make_gan(terms={"mine": Clashing()}), batches[:1])


def test_a_helper_learns_with_the_discriminator_at_its_own_rate(make_gan, train, batches):
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    gan = make_gan(discriminator=plain, terms={"squared": Squared()})
    before = gan.terms["squared"].helper.weight.clone()
    assert gan.configure_optimizers()[0].param_groups[-1]["lr"] == pytest.approx(4e-4)
    train(gan, batches[:1])
    assert not torch.equal(gan.terms["squared"].helper.weight, before)


def test_two_losses_of_one_name_are_refused(make_gan, train, batches):
    plain = MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6)
    gan = make_gan(discriminator=plain, terms={"one": Squared(), "other": Squared()})
    with pytest.raises(ValueError, match="two losses are logged as train/squared_loss"):
        train(gan, batches[:1])
