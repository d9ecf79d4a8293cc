"""What a denoiser is told besides the noisy image: how noisy it is, and its sentence."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.waves import Waves
from diptych.models.zero_at_first import zero_at_first
from diptych.types import TextFeatures


class Condition(nn.Module):
    """Levels and a sentence to one vector of `dim` numbers, the same place for both.

    Sentence vectors are standardised, whatever encoder made them. With `num_levels` above 1, a denoiser is told several
    numbers (a one-step flow: where a step begins and ends).
    """

    def __init__(self, sentence_dim: int, dim: int, num_levels: int = 1) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(f"denoiser: the condition has {dim} numbers; give an even embedding_dim (of a DiT: dim)")
        self.waves = Waves(dim)
        self.of_levels = nn.ModuleList(nn.Linear(dim, dim) for _ in range(num_levels))
        self.of_sentence = nn.Linear(sentence_dim, dim) if sentence_dim else None
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim), nn.SiLU())

    def forward(self, levels: Sequence[Float[Tensor, " batch"]], text: TextFeatures | None) -> Float[Tensor, "batch d"]:
        joined = sum(layer(self.waves(level)) for layer, level in zip(self.of_levels, levels, strict=True))
        if self.of_sentence is not None:
            assert text is not None, "a denoiser with sentences is told one, or the null condition"
            joined = joined + self.of_sentence(F.layer_norm(text.sentence, text.sentence.shape[1:]))
        return self.mix(joined)


class WordAttention(nn.Module):
    """Every place attends to the words (cross-attention); a residual that starts at zero."""

    def __init__(self, dim: int, word_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(word_dim, 2 * dim, bias=False)
        self.out = zero_at_first(nn.Linear(dim, dim))

    def forward(self, places: Float[Tensor, "batch places dim"], text: TextFeatures) -> Float[Tensor, "batch places d"]:
        words = F.layer_norm(text.words, text.words.shape[2:])
        queries = _heads(self.query(self.norm(places)), self.num_heads)
        keys, values = (_heads(part, self.num_heads) for part in self.key_value(words).chunk(2, dim=2))
        seen = F.scaled_dot_product_attention(queries, keys, values, attn_mask=text.mask[:, None, None])
        return places + self.out(seen.transpose(1, 2).flatten(2))


class SelfAttention(nn.Module):
    """Every place attends to all places; without normalisation and residual, which differ between denoisers."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, places: Float[Tensor, "batch places dim"]) -> Float[Tensor, "batch places dim"]:
        queries, keys, values = (_heads(part, self.num_heads) for part in self.query_key_value(places).chunk(3, dim=2))
        return self.out(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))


def _heads(vectors: Float[Tensor, "batch places dim"], number: int) -> Float[Tensor, "batch heads places part"]:
    return vectors.unflatten(2, (number, -1)).transpose(1, 2)
