"""Tiny random networks of `transformers`, saved to a folder as pretrained ones are."""

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    GPT2Config,
    GPT2Model,
    PreTrainedTokenizerFast,
)

SENTENCES = ("a large red circle above a small blue square", "a green triangle left of a cyan ring", "红色的圆")
PLACES = 24
END = "<|endoftext|>"


def bert(folder: Path) -> Path:
    """Two layers of 16 numbers, words and characters of words as tokens."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(special_tokens=specials, show_progress=False))
    ends = [(name, specials.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_padding(length=PLACES)  # files of sentence-transformers pad and cut, which nobody asked for
    tokenizer.enable_truncation(5)
    config = BertConfig(vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=PLACES, **_sizes())
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return _saved(folder, tokenizer, lambda: BertModel(config), **names)


def gpt2(folder: Path) -> Path:
    """Two layers of 16 numbers, bytes and pairs of them as tokens."""
    tokenizer = _byte_pairs([END])
    size = tokenizer.get_vocab_size()
    config = GPT2Config(
        vocab_size=size, n_positions=PLACES, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return _saved(folder, tokenizer, lambda: GPT2Model(config), bos_token=END, eos_token=END)


def clip(folder: Path) -> Path:
    """Both towers, as CLIP is published; the text's has two layers of 16 numbers, and 12 after the projection."""
    start = "<|startoftext|>"
    tokenizer = _byte_pairs([start, END])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {END}", special_tokens=[(start, 0), (END, 1)]
    )
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = _sizes() | ends | {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": PLACES}
    image = _sizes() | {"image_size": 8, "patch_size": 4}
    towers = {"text_config": text | {"projection_dim": 12}, "vision_config": image | {"projection_dim": 12}}
    config = CLIPConfig(**towers, projection_dim=12)
    names = {"bos_token": start, "eos_token": END, "pad_token": END, "unk_token": END}
    return _saved(folder, tokenizer, lambda: CLIPModel(config), **names)


KINDS: dict[str, Callable[[Path], Path]] = {"bert": bert, "bert_cls": bert, "gpt2": gpt2, "clip": clip}
"""By the name of the text encoder that reads with it."""


def _sizes() -> dict[str, int]:
    return {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def _byte_pairs(specials: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _saved(folder: Path, tokenizer: Tokenizer, make: Callable[[], torch.nn.Module], **names: str) -> Path:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        network = make()
        for parameter in network.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)  # as they are made, sentences are nearly alike
    network.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=PLACES, **names).save_pretrained(folder)
    return folder
