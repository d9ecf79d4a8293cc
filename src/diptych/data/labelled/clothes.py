"""Captions of a photograph of one article of clothing, as Fashion-MNIST's classes have it."""

from diptych.data.labelled.classes import Classes

NAMES = {
    "t-shirt": ("t-shirt",),
    "trousers": ("pair of trousers",),
    "pullover": ("pullover",),
    "dress": ("dress",),
    "coat": ("coat",),
    "sandal": ("sandal",),
    "shirt": ("shirt",),
    "sneaker": ("sneaker",),
    "bag": ("bag",),
    "ankle boot": ("ankle boot",),
}
"""The data call the first `T-shirt/top` and the second `Trouser`."""

PHRASINGS = (
    "{article} {name}",
    "a picture of {article} {name}",
    "a grey photo of {article} {name}",
    "this is {article} {name}",
    "the picture shows {article} {name}",
    "the shop sells {article} {name}",
    "somebody bought {article} {name}",
)

CLOTHES = Classes.named(NAMES, PHRASINGS)
