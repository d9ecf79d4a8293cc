"""Terms that learn from a frozen embedding, a frozen image encoder, or a captioner that is trained along."""

import copy
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from tinyparts import Nothing
from torch import Tensor, nn

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.losses.redescription import sentence_nll
from diptych.models.caption_decoders import LSTMDecoder
from diptych.models.image_encoders import ConvEncoder
from diptych.models.text_encoders import GRUTextEncoder
from diptych.runs.training import check
from diptych.systems.coupling import coupled_parts
from diptych.systems.embedding.objectives import Contrastive, WordRegions
from diptych.systems.embedding.system import ImageTextEmbedding
from diptych.systems.gan.terms.learned_redescription import LearnedRedescription
from diptych.systems.terms.perceptual import Perceptual, PerceptualFeatureMatching
from diptych.systems.terms.word_region_matching import WordRegionMatching
from diptych.types import Batch, DataSpec, ImageFeatures

GAN = ["model=dcgan", "data=scenes_demo", "text_encoder=gru"]


@pytest.fixture
def spec(make_gan) -> DataSpec:
    return make_gan().data_spec


@pytest.fixture
def make_embedding(spec):
    def make(data_spec: DataSpec = spec, objective=None, image_encoder=None) -> ImageTextEmbedding:
        torch.manual_seed(1)
        small = {"image_size": 28, "image_channels": 1, "widths": (4, 6), "num_halvings": 2, "pooled_dim": 8}
        return ImageTextEmbedding(
            data_spec=data_spec,
            image_encoder=image_encoder or ConvEncoder(**small),
            text_encoder=GRUTextEncoder(vocabulary_size=len(spec.vocabulary), word_dim=6, sentence_dim=8),
            embedding_objective=objective or WordRegions(region_dim=6, word_dim=6),
            optimizer=partial(torch.optim.Adam, lr=1e-2),
        )

    return make


def shuffled(spec: DataSpec) -> DataSpec:
    """The same words with other ids."""
    return replace(spec, vocabulary=(*spec.vocabulary[:4], *reversed(spec.vocabulary[4:])))


def test_the_embedding_judges_generated_images_by_its_own_reading_of_the_sentences(
    make_gan, train, batch_of, spec, make_embedding
):
    embedding, batch = make_embedding(shuffled(spec)), batch_of(0)
    term = WordRegionMatching(data_spec=spec, embedding=embedding, sentence_weight=0.5, word_weight=2.0)
    gan = make_gan(terms={"mine": term})
    before, generator, text_encoder = copy.deepcopy((embedding.state_dict(), gan.generator, gan.text_encoder))
    (row,) = train(gan, [batch])
    rng = torch.Generator().manual_seed(0)
    torch.randint(1, (4,), generator=rng)  # which caption
    fake = generator(torch.randn(4, 10, generator=rng), text_encoder(batch.pick(0)))
    sentences = batch.pick(0).texts
    same = torch.tensor([[set(one) == set(other) for other in sentences] for one in sentences])
    losses = embedding.matching_losses(fake, sentences, same)
    assert row["sentence_matching_loss"] == pytest.approx(losses["sentence_loss"].mean().item(), rel=1e-4)
    assert row["word_matching_loss"] == pytest.approx(losses["word_loss"].mean().item(), rel=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in embedding.state_dict().items())
    assert all(weight.grad is None for weight in embedding.parameters())
    assert not [name for name in gan.state_dict() if name.startswith("terms.mine")]


class LinearEncoder(nn.Module):
    """Linear maps of the image and of its quarters: even untrained it sees every pixel."""

    pooled_dim, region_dim = 8, 6

    def __init__(self) -> None:
        super().__init__()
        self.whole, self.quarter = nn.Linear(28**2, 8, bias=False), nn.Linear(14**2, 6, bias=False)

    def forward(self, images: Tensor) -> ImageFeatures:
        quarters = nn.functional.unfold(images, 14, stride=14).transpose(1, 2)
        return ImageFeatures(self.whole(images.flatten(1)), self.quarter(quarters))


def test_the_generator_learns_to_be_matched(make_gan, train, batches, spec, make_embedding):
    term = WordRegionMatching(data_spec=spec, embedding=make_embedding(image_encoder=LinearEncoder()))
    gan = make_gan(terms={"mine": term}, objective=Nothing(), generator_optimizer=partial(torch.optim.Adam, lr=1e-2))
    rows = train(gan, batches[:1] * 30)
    for name in ("sentence_matching_loss", "word_matching_loss"):
        assert rows[-1][name] < 0.9 * rows[0][name]
    assert "mine" in " ".join(coupled_parts(gan.train()))


