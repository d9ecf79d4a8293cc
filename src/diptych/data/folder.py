"""A folder of pictures with captions as training reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from diptych.data.example import Example, ExampleRequest, Examples
from diptych.data.folders.captioned_folder import CaptionedFolder
from diptych.data.folders.picture import PackedPictures, Picture
from diptych.data.folders.splits import in_fixed_order, places_in
from diptych.data.membership import Identity
from diptych.data.module import DataModule
from diptych.data.pictures import PictureError
from diptych.data.squares import Squares
from diptych.types import DataSpec


@dataclass(frozen=True)
class FolderExamples:
    """Captioned picture files as square RGB bytes."""

    pictures: PackedPictures
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
        return {"names": picture.key, "sizes": picture.size}

    def label_of(self, index: int) -> str | None:
        """None: captions are no labels."""
        return None

    def content_of(self, index: int) -> bytes:
        """The bytes of the picture's file."""
        path = self.pictures[index].path
        try:
            return path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}; it could when it was checked") from error

    def identity_of(self, index: int) -> Identity:
        picture = self.pictures[index]
        return Identity.of_digest(picture.key, picture.digest)

    def places_in_fixed_order(self) -> Sequence[int]:
        return places_in(self.pictures, in_fixed_order)

    def __getitem__(self, request: ExampleRequest) -> Example:
        picture = self.pictures[request.index]
        try:
            return self._squares.example(picture.key, self.captions_of(request.index), picture.path, request.draw)
        except PictureError as error:
            raise ValueError(f"{error}; it could be decoded when the folder was checked") from error

    def without_picture(self, request: ExampleRequest) -> Example:
        return self._squares.without_picture(
            self.pictures.keys[request.index], self.captions_of(request.index), request.draw
        )

    @property
    def _squares(self) -> Squares:
        return Squares(self.image_size, self.random_crop, self.captions_per_image, self.seed)


@dataclass(kw_only=True, eq=False, repr=False)
class FolderData(CaptionedFolder, DataModule):
    """The good pictures of a `CaptionedFolder`, with their captions."""

    same_examples: ClassVar[tuple[str, ...]] = (
        *("root", "captions", "images", "split_files", "on_error", "expected"),
        *("columns", "missing"),
    )

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        spec, splits = self.divide(self.usable())
        return spec, {name: self._examples(pictures) for name, pictures in splits.items()}

    def _examples(self, pictures: Sequence[Picture]) -> FolderExamples:
        packed = PackedPictures.of(pictures, self.root)
        return FolderExamples(packed, self.image_size, self.random_crop, self.captions_per_image, self.seed)
