"""Text: sentences to token ids and back.

A name is imported when it is first asked for: who reads captions needs no tokenizer.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.text.tokenizers import CharTokenizer, Tokenizer, WordTokenizer, tokenizer_class, tokenizer_of
    from diptych.text.vocabulary import Vocabulary

__all__ = ["CharTokenizer", "Tokenizer", "Vocabulary", "WordTokenizer", "tokenizer_class", "tokenizer_of"]

__getattr__ = names_on_demand(
    __name__,
    {
        "tokenizers": (
            "CharTokenizer",
            "Tokenizer",
            "WordTokenizer",
            "tokenizer_class",
            "tokenizer_of",
        ),
        "vocabulary": ("Vocabulary",),
    },
)
