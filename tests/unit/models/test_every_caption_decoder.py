"""Laws of every decoder in conf/caption_decoder: one that is added is tested by being there."""

from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import tiny_transformers
import torch
import yaml

from diptych.config import components
from diptych.decoding import beam, decode, greedy
from diptych.decoding.interface import reordered
from diptych.losses.captioning import token_nll
from diptych.models.image_encoders import ConvEncoder
from diptych.runs.build import data_facts
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, DataSpec, ImageFeatures

FILES = {path.stem: path for path in (Path(__file__).resolve().parents[3] / "conf" / "caption_decoder").glob("*.yaml")}
WORDS = ("a", "red", "blue", "circle", "above", "square", ",")
IMAGES, CAPTIONS, LENGTH, REGIONS = 3, 2, 6, 4
SPEC = DataSpec("scenes", 32, 3, (*SPECIAL_TOKENS, *WORDS), max_length=LENGTH + 1)
SMALL = {"dim": 16, "embedding_dim": 6, "hidden_dim": 8, "attention_dim": 5, "feedforward_dim": 12, "prefix_length": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny language model, for decoders that begin with one."""
    return tiny_transformers.gpt2(tmp_path_factory.mktemp("gpt2"))


def make(name: str, folder: Path, spec: DataSpec = SPEC, **values: Any):
    """The decoder of a file, with small sizes and in float64."""
    node = yaml.safe_load(FILES[name].read_text(encoding="utf-8"))
    node |= {key: value for key, value in {**SMALL, "pretrained": str(folder)}.items() if key in node}
    node |= values
    facts = {**data_facts(spec), "image_dim": 5, "region_dim": 7}
    torch.manual_seed(0)
    return components.build(node, "caption_decoder", facts).double().eval()


@pytest.fixture(params=sorted(FILES))
def decoder(request, folder):
    return make(request.param, folder)


@pytest.fixture
def features():
    return ImageFeatures(torch.randn(IMAGES, 5).double(), torch.randn(IMAGES, REGIONS, 7).double())


@pytest.fixture
def tokens():
    """Two captions of each image, side by side."""
    tokens = torch.randint(4, len(SPEC.vocabulary), (IMAGES * CAPTIONS, LENGTH))
    tokens[:, 0] = BOS_ID
    return tokens


def repeated(features: ImageFeatures, times: int) -> ImageFeatures:
    return ImageFeatures(*(part.repeat_interleave(times, dim=0) for part in features))


def stepped(decoder, features, tokens):
    """The logits of single steps."""
    memory = decoder.encode_memory(features)
    state = tuple(leaf.repeat_interleave(CAPTIONS, dim=0) for leaf in decoder.initial_state(memory))
    logits = []
    for column in tokens.unbind(1):
        following, state = decoder.step(column, memory, state)
        logits.append(following)
    return torch.stack(logits, dim=1)


def test_teacher_forcing_gives_the_logits_of_single_steps(decoder, features, tokens):
    torch.testing.assert_close(stepped(decoder, features, tokens), decoder(features, tokens).logits)


def test_no_logit_has_a_gradient_by_later_words(decoder, features, tokens):
    embedded = []
    decoder.embedding.register_forward_hook(lambda *args: embedded.append(args[-1]))
    logits = decoder(features, tokens).logits
    for time in range(LENGTH - 1):
        gradients = torch.autograd.grad(logits[:, time].sum(), embedded[0], retain_graph=True)[0]
        assert gradients[:, time + 1 :].abs().max() == 0
        assert gradients[:, time].abs().sum(1).all()


def test_padding_changes_neither_loss_nor_gradient(decoder, features, tokens):
    targets = torch.cat([tokens[:, 1:4], torch.full((len(tokens), 1), EOS_ID)], dim=1)
    losses, gradients = [], []
    for padding in (0, 2):
        pad = torch.full((len(tokens), padding), PAD_ID)
        inputs, longer = torch.cat([tokens[:, :4], pad], dim=1), torch.cat([targets, pad], dim=1)
        decoder.zero_grad()
        loss = token_nll(decoder(features, inputs).logits, longer).sum()
        loss.backward()
        losses.append(loss.detach())
        gradients.append(torch.cat([p.grad.flatten() for p in decoder.parameters() if p.grad is not None]))
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_captions_of_one_image_are_read_as_if_each_had_its_own(decoder, features, tokens):
    together, alone = decoder(features, tokens), decoder(repeated(features, CAPTIONS), tokens)
    torch.testing.assert_close(together.logits, alone.logits)
    torch.testing.assert_close(together.attention, alone.attention)


def test_a_batch_of_one_is_read_as_in_company(decoder, features, tokens):
    one = decoder(ImageFeatures(*(part[:1] for part in features)), tokens[:1])
    together = decoder(features, tokens)
    torch.testing.assert_close(one.logits, together.logits[:1])
    assert (one.attention is None) == (together.attention is None)
    captions = decode(decoder, ImageFeatures(*(part[:1] for part in features)), greedy, max_length=LENGTH)
    assert captions.tokens.shape[0] == 1


def test_attention_is_over_regions_and_sums_to_one(decoder, features, tokens):
    attention = decoder(features, tokens).attention
    if attention is not None:
        assert attention.shape == (IMAGES * CAPTIONS, LENGTH, REGIONS)
        assert (attention > 0).all()
        torch.testing.assert_close(attention.sum(-1), torch.ones(IMAGES * CAPTIONS, LENGTH).double())


def test_logits_depend_on_the_image_and_their_gradient_reaches_it(decoder, features, tokens):
    features = ImageFeatures(*(part.requires_grad_() for part in features))
    output = decoder(features, tokens)
    output.logits[:, -1].square().sum().backward()
    assert features.pooled.grad.abs().sum(1).all()
    assert (features.regions.grad is None) == (output.attention is None)


def test_captions_that_do_not_divide_among_the_images_are_refused(decoder, features, tokens):
    with pytest.raises((ValueError, RuntimeError)):
        decoder(features, tokens[:-1])


def test_a_beam_of_one_is_greedy(decoder, features):
    one, best = (decode(decoder, features, search, max_length=LENGTH) for search in (partial(beam, width=1), greedy))
    assert torch.equal(one.tokens, best.tokens)
    torch.testing.assert_close(one.log_prob, best.log_prob)


def test_the_log_probability_of_a_caption_is_the_sum_of_its_steps(decoder, features):
    found = decode(decoder, features, partial(beam, width=3), max_length=LENGTH)
    logits = decoder(features, torch.cat([torch.full((IMAGES, 1), BOS_ID), found.tokens[:, :-1]], dim=1)).logits
    torch.testing.assert_close(found.log_prob.double(), -token_nll(logits, found.tokens).sum(1), atol=1e-4, rtol=1e-4)


def test_a_beam_that_prunes_nothing_is_exhaustive_search(decoder, features):
    """So states follow their hypotheses: with three words and <eos>, 3 tokens, all captions are compared."""
    longest, width = 3, 4**3
    words = torch.arange(len(SPEC.vocabulary)) > 6
    mute = (words | (torch.arange(len(words)) == 3)).double() * -1e4
    step = decoder.step

    def muted(*arguments):
        logits, state = step(*arguments)
        return logits + mute, state

    decoder.step = muted
    found = decode(decoder, features, partial(beam, width=width, length_power=0.7), max_length=longest)
    every = [c for n in (1, 2, 3) for c in product((4, 5, 6, EOS_ID), repeat=n) if EOS_ID not in c[:-1]]
    every = [c for c in every if c[-1] == EOS_ID]
    for i in range(IMAGES):
        image = ImageFeatures(*(part[i : i + 1] for part in features))
        scores = {c: scored(decoder, image, c, mute) / len(c) ** 0.7 for c in every}
        best = max(scores, key=lambda c: scores[c])
        assert found.tokens[i][: len(best)].tolist() == list(best)
        assert found.score[i].item() == pytest.approx(scores[best], abs=1e-4)


def scored(decoder, image, caption, mute) -> float:
    """The log-probability of a caption."""
    inputs = torch.tensor([[BOS_ID, *caption[:-1]]])
    logits = decoder(image, inputs).logits + mute
    return -token_nll(logits, torch.tensor([caption])).sum().item()


def test_states_follow_the_rows_that_they_are_given_to(decoder, features, tokens):
    """After a change of order, each row goes on as it would have."""
    memory = decoder.encode_memory(repeated(features, CAPTIONS))
    state = decoder.initial_state(memory)
    for column in tokens[:, :3].unbind(1):
        _, state = decoder.step(column, memory, state)
    kept, _ = decoder.step(tokens[:, 3], memory, state)
    order = torch.arange(IMAGES * CAPTIONS).view(IMAGES, CAPTIONS).flip(1).flatten()
    shared = decoder.encode_memory(features)
    moved, _ = decoder.step(tokens[order, 3], shared, reordered(state, order))
    torch.testing.assert_close(moved, kept[order])


def test_dropout_acts_in_training_only(folder, features, tokens):
    for name in FILES:
        values = yaml.safe_load(FILES[name].read_text(encoding="utf-8"))
        decoder = make(name, folder, **({"dropout": 0.5} if "dropout" in values else {}))
        assert torch.equal(decoder(features, tokens).logits, decoder(features, tokens).logits)
        decoder.train()
        assert not torch.equal(decoder(features, tokens).logits, decoder(features, tokens).logits)


def test_every_decoder_fits_the_encoder_and_the_data_s_longest_caption(folder):
    encoder = ConvEncoder(image_size=32)
    images = encoder(torch.rand(1, 3, 32, 32))
    for name, file in FILES.items():
        node = yaml.safe_load(file.read_text(encoding="utf-8"))
        node |= {"pretrained": str(folder)} if "pretrained" in node else {}
        facts = {**data_facts(SPEC), "image_dim": encoder.pooled_dim, "region_dim": encoder.region_dim}
        decoder = components.build(node, "caption_decoder", facts).eval()
        assert decode(decoder, images, greedy, max_length=SPEC.max_length - 1).tokens.shape[1] <= LENGTH, name
