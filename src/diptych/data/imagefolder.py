"""Pictures in class folders as training reads them: with sentences and labels from the names of their classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from diptych.data.example import Example, ExampleRequest
from diptych.data.folder import FolderData, FolderExamples
from diptych.data.folders.class_folder import ClassFolder, class_of, in_stratified_order
from diptych.data.folders.class_names import ClassNames
from diptych.data.folders.picture import PackedPictures, Picture
from diptych.data.folders.splits import places_in


@dataclass(frozen=True)
class ClassExamples(FolderExamples):
    """Picture files as square RGB bytes, each with the sentences and the label of its class.

    Those of a fold or a `train_size` lie in their fixed order (`in_order`).
    """

    known: ClassNames
    in_order: bool

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.known.captions[class_of(self.pictures[index])]

    def label_texts_of(self, index: int) -> tuple[str, ...]:
        """The first name of the picture's class, without the folder that tells two classes of one name apart."""
        return self.known.names[class_of(self.pictures[index])][:1]

    def label_of(self, index: int) -> str:
        """The label of the picture's class."""
        return self.known.labels[class_of(self.pictures[index])]

    def places_in_fixed_order(self) -> Sequence[int]:
        return range(self.size) if self.in_order else places_in(self.pictures, in_stratified_order)

    def __getitem__(self, request: ExampleRequest) -> Example:
        return replace(super().__getitem__(request), labels=(self.label_of(request.index),))


@dataclass(kw_only=True, eq=False, repr=False)
class ImageFolderData(ClassFolder, FolderData):
    """The good pictures of a `ClassFolder`."""

    same_examples: ClassVar[tuple[str, ...]] = ("root", "classes", "split_files", "on_error", "expected")

    def _examples(self, pictures: Sequence[Picture]) -> ClassExamples:
        packed = PackedPictures.of(pictures, self.root)
        in_order = self.fold is not None or self.train_size is not None
        settings = (self.image_size, self.random_crop, self.captions_per_image, self.seed)
        return ClassExamples(packed, *settings, self.known, in_order)
