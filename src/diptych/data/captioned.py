"""Pictures of which some have captions: what training from few captions and many pictures is given."""

from dataclasses import dataclass, replace

from diptych.data.example import Example, ExampleRequest, Examples, keyed_rng


@dataclass(frozen=True)
class PartlyCaptioned:
    """The examples of which a share is captioned, always the same ones.

    Of finite data it is the first of their order, so that those of `captioned_share=0.1` are the pictures of a
    `train_size` of a tenth. Of endless data each example is drawn by its number.
    """

    examples: Examples
    share: float

    def __post_init__(self) -> None:
        if self.share and self.size is not None and not self.is_captioned(0):
            raise ValueError(
                f"data.captioned_share={self.share:g} of {self.size:,} pictures is none: give more, or 0 for none"
            )

    @property
    def size(self) -> int | None:
        return self.examples.size

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.examples.captions_of(index) if self.is_captioned(index) else ()

    def __getitem__(self, request: ExampleRequest) -> Example:
        example = self.examples[request]
        return example if self.is_captioned(request.index) else replace(example, captioned=False)

    def is_captioned(self, index: int) -> bool:
        """Whether training may read the captions of this example."""
        if self.examples.size is None:
            return keyed_rng("captioned", index).random() < self.share
        return index < round(self.share * self.examples.size)
