"""Text: sentences to token ids and back."""

from diptych.text.tokenizers import CharTokenizer, Tokenizer, WordTokenizer, tokenizer_class, tokenizer_of
from diptych.text.vocabulary import Vocabulary

__all__ = ["CharTokenizer", "Tokenizer", "Vocabulary", "WordTokenizer", "tokenizer_class", "tokenizer_of"]