def test_a_loss_of_weight_zero_is_not_logged(make_gan, train, batches, spec, make_embedding):
    term = WordRegionMatching(data_spec=spec, embedding=make_embedding(objective=Contrastive()), word_weight=0.0)
    assert "word_matching_loss" not in train(make_gan(terms={"mine": term}), batches[:1])[0]


def test_images_of_one_sentence_are_no_negatives_of_one_another(make_gan, train, batch_of, spec, make_embedding):
    term = WordRegionMatching(data_spec=spec, embedding=make_embedding())
    (row,) = train(make_gan(terms={"mine": term}), [batch_of(0, sentences=["abc", "cab", "bca"])])
    assert row["sentence_matching_loss"] == row["word_matching_loss"] == 0


def test_an_embedding_that_does_not_fit_is_refused_with_what_to_do(spec, make_embedding):
    matching = partial(WordRegionMatching, data_spec=spec)
    with pytest.raises(ValueError, match=r"name its run in parts\.embedding\.run"):
        matching().begin()
    with pytest.raises(ValueError, match=r"word_loss; borrow one of embedding_objective=word_regions, or set .*word_w"):
        matching(embedding=make_embedding(objective=Contrastive()))
    assert matching(embedding=make_embedding(objective=Contrastive()), word_weight=0.0)
    with pytest.raises(
        ValueError, match=r"is no embedding of images and sentences; name a run with parts\.embedding\.task"
    ):
        matching(embedding=SimpleNamespace(data_spec=spec))
    with pytest.raises(ValueError, match="embedding: it reads 1x28x28 pictures and this run generates 1x32x32"):
        WordRegionMatching(data_spec=replace(spec, image_size=32), embedding=make_embedding())
    with pytest.raises(ValueError, match="embedding: it reads word tokens, this run char tokens; train one with tok"):
        WordRegionMatching(data_spec=replace(spec, tokenizer="char"), embedding=make_embedding())
    with pytest.raises(ValueError, match=r"embedding: its vocabulary lacks 1 of this run's words \(z\)"):
        WordRegionMatching(data_spec=replace(spec, vocabulary=(*spec.vocabulary, "z")), embedding=make_embedding())


@pytest.mark.parametrize(
    ("term", "what"),
    [
        ("word_region_matching", r"terms\.word_region_matching needs a frozen embedding .* parts\.embedding\.run"),
        ("perceptual", r"terms\.perceptual needs a frozen image encoder: name a run in parts\.classifier\.run"),
        ("perceptual_feature_matching", r"terms\.perceptual_feature_matching needs a frozen image encoder"),
        ("learned_redescription", r"no image_encoder is chosen: add image_encoder=…"),
    ],
)
def test_a_term_without_its_part_is_refused_before_data_are_loaded(term, what):
    with pytest.raises(UserError, match=what):
        check(compose([*GAN, f"term={term}"]))


class Pixels(nn.Module):
    """Sees images as they are, and their halves."""

    def grids(self, images: Tensor) -> list[Tensor]:
        return [images, 2 * nn.functional.avg_pool2d(images, 2)]


def seen(term_class, spec: DataSpec, **settings):
    return term_class(data_spec=spec, classifier=SimpleNamespace(data_spec=spec, image_encoder=Pixels()), **settings)


def step_of(real: Tensor, fake: Tensor) -> SimpleNamespace:
    return SimpleNamespace(real=real, fake=fake)


def test_perceptual_losses_have_their_closed_forms(spec):
    real = torch.zeros(2, 1, 28, 28)
    fake = torch.stack([torch.full((1, 28, 28), 1.0), torch.full((1, 28, 28), 3.0)])
    assert seen(Perceptual, spec).image_losses(step_of(real, fake))["perceptual_loss"].tolist() == [1 + 4, 9 + 36]
    losses = seen(PerceptualFeatureMatching, spec).image_losses(step_of(real, fake))
    assert losses["perceptual_feature_matching_loss"].tolist() == [4 + 16] * 2  # the mean image is 2


def test_only_the_paired_loss_minds_the_order_of_images(spec):
    real = torch.randn(3, 1, 28, 28)
    order = step_of(real, real.roll(1, 0))
    assert (seen(Perceptual, spec).image_losses(order)["perceptual_loss"] > 0).all()
    matched = seen(PerceptualFeatureMatching, spec).image_losses(order)["perceptual_feature_matching_loss"]
    torch.testing.assert_close(matched, torch.zeros(3), atol=1e-9, rtol=0)
    assert PerceptualFeatureMatching.couples_examples
    assert not Perceptual.couples_examples


