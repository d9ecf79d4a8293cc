"""What the labels of scenes say: kinds of objects by size, colour and shape, and how many objects there are."""

GROUPS: tuple[str, ...] = ("size", "colour", "shape", "count")


def value_of(label: str, group: str) -> str | None:
    """A kind of object is called by its size, colour and shape; the number of objects has a label of its own."""
    words = label.split()
    attributes = dict(zip(GROUPS, words, strict=False)) if len(words) == 3 else {"count": label}
    return attributes.get(group)
