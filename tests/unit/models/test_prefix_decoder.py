"""A language model behind a prefix, on tiny random networks of `transformers`."""

import pytest
import tiny_transformers
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

from diptych.models.caption_decoders import PrefixDecoder
from diptych.models.caption_decoders.prefix_words import vectors_of_tokens
from diptych.types import BOS_ID, EOS_ID, PAD_ID, SPECIAL_TOKENS, UNK_ID, ImageFeatures

WORDS = ("a", "red", "circle", "above", ",", "红色")
VOCABULARY = (*SPECIAL_TOKENS, *WORDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_transformers.gpt2(tmp_path_factory.mktemp("gpt2"))


@pytest.fixture
def features():
    return ImageFeatures(torch.randn(3, 5), torch.randn(3, 4, 7))


def make(pretrained, **values):
    torch.manual_seed(0)
    given = {"vocabulary": VOCABULARY, "max_length": 10, "image_dim": 5, "prefix_length": 3, **values}
    return PrefixDecoder(pretrained=str(pretrained), **given).eval()


def pieces_of(decoder):
    return __import__("tokenizers").Tokenizer.from_str(decoder.blueprint["tokenizer"])


def test_it_is_transformers_own_language_model_after_a_prefix(folder, features):
    """Its logits are those of GPT2LMHeadModel with the run's words, that reads prefix and words at once."""
    decoder = make(folder)
    whole = GPT2LMHeadModel(GPT2Config.from_pretrained(folder, vocab_size=len(VOCABULARY))).eval()
    state = {f"transformer.{name}": value for name, value in decoder.network.state_dict().items()}
    state |= dict.fromkeys(("transformer.wte.weight", "lm_head.weight"), decoder.embedding.weight)
    whole.load_state_dict(state)
    tokens = torch.tensor([[BOS_ID, 4, 5, 6, 7]] * 3)
    prefix = decoder.prefix(features.pooled).unflatten(1, (3, -1))
    logits = whole(inputs_embeds=torch.cat([prefix, decoder.embedding(tokens)], dim=1)).logits
    torch.testing.assert_close(decoder(features, tokens).logits, logits[:, 3:], atol=1e-5, rtol=1e-4)


def test_words_begin_as_the_mean_of_their_pieces(folder):
    decoder = make(folder)
    own = GPT2Model.from_pretrained(folder).wte.weight
    pieces = pieces_of(decoder)
    for number, text in enumerate((" a", " red", " circle", " above", ",", " 红色"), start=len(SPECIAL_TOKENS)):
        torch.testing.assert_close(decoder.embedding.weight[number], own[pieces.encode(text).ids].mean(0))
    end = pieces.token_to_id(tiny_transformers.END)
    for number in (BOS_ID, EOS_ID):
        assert torch.equal(decoder.embedding.weight[number], own[end])
    for number in (PAD_ID, UNK_ID):
        torch.testing.assert_close(decoder.embedding.weight[number], own.mean(0))


@pytest.mark.parametrize(("words", "texts"), [(("a", " ", "r"), ("a", " ", "r")), (("Ġred", "Ġa", ","), None)])
def test_characters_and_byte_pairs_are_themselves(folder, words, texts):
    decoder, network = make(folder), GPT2Model.from_pretrained(folder)
    pieces = pieces_of(decoder)
    rows = vectors_of_tokens(network, decoder.blueprint["tokenizer"], (*SPECIAL_TOKENS, *words))
    ids = [pieces.token_to_id(word) for word in words] if texts is None else [pieces.encode(t).ids[0] for t in texts]
    known = [number for number in ids if number is not None]
    assert known
    for number, own in zip(range(len(SPECIAL_TOKENS), len(rows)), ids, strict=True):
        if own is not None:
            assert torch.equal(rows[number], network.wte.weight[own])


def test_a_blueprint_and_a_state_dict_rebuild_it_without_its_folder(folder, features):
    decoder = make(folder)
    again = make("gone", blueprint=decoder.blueprint)
    again.load_state_dict(decoder.state_dict())
    tokens = torch.tensor([[BOS_ID, 4, 5]] * 3)
    assert torch.equal(again(features, tokens).logits, decoder(features, tokens).logits)
    assert not any("wte" in name for name in decoder.state_dict())


def test_one_that_is_not_tuned_learns_its_prefix_alone(folder, features):
    decoder = make(folder, tuned=False).train()
    assert {name.partition(".")[0] for name, value in decoder.named_parameters() if value.requires_grad} == {"prefix"}
    tokens = torch.tensor([[BOS_ID, 4, 5]] * 3)
    assert torch.equal(decoder(features, tokens).logits, decoder(features, tokens).logits)  # no dropout
    decoder(features, tokens).logits.square().sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in decoder.prefix.parameters())


def test_the_prefix_is_read_once_an_image(folder, features):
    decoder, lengths = make(folder), []
    decoder.network.register_forward_pre_hook(
        lambda _, args, kwargs: lengths.append(tuple(kwargs["inputs_embeds"].shape[:2])), with_kwargs=True
    )
    decoder(features, torch.tensor([[BOS_ID, 4]] * 15))
    assert lengths == [(3, 3), (15, 2)]


def test_what_cannot_be_is_refused_by_name(folder, tmp_path):
    with pytest.raises(ValueError, match=r"caption_decoder\.prefix_length=20 and captions of 10 tokens .* has 24"):
        make(folder, prefix_length=20)
    with pytest.raises(ValueError, match=r"caption_decoder\.prefix_length=0"):
        make(folder, prefix_length=0)
    with pytest.raises(ValueError, match=r"caption_decoder\.pretrained=/not/there: there is no such folder"):
        make("/not/there")
    with pytest.raises(ValueError, match=r"caption_decoder\.pretrained=.*reads later words before earlier ones"):
        make(tiny_transformers.bert(tmp_path / "bert"))
