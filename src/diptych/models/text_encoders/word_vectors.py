"""The mean of a sentence's word vectors, which are learned or come from a file in GloVe's format.

The file has a word and its numbers on each line, parted by spaces (Pennington et al. 2014, doi:10.3115/v1/D14-1162).
It is read when training begins; a restored encoder has its vectors already and needs no file.
"""

import logging
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from diptych.models.text_encoders.word_sums import Counted, Weights, WordSumTextEncoder
from diptych.types import SPECIAL_TOKENS, DataSpec, Tokens, TrainingSentences

MOST_NAMED = 10
_log = logging.getLogger(__name__)


class WordVectorTextEncoder(WordSumTextEncoder):
    """The mean of word vectors, a strong baseline where order says little (Shen et al. 2018, arXiv:1805.09843).

    `vectors` is a file whose vectors have `sentence_dim` numbers. Words that it lacks begin at random, as long as the
    others. With `frozen`, none of them learns.
    """

    has_vectors: Tensor

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        sentence_dim: int = 256,
        vectors: Path | None = None,
        frozen: bool = False,
        whitening_floor: float | None = None,
    ) -> None:
        super().__init__(
            vocabulary_size=len(data_spec.vocabulary), sentence_dim=sentence_dim, whitening_floor=whitening_floor
        )
        if frozen and vectors is None:
            raise ValueError(
                "text_encoder.frozen=true keeps the vectors of a file as they are, and there is none: give "
                "text_encoder.vectors=FILE, or text_encoder.frozen=false"
            )
        self.vocabulary, self.vectors = data_spec.vocabulary, vectors
        self.register_buffer("has_vectors", torch.zeros((), dtype=torch.bool))
        self.requires_grad_(not frozen)

    def weights(self, tokens: Tokens, counted: Counted) -> Weights:
        return counted / counted.sum(1, keepdim=True).clamp(min=1)

    @torch.no_grad()
    def read_training_sentences(self, sentences: TrainingSentences) -> None:
        """Take the vectors of the file, before training begins; what training says is not asked for."""
        if self.vectors is None or self.has_vectors:
            return
        found = _vectors_of(self.vectors, _changed(self.vectors), self.vocabulary, self.sentence_dim)
        rows = torch.tensor(list(found))
        values = torch.tensor(list(found.values())).to(self.embedding.weight)
        self.embedding.weight.mul_(values.square().mean().sqrt())
        self.embedding.weight[rows] = values
        self.has_vectors.fill_(True)


def _changed(path: Path) -> int:
    """When the file was last changed."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        raise ValueError(f"text_encoder.vectors={path}: there is no such file") from None


@lru_cache(maxsize=1)  # each copy of a text encoder asks, and files have gigabytes
def _vectors_of(path: Path, changed: int, vocabulary: tuple[str, ...], dim: int) -> dict[int, list[float]]:
    """The file's vectors by token; says which words it lacks."""
    ids = {word: i for i, word in enumerate(vocabulary) if word not in SPECIAL_TOKENS}
    found: dict[int, list[float]] = {}
    for place, word, numbers in _lines(path, dim):
        if word in ids:
            found.setdefault(ids[word], _numbers(path, place, numbers, dim))
    missing = [word for word, i in ids.items() if i not in found]
    if not found:
        raise ValueError(f"text_encoder.vectors={path} has none of the {len(ids):,} words of the data: name another")
    if missing:
        more = ", …" if len(missing) > MOST_NAMED else ""
        _log.warning(
            "text_encoder.vectors=%s lacks %s of the %s words of the data, which begin at random: %s",
            path,
            f"{len(missing):,}",
            f"{len(ids):,}",
            ", ".join(missing[:MOST_NAMED]) + more,
        )
    return found


def _lines(path: Path, dim: int) -> Iterator[tuple[int, str, list[str]]]:
    """Every line's place, word and numbers; the first line of word2vec's format, two counts, is passed over."""
    with path.open(encoding="utf-8") as file:
        for place, line in enumerate(file, 1):
            num_fields = len(line.split())
            if place == 1 and num_fields == 2 < dim + 1:
                continue
            if place <= 2:
                _check_dim(path, num_fields - 1, dim)
            word, *numbers = line.rstrip().rsplit(" ", dim)  # a word may have spaces
            yield place, word, numbers


def _numbers(path: Path, place: int, texts: list[str], dim: int) -> list[float]:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        numbers = []
    if len(numbers) != dim:
        raise ValueError(f"text_encoder.vectors={path}: line {place} is not a word and {dim} numbers")
    return numbers


def _check_dim(path: Path, in_file: int, dim: int) -> None:
    if in_file != dim:
        raise ValueError(
            f"text_encoder.vectors={path} has vectors of {in_file} numbers, not of {dim}: set "
            f"text_encoder.sentence_dim={in_file}"
        )
