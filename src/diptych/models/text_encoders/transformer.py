"""A small transformer encoder of sentences (Vaswani et al. 2017, arXiv:1706.03762), trained along with its reader.

Layers are normalised before, not after (Xiong et al. 2020, arXiv:2002.04745), and without dropout. Positions are
sinusoids. The sentence vector is a linear map of the mean of its words.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.text_encoders.interface import TextEncoder
from diptych.models.waves import sinusoids
from diptych.types import PAD_ID, Sentences, TextFeatures

Words = Float[Tensor, "batch length word_dim"]
SeenWords = Bool[Tensor, "batch 1 1 length"]


class TransformerTextEncoder(TextEncoder):
    """`num_layers` layers of `num_heads` heads, which share the `word_dim` numbers of each word."""

    def __init__(
        self,
        *,
        vocabulary_size: int,
        word_dim: int = 128,
        sentence_dim: int = 256,
        num_layers: int = 2,
        num_heads: int = 4,
        hidden_dim: int = 512,
        whitening_floor: float | None = None,
    ) -> None:
        super().__init__(word_dim=word_dim, sentence_dim=sentence_dim, whitening_floor=whitening_floor)
        if word_dim % (2 * num_heads):
            raise ValueError(
                f"text_encoder.word_dim={word_dim} must be a multiple of twice text_encoder.num_heads={num_heads}"
            )
        self.embedding = nn.Embedding(vocabulary_size, word_dim, padding_idx=PAD_ID)
        self.layers = nn.ModuleList(Layer(word_dim, num_heads, hidden_dim) for _ in range(num_layers))
        self.norm = nn.LayerNorm(word_dim)
        self.sentence = nn.Linear(word_dim, sentence_dim)

    def read(self, sentences: Sentences) -> TextFeatures:
        mask = sentences.mask
        words = self.embedding(sentences.tokens)
        words = words + sinusoids(mask.shape[1], self.word_dim).to(words)
        is_first = torch.arange(mask.shape[1], device=mask.device) == 0
        seen = (mask | is_first)[:, None, None]  # a sentence without words sees one that is padding
        for layer in self.layers:
            words = layer(words, seen)
        words = self.norm(words) * mask[..., None]
        mean = words.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return TextFeatures(self.sentence(mean), words, mask)


class Layer(nn.Module):
    """Every word looks at all words that are seen, then changes by itself."""

    def __init__(self, word_dim: int, num_heads: int, hidden_dim: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm, self.change_norm = nn.LayerNorm(word_dim), nn.LayerNorm(word_dim)
        self.to_attention = nn.Linear(word_dim, 3 * word_dim)
        self.from_attention = nn.Linear(word_dim, word_dim)
        self.change = nn.Sequential(nn.Linear(word_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, word_dim))

    def forward(self, words: Words, seen: SeenWords) -> Words:
        words = words + self.attend(self.attention_norm(words), seen)
        return words + self.change(self.change_norm(words))

    def attend(self, words: Words, seen: SeenWords) -> Words:
        """Scaled dot-product attention of all heads."""
        heads = self.to_attention(words).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        looked_up = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], attn_mask=seen)
        return self.from_attention(looked_up.transpose(1, 2).flatten(2))
