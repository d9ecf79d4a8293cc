"""Captions of a picture of one handwritten digit."""

NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

PHRASINGS = (
    "{article} {word}",
    "a handwritten {word}",
    "the digit {digit}",
    "the number {word}",
    "a picture of the digit {word}",
    "a handwritten {digit}",
    "somebody wrote {article} {word}",
)


def sentences(digit: int) -> tuple[str, ...]:
    """Every phrasing, in a fixed order; the first one is the shortest."""
    word = NUMERALS[digit]
    article = "an" if word == "eight" else "a"
    return tuple(phrasing.format(article=article, word=word, digit=digit) for phrasing in PHRASINGS)


def all_sentences() -> tuple[str, ...]:
    """All captions of all digits, so that the vocabulary does not depend on a sample."""
    return tuple(sentence for digit in range(len(NUMERALS)) for sentence in sentences(digit))
