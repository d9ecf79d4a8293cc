"""Sentences through a pretrained network: one that learns along, or one that stays as it is and remembers.

Dropout is off in both: the generator's reading of a sentence and the discriminator's are the same, and so are those of
a batch in parts.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from diptych.models.text_encoders.pretrained.pooling import Pool
from diptych.models.text_encoders.pretrained.tokens import SubwordTokenizer
from diptych.types import TextFeatures

MIB = 2**20
_log = logging.getLogger(__name__)


class Reader(nn.Module):
    """A network that may learn; a batch is padded to its longest sentence, which attention does not see."""

    def __init__(self, network: nn.Module, tokenizer: SubwordTokenizer, pool: Pool) -> None:
        super().__init__()
        self.network, self.tokenizer, self.pool = network, tokenizer, pool
        self.eval()

    def forward(self, texts: Sequence[str]) -> TextFeatures:
        return self.read(self.tokenizer(texts))

    def read(self, tokens: Sequence[Sequence[int]]) -> TextFeatures:
        """The sentences of these tokens; at least one token each."""
        rows = [torch.tensor(row) for row in tokens]
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(self.device)
        ids = pad_sequence(rows, batch_first=True).to(self.device)
        words = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        is_real = mask.bool()
        return TextFeatures(self.pool(self.network, words, is_real), words * is_real[..., None], is_real)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def train(self, mode: bool = True) -> "Reader":
        return super().train(False)


class Reading(NamedTuple):
    """What the network said of one sentence, on the CPU."""

    sentence: Float[Tensor, " dim"]
    words: Float[Tensor, "length word_dim"]

    @property
    def num_bytes(self) -> int:
        """The memory that it takes."""
        return self.sentence.nbytes + self.words.nbytes


class FrozenReader(Reader):
    """A network that never learns: every sentence goes through it once, and copies share it with what it remembers.

    It remembers `most_bytes`, those that came first; what does not fit is read anew each time. A reading
    depends on the sentence alone: sentences are read without padding and in full precision, on the CPU one at a time
    (so that not a bit depends on the others), elsewhere together with those of the same length.
    """

    def __init__(self, network: nn.Module, tokenizer: SubwordTokenizer, pool: Pool, *, most_bytes: int) -> None:
        super().__init__(network, tokenizer, pool)
        self.requires_grad_(False)
        self.most_bytes = most_bytes
        self._forget()

    def forward(self, texts: Sequence[str]) -> TextFeatures:
        new = dict(self._readings([text for text in dict.fromkeys(texts) if text not in self._remembered]))
        readings = [new[text] if text in new else self._remembered[text] for text in texts]
        self._remember(new)
        words = pad_sequence([reading.words for reading in readings], batch_first=True)
        lengths = torch.tensor([len(reading.words) for reading in readings])
        mask = torch.arange(words.shape[1]) < lengths[:, None]
        sentences = torch.stack([reading.sentence for reading in readings])
        return TextFeatures(*(part.to(self.device) for part in (sentences, words, mask)))

    def _readings(self, texts: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Outside of inference mode, so that what is remembered can be trained with."""
        tokens = self.tokenizer(texts)
        for group in _groups([len(row) for row in tokens], alone=self.device.type == "cpu"):
            with torch.inference_mode(False), torch.no_grad(), torch.autocast(self.device.type, enabled=False):
                text = self.read([tokens[i] for i in group])
                rows = zip(text.sentence.cpu(), text.words.cpu(), strict=True)
            for i, (sentence, words) in zip(group, rows, strict=True):
                yield texts[i], Reading(sentence.clone(), words.clone())

    def _remember(self, readings: Mapping[str, Reading]) -> None:
        for text, reading in readings.items():
            if self._num_bytes + reading.num_bytes <= self.most_bytes:
                self._remembered[text] = reading
                self._num_bytes += reading.num_bytes
            elif not self._is_full:
                self._is_full = True
                _log.info(
                    "text_encoder.cache_mib=%s is full with %s sentences: others are read anew each time",
                    f"{self.most_bytes / MIB:g}",
                    f"{len(self._remembered):,}",
                )

    def _forget(self) -> None:
        self._remembered: dict[str, Reading] = {}
        self._num_bytes, self._is_full = 0, False

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """On another device numbers differ in their last bits."""
        self._forget()
        return super()._apply(fn, recurse)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._forget()
        super()._load_from_state_dict(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Reader":
        return self


def _groups(lengths: Sequence[int], *, alone: bool) -> list[list[int]]:
    """The numbers of sentences that are read together."""
    if alone:
        return [[i] for i in range(len(lengths))]
    return [[i for i, length in enumerate(lengths) if length == one] for one in dict.fromkeys(lengths)]
