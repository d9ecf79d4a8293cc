"""Pretrained networks of the `transformers` library as text encoders: BERT, GPT-2, CLIP and their relatives.

Siblings differ in the class of their network and in how its words become a sentence. Words are the last hidden states.
Each cuts sentences with the tokenizer that it was trained with, and reads at most as many tokens as it has places for.

Architecture and tokenizer are the encoder's `blueprint`, which checkpoints carry; weights are in their state dict, and
once in their file, however many copies there are. So a trained run needs neither the folder nor the hub.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from diptych.models.text_encoders.interface import TextEncoder
from diptych.models.text_encoders.pretrained.pooling import (
    Pooled,
    Words,
    first_token,
    last_token,
    mean_of_tokens,
    projected_last_token,
)
from diptych.models.text_encoders.pretrained.readers import MIB, FrozenReader, Reader
from diptych.models.text_encoders.pretrained.source import Blueprint, opened, rebuilt
from diptych.models.text_encoders.pretrained.tokens import SubwordTokenizer
from diptych.types import Sentences, TextFeatures, TokenMask


class PretrainedTextEncoder(TextEncoder):
    """A network of `transformers`, frozen or `tuned`; subclasses name its class and how its words are pooled.

    `pretrained` is a folder that `save_pretrained` wrote, `pkg://PACKAGE/FOLDER` of an installed package, or a name on
    the hub, there at `revision` (a branch, tag or commit). With a `sentence_dim` or a `word_dim`, a linear map that
    learns makes vectors of that many numbers; without, they are the network's own. `cache_mib` is how much of what a
    frozen network said is remembered. With a `blueprint` nothing is read, and a state dict must follow.
    """

    reads_texts = True
    network_class: ClassVar[str] = "AutoModel"
    sentence_size: ClassVar[str] = "hidden_size"

    def __init__(
        self,
        *,
        pretrained: str,
        revision: str | None = None,
        tuned: bool = False,
        sentence_dim: int | None = None,
        word_dim: int | None = None,
        max_length: int | None = None,
        cache_mib: int = 512,
        blueprint: Mapping[str, Any] | None = None,
        whitening_floor: float | None = None,
    ) -> None:
        if blueprint is None:
            network, known = opened(self.network_class, pretrained, revision)
            self.check(network, pretrained)
        else:
            known = Blueprint(**blueprint)
            network = rebuilt(self.network_class, known)
        facts = network.config
        own_sentence, own_word = getattr(facts, self.sentence_size), facts.hidden_size
        super().__init__(
            word_dim=word_dim or own_word, sentence_dim=sentence_dim or own_sentence, whitening_floor=whitening_floor
        )
        self.blueprint = known.to_dict()
        tokenizer = SubwordTokenizer(known, max_length=max_length, empty=_empty_token(facts))
        if tuned:
            self.reader = Reader(network, tokenizer, self.pool)
        else:
            self.reader = FrozenReader(network, tokenizer, self.pool, most_bytes=cache_mib * MIB)
        self.sentence = nn.Linear(own_sentence, sentence_dim) if sentence_dim else nn.Identity()
        self.word = nn.Linear(own_word, word_dim) if word_dim else nn.Identity()

    @staticmethod
    def check(network: Any, pretrained: str) -> None:
        """Refuse a network whose words do not mean what this encoder takes them for; `ValueError` with another."""

    @staticmethod
    @abstractmethod
    def pool(network: Any, words: Words, mask: TokenMask) -> Pooled:
        """A vector a sentence, of the network's words."""

    def read(self, sentences: Sentences) -> TextFeatures:
        text = self.reader(sentences.texts)
        return TextFeatures(self.sentence(text.sentence), self.word(text.words) * text.mask[..., None], text.mask)


class BertTextEncoder(PretrainedTextEncoder):
    """BERT (Devlin et al. 2018, arXiv:1810.04805) and its relatives, such as RoBERTa and MiniLM.

    The sentence is the mean of its tokens, as the networks of Sentence-BERT have learned it (arXiv:1908.10084).
    """

    pool = staticmethod(mean_of_tokens)


class BertClassTokenTextEncoder(PretrainedTextEncoder):
    """BERT and its relatives, with the state of the first token, [CLS], as the sentence."""

    pool = staticmethod(first_token)


class GPT2TextEncoder(PretrainedTextEncoder):
    """GPT-2 (Radford et al. 2019) and other causal networks: the sentence is its last token's state."""

    pool = staticmethod(last_token)

    @staticmethod
    def check(network: Any, pretrained: str) -> None:
        with torch.no_grad():
            alone, followed = (network(input_ids=torch.tensor([ids])).last_hidden_state[0, 0] for ids in ([0], [0, 1]))
        if not torch.allclose(alone, followed, atol=1e-4):
            raise ValueError(
                f"text_encoder.pretrained={pretrained}: {type(network).__name__} reads later words before earlier "
                "ones, so its last token is no summary: choose text_encoder=bert, or a causal network such as GPT-2"
            )


class CLIPTextEncoder(PretrainedTextEncoder):
    """CLIP's text tower (Radford et al. 2021, arXiv:2103.00020): the sentence is its projection, `text_embeds`."""

    network_class = "CLIPTextModelWithProjection"
    sentence_size = "projection_dim"
    pool = staticmethod(projected_last_token)


def _empty_token(facts: Any) -> int:
    """What a causal network reads in place of nothing: where a text begins, or where one ends."""
    start, end = (getattr(facts, f"{place}_token_id", None) for place in ("bos", "eos"))
    return start if start is not None else end if end is not None else 0