def test_the_first_part_with_an_image_encoder_sees_for_the_term(spec):
    lender = lambda encoder: SimpleNamespace(data_spec=spec, image_encoder=encoder)  # noqa: E731
    first, second = Pixels(), Pixels()
    term = Perceptual(data_spec=spec, embedding=lender(second), classifier=lender(first))
    assert term.grids.borrowed.network is first
    with pytest.raises(ValueError, match=r"parts\.captioner: Linear has no feature maps"):
        Perceptual(data_spec=spec, captioner=lender(nn.Linear(1, 1)))
    with pytest.raises(ValueError, match=r"terms\.perceptual needs a frozen image encoder: name a run in"):
        Perceptual(data_spec=spec).begin()


def test_a_frozen_encoder_teaches_the_generator_alone(make_gan, train, batches, spec, make_embedding):
    embedding = make_embedding()
    before = copy.deepcopy(embedding.state_dict())
    terms = {"one": Perceptual(data_spec=spec, embedding=embedding)}
    terms["other"] = PerceptualFeatureMatching(data_spec=spec, embedding=embedding, pixel_noise=0.01)
    gan = make_gan(terms=terms, objective=Nothing(), generator_optimizer=partial(torch.optim.Adam, lr=1e-2))
    rows = train(gan, batches[:1] * 30)
    for name in ("perceptual_loss", "perceptual_feature_matching_loss"):
        assert rows[-1][name] < 0.8 * rows[0][name]
    assert all(torch.equal(value, before[name]) for name, value in embedding.state_dict().items())


@pytest.fixture
def make_captioner_term(spec):
    def make(**settings) -> LearnedRedescription:
        torch.manual_seed(2)
        return LearnedRedescription(
            image_encoder=ConvEncoder(image_size=28, image_channels=1, widths=(4, 6), num_halvings=2, pooled_dim=8),
            caption_decoder=LSTMDecoder(
                vocabulary_size=len(spec.vocabulary), image_dim=8, embedding_dim=6, hidden_dim=8
            ),
            **settings,
        )

    return make


def nats(captioner: nn.ModuleDict, images: Tensor, batch: Batch) -> float:
    tokens = batch.tokens[:, 0]
    with torch.no_grad():
        logits, _ = captioner["caption_decoder"](captioner["image_encoder"](images), tokens[:, :-1])
    return sentence_nll(logits, tokens[:, 1:]).mean().item()


def test_the_captioner_learns_from_real_pairs_alone(make_gan, train, batch_of, make_captioner_term):
    """Its statistics are those of real images, and where these teach nothing, it stays as it is."""
    term, batch = make_captioner_term(captioner_weight=0.0), batch_of(0)
    alone = copy.deepcopy(term.captioner).train()
    (row,) = train(make_gan(terms={"mine": term}), [batch])
    assert row["captioner_loss"] == pytest.approx(nats(alone, batch.images, batch), rel=1e-4)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(term.captioner.state_dict()[name], value)


def test_generated_images_are_judged_in_evaluation_mode_by_the_captioner_of_now(
    make_gan, train, batch_of, make_captioner_term
):
    term, batch = make_captioner_term(), batch_of(0)
    gan = make_gan(terms={"mine": term})
    generator, text_encoder = copy.deepcopy((gan.generator, gan.text_encoder))
    before = copy.deepcopy(term.captioner.state_dict())
    (row,) = train(gan, [batch])
    rng = torch.Generator().manual_seed(0)
    torch.randint(1, (4,), generator=rng)
    fake = generator(torch.randn(4, 10, generator=rng), text_encoder(batch.pick(0)))
    assert row["learned_redescription_loss"] == pytest.approx(nats(term.captioner.eval(), fake, batch), rel=1e-4)
    moved = [name for name, value in term.captioner.state_dict().items() if not torch.equal(value, before[name])]
    assert "caption_decoder" in " ".join(moved)
    assert [name for name in gan.state_dict() if name.startswith("terms.mine.captioner.")]


def test_both_learn_their_own_losses(make_gan, train, batches, make_captioner_term):
    adam = partial(torch.optim.Adam, lr=1e-2)
    settings = {"objective": Nothing(), "generator_optimizer": adam, "discriminator_optimizer": adam}
    rows = train(make_gan(terms={"mine": make_captioner_term(pixel_noise=0.05)}, **settings), batches[:1] * 80)
    assert rows[-1]["captioner_loss"] < 0.5 * rows[0]["captioner_loss"]
    assert rows[-1]["learned_redescription_loss"] < 0.9 * rows[0]["learned_redescription_loss"]
