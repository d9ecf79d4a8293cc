"""In which unit caption metrics are shown, the same in every table; files hold shares in [0, 1]."""

NO_SHARES = ("cider_d", "vocabulary_size", "mean_length")
"""CIDEr-D is coco-caption's, from 0 to 10 (published tables often multiply it by 100); two are counts of words."""


def is_share(key: str) -> bool:
    """Whether a caption metric is shown in per cent."""
    return key not in NO_SHARES
