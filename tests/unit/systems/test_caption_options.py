"""Options of captions, in words: what is impossible is refused by name, what is asked for is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from diptych.decoding import greedy
from diptych.models.caption_decoders import AttentionLSTMDecoder, GRUDecoder, LSTMDecoder
from diptych.models.image_encoders import ConvEncoder
from diptych.systems.captioning.ensemble import CaptionerEnsemble
from diptych.systems.captioning.objectives import CrossEntropy
from diptych.systems.captioning.options import CaptionOptions
from diptych.systems.captioning.system import Captioner
from diptych.text.tokenizers import tokenizer_class
from diptych.types import BOS_ID, SPECIAL_TOKENS, DataSpec

ENGLISH = ("a", "the", "red", "blue", "circle", "square", "on", "of")
CHINESE = tuple("一个红色蓝圆方形在的")
LANGUAGES = {"en": (ENGLISH, ("red circle", "a", "square")), "zh": (CHINESE, ("红色", "一个", "方"))}


def captioner_of(words=ENGLISH, seed=0, decoder=LSTMDecoder, tokenizer="word", max_length=9, **facts) -> Captioner:
    torch.manual_seed(seed)
    spec = DataSpec("toy", 16, 3, (*SPECIAL_TOKENS, *words), max_length=max_length, tokenizer=tokenizer, **facts)
    encoder = ConvEncoder(image_size=16, widths=(8, 12), num_halvings=2, pooled_dim=10)
    sizes = {"vocabulary_size": len(spec.vocabulary), "image_dim": 10, "embedding_dim": 12, "hidden_dim": 16}
    if decoder is AttentionLSTMDecoder:
        sizes |= {"region_dim": encoder.region_dim, "attention_dim": 8}
    network = decoder(**sizes)
    for parameter in network.parameters():
        parameter.data *= 3  # an untrained decoder finds all captions alike
    return Captioner(
        data_spec=spec,
        image_encoder=encoder,
        caption_decoder=network,
        caption_objective=CrossEntropy(),
        optimizer=lambda parameters: torch.optim.Adam(parameters),
    ).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"beam": 0}, "beam=0: keep at least one"),
        ({"beam": 2, "temperature": 1.0}, "beam=2 belongs to a search"),
        ({"contains": "red", "temperature": 1.0}, "belongs to a search"),
        ({"top_p": 0.9}, r"top_p=0.9 belongs to drawing: give temperature=1.0"),
        ({"seed": 3}, "seed=3 belongs to drawing"),
        ({"num_captions": 2}, "num_captions=2: .* give beam=2 or more"),
        ({"beam": 3, "diverse_groups": 2}, "diverse_groups=2"),
        ({"beam": 3, "diversity_penalty": 0.1}, "give diverse_groups=2"),
        ({"length_power": 0.5}, "give beam=2 or more"),
        ({"min_length": 4, "max_length": 3}, "max_length=3: give min_length=4"),
        ({"min_length": 0}, "min_length=0"),
        ({"repetition_penalty": 0.5}, "repetition_penalty=0.5"),
        ({"temperature": float("inf")}, "temperature=inf"),
        ({"suppress": (3,)}, "suppress="),
        ({"contains": " ", "beam": 2}, "contains="),
    ],
)
def test_what_has_no_sense_is_refused_by_name(options, reason):
    with pytest.raises(ValueError, match=reason):
        CaptionOptions(**options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"prefix": "a rde"}, r"prefix='a rde': this captioner never says 'rde'; did you mean red"),
        ({"contains": "purple", "beam": 3}, "contains='purple'"),
        ({"contains": "red circle", "beam": 2}, "give beam=3 or more"),
        ({"contains": "red", "beam": 4, "suppress": "red"}, "contains='red' has suppress='red' in it"),
        ({"contains": "red red", "beam": 4, "block_ngrams": 1}, "repeats what block_ngrams=1 forbids"),
        ({"max_length": 8}, "max_length=8: captions have 7 tokens at most"),
        ({"prefix": "a red circle", "max_length": 3}, "prefix='a red circle'"),
        ({"prefix": "a", "contains": "red circle", "max_length": 2, "beam": 5}, "no room for it"),
        ({"suppress": ENGLISH}, "no word is left"),
        ({"suppress": "<eos>"}, "only words can be asked for"),
        ({"contains": "<unk>", "beam": 3}, "only words can be asked for"),
    ],
)
def test_what_a_captioner_cannot_say_is_refused_by_name(options, reason, images):
    with pytest.raises(ValueError, match=reason):
        captioner_of().caption(images, **options)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("decoder", [LSTMDecoder, GRUDecoder, AttentionLSTMDecoder])
def test_what_is_asked_for_is_kept_in_every_language(language, decoder, images):
    words, (phrase, prefix, suppressed) = LANGUAGES[language]
    captioner = captioner_of(words, decoder=decoder)
    asked = {"prefix": prefix, "suppress": (suppressed, "<unk>"), "min_length": 4, "max_length": 6, "block_ngrams": 2}
    for found in (captioner.caption(images, **asked), captioner.caption(images, temperature=2.0, seed=1, **asked)):
        for caption in found:
            assert caption.text.startswith(prefix)
            assert suppressed not in caption.words
            assert "<unk>" not in caption.words
            assert 4 <= len(caption.words) <= 6
            pairs = list(zip(caption.words, caption.words[1:], strict=False))
            assert len(set(pairs)) == len(pairs)
    for caption in captioner.caption(images, contains=phrase, beam=6, num_captions=3):
        for one in (caption, *caption.alternatives):
            assert phrase in one.text
            assert not one.lacks


def test_characters_are_words_of_their_own(images):
    captioner = captioner_of(tuple("abcdefgh "), tokenizer="char", max_length=12)
    for caption in captioner.caption(images, prefix="a b", contains="cab", beam=5):
        assert caption.text.startswith("a b")
        assert "cab" in caption.text


PIECES = {"en": ["a red circle", "the red square", "a red on blue"], "zh": ["一个红色的圆", "蓝色的方形", "红色的方"]}
SAID = {"en": ("red", "the red", ("a r", "xred")), "zh": ("红色", "一个", ("的",))}


def captioner_of_pieces(language: str) -> Captioner:
    """One that writes the letters of its captions, in any pieces; other bytes are unlikely."""
    captions = PIECES[language] * 3
    cutter = tokenizer_class("bpe").cutter(captions, 290)
    words = cutter.closed_vocabulary(()).tokens[len(SPECIAL_TOKENS) :]
    captioner = captioner_of(words, tokenizer="bpe", subwords=cutter.subwords, max_length=30)
    letters = set(" ".join(cutter.split(f" {text}")[0] + "".join(cutter.split(text)) for text in captions))
    bias = torch.tensor([0.0] * len(SPECIAL_TOKENS) + [0.0 if set(word) <= letters else -30.0 for word in words])
    captioner.caption_decoder.to_logits.bias.data += bias
    return captioner


@pytest.mark.parametrize("language", PIECES)
def test_pieces_of_words_keep_what_is_asked_for_as_text(language, images):
    pytest.importorskip("tokenizers")
    captioner = captioner_of_pieces(language)
    phrase, start, suppressed = SAID[language]
    wide = {"beam": 4 * len(phrase.encode()), "num_captions": 4}
    for caption in captioner.caption(images, contains=phrase, **wide):
        for one in (caption, *caption.alternatives):
            assert captioner.tokenizer.says(captioner.tokenizer.split(one.text), phrase)
            assert not one.lacks
    usual = [caption.text for caption in captioner.caption(images, prefix=start, temperature=1.0)]
    kept_out = (phrase.split()[0][0], *suppressed)
    drawn = captioner.caption(images, temperature=1.0, num_captions=8, suppress=kept_out)
    for caption in drawn:
        for one in (caption, *caption.alternatives):
            for word in kept_out:
                assert not captioner.tokenizer.says(captioner.tokenizer.split(one.text), word)
    assert all(text.startswith(start) for text in usual)
    with pytest.raises(ValueError, match=f"contains='{phrase}' has suppress='{phrase}' in it"):
        captioner.caption(images, contains=phrase, suppress=phrase, beam=40)


def test_without_options_captions_are_those_of_greedy_search_and_never_empty(images):
    captioner = captioner_of()
    features = captioner.image_encoder(images)
    memory = captioner.caption_decoder.encode_memory(features)
    found = greedy(
        lambda tokens, state: captioner.caption_decoder.step(tokens, memory, state),
        captioner.caption_decoder.initial_state(memory),
        max_length=8,
    )
    for caption, row in zip(captioner.caption(images), found.tokens.tolist(), strict=True):
        if captioner.tokenizer.decode(row):
            assert caption.text == captioner.tokenizer.decode(row)
    captioner.caption_decoder.to_logits.bias.data[2] = 100.0  # <eos>
    for options in ({}, {"beam": 3, "num_captions": 3}, {"temperature": 1.0, "num_captions": 2}):
        for caption in captioner.caption(images, **options):
            assert all(one.words for one in (caption, *caption.alternatives))


def test_words_have_the_probabilities_of_the_score_of_the_same_caption(images):
    captioner = captioner_of(decoder=AttentionLSTMDecoder)
    for caption, image in zip(captioner.caption(images, beam=3, max_length=5), images, strict=True):
        ((score,),) = captioner.score_captions(image[None], [caption.text])
        assert score.tokens == (*caption.words, "<eos>")
        np.testing.assert_allclose(np.exp(score.log_probs[:-1]), caption.probabilities, rtol=1e-4)
        assert score.log_prob == pytest.approx(caption.log_prob, abs=1e-4)
        assert score.score == pytest.approx(caption.score, abs=1e-4)


def test_scores_are_those_of_teacher_forcing(images):
    captioner, sentences = captioner_of(), ["a red circle", "the"]
    scores = captioner.score_captions(images, sentences)
    for column, sentence in enumerate(sentences):
        tokens = torch.tensor([captioner.tokenizer.encode(sentence)] * len(images))
        nats = captioner.negative_log_likelihood(images, tokens) * (tokens.shape[1] - 1)
        np.testing.assert_allclose([-row[column].log_prob for row in scores], nats.detach(), rtol=1e-4)
    with pytest.raises(ValueError, match="it has 8 tokens; give a sentence of 1 to 7"):
        captioner.score_captions(images, ["a " * 8])
    with pytest.raises(ValueError, match="it has 0 tokens"):
        captioner.score_captions(images, [" "])


def test_what_is_drawn_depends_on_picture_and_seed_alone(images):
    captioner = captioner_of()
    together = captioner.caption(images, temperature=2.0, seed=3, num_captions=2)
    alone = [captioner.caption(image[None], temperature=2.0, seed=3, num_captions=2)[0] for image in images.flip(0)]
    texts = [[c.text, *(a.text for a in c.alternatives)] for c in together]
    assert texts == [[c.text, *(a.text for a in c.alternatives)] for c in reversed(alone)]
    assert [c.text for c in captioner.caption(images, temperature=2.0, seed=4)] != [c.text for c in together]


def test_an_ensemble_of_equal_runs_says_what_each_says(images):
    one = captioner_of(decoder=AttentionLSTMDecoder)
    both = CaptionerEnsemble({"one": one, "two": captioner_of(decoder=AttentionLSTMDecoder)})
    for mine, theirs in zip(one.caption(images, beam=3), both.caption(images, beam=3), strict=True):
        assert mine.text == theirs.text
        assert mine.log_prob == pytest.approx(theirs.log_prob, abs=1e-4)
        torch.testing.assert_close(mine.attention, theirs.attention)


def test_an_ensemble_s_likelihood_is_that_of_the_mean_probability(images):
    members = [captioner_of(seed=seed, decoder=kind) for seed, kind in ((0, LSTMDecoder), (1, AttentionLSTMDecoder))]
    ensemble = CaptionerEnsemble({str(i): member for i, member in enumerate(members)})
    tokens = torch.tensor([ensemble.tokenizer.encode("a red circle on the square")] * len(images))
    logits = [m.caption_decoder(m.image_encoder(images), tokens[:, :-1])[0] for m in members]
    mean = torch.stack([each.softmax(-1) for each in logits]).mean(0).log()
    expected = F.nll_loss(mean.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none").view(len(images), -1).mean(1)
    torch.testing.assert_close(ensemble.negative_log_likelihood(images, tokens), expected)
    assert tokens[0, 0] == BOS_ID


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"words": (*ENGLISH, "cat")}, "one and two have different vocabularies"),
        ({"max_length": 12}, "different lengths of captions"),
        ({"words": tuple("ab"), "tokenizer": "char"}, "different vocabularies"),
    ],
)
def test_runs_that_do_not_go_together_are_refused_by_name(other, reason):
    with pytest.raises(ValueError, match=reason):
        CaptionerEnsemble({"one": captioner_of(), "two": captioner_of(**other)})


def test_runs_whose_byte_pairs_differ_are_no_ensemble():
    """They may have the same tokens, and cut sentences into others of them."""
    one, two = captioner_of(), captioner_of()
    two.data_spec = replace(two.data_spec, subwords="{}")
    with pytest.raises(ValueError, match="different tokenizers"):
        CaptionerEnsemble({"one": one, "two": two})
