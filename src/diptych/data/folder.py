"""A folder of pictures with captions as training reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diptych.data.example import Example, ExampleRequest, Examples, choose_captions, keyed_rng
from diptych.data.folders.captioned_folder import CaptionedFolder
from diptych.data.folders.checks import Picture
from diptych.data.membership import Identity
from diptych.data.module import DataModule
from diptych.data.pictures import PictureError, decoders_silent
from diptych.data.squares import read_square
from diptych.types import DataSpec


@dataclass(frozen=True)
class FolderExamples:
    """Captioned picture files as square RGB bytes."""

    pictures: Sequence[Picture]
    image_size: int
    random_crop: bool
    captions_per_image: int
    seed: int

    @property
    def size(self) -> int:
        return len(self.pictures)

    def captions_of(self, index: int) -> tuple[str, ...]:
        return tuple(self.pictures[index].captions)

    def facts_of(self, index: int) -> dict[str, str | int]:
        """The picture's name in its folder, and the size of its file in bytes."""
        picture = self.pictures[index]
        return {"names": picture.key, "sizes": picture.path.stat().st_size}

    def identity_of(self, index: int) -> Identity:
        picture = self.pictures[index]
        return Identity.of(picture.key, picture.path.read_bytes())

    def __getitem__(self, request: ExampleRequest) -> Example:
        picture = self.pictures[request.index]
        rng = keyed_rng(self.seed, "folder", request.draw) if request.draw is not None else keyed_rng(picture.key)
        references = tuple(picture.captions)
        crops = self.random_crop and request.draw is not None
        try:
            with decoders_silent():
                image = read_square(picture.path, self.image_size, rng if crops else None)
        except PictureError as error:
            raise ValueError(f"{error}; it could be decoded when the folder was opened") from error
        return Example(picture.key, choose_captions(references, self.captions_per_image, rng), references, image)


@dataclass(kw_only=True, eq=False, repr=False)
class FolderData(CaptionedFolder, DataModule):
    """The good pictures of a `CaptionedFolder`, with their captions."""

    same_examples: ClassVar[tuple[str, ...]] = ("root", "captions", "images", "split_files", "on_error")

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        spec, splits = self.divide(self.usable())
        return spec, {name: self._examples(pictures) for name, pictures in splits.items()}

    def _examples(self, pictures: Sequence[Picture]) -> FolderExamples:
        return FolderExamples(pictures, self.image_size, self.random_crop, self.captions_per_image, self.seed)
