"""Training examples that are seen through random changes, which leave true what is said of them.

An example is given a view: collation applies it to the pixels, after scenes are rendered, and gives the scene that is
seen. Everything is a function of the seed, the draw and the example. Requests without a draw are those of evaluation,
which sees pictures as they are.
"""

from dataclasses import dataclass, replace

from diptych.data.augmentation.captions import Claims
from diptych.data.augmentation.operation import Numbers, Operation, Picture
from diptych.data.augmentation.scenes import shows_the_same
from diptych.data.capability import capable
from diptych.data.example import Example, ExampleRequest, Labelled, keyed_rng
from diptych.data.wrapped import Wrapped
from diptych.types import Scene


@dataclass(frozen=True)
class Changes:
    """A view (`diptych.data.example.View`): operations with their numbers, one after the other."""

    steps: tuple[tuple[Operation, Numbers], ...]

    def of_image(self, image: Picture) -> Picture:
        for operation, numbers in self.steps:
            image = operation.apply(image, numbers)
        return image

    def of_scene(self, scene: Scene) -> Scene:
        for operation, numbers in self.steps:
            scene = operation.moved(scene, numbers)
        return scene


@dataclass(frozen=True)
class Augmented(Wrapped):
    """The examples of a training split with views of pictures of `side` pixels."""

    operations: tuple[Operation, ...]
    claims: Claims
    seed: int
    side: int

    def __getitem__(self, request: ExampleRequest) -> Example:
        example = self.examples[request]
        if request.draw is None:
            return example
        said = self.claims.of_example(example, self.labels_of(request.index) or None)
        steps = self._steps(example.scene, said, request.draw)
        return replace(example, view=Changes(steps)) if steps else example

    def labels_of(self, index: int) -> tuple[str, ...]:
        """The texts of the example's labels, where they are known without its picture."""
        labelled = capable(self.examples, Labelled)
        return () if labelled is None else labelled.label_texts_of(index)

    def _steps(self, scene: Scene | None, said: frozenset[str], draw: int) -> tuple[tuple[Operation, Numbers], ...]:
        steps: list[tuple[Operation, Numbers]] = []
        for operation in applicable(self.operations, said, of_scenes=scene is not None):
            numbers = operation.draw(keyed_rng(self.seed, "augmentation", operation.name, draw), self.side, scene)
            if numbers is None:
                continue
            if scene is not None:
                moved = operation.moved(scene, numbers)
                if not shows_the_same(scene, moved):
                    continue
                scene = moved
            steps.append((operation, numbers))
        return tuple(steps)


def applicable(
    operations: tuple[Operation, ...], said: frozenset[str], *, of_scenes: bool = False
) -> tuple[Operation, ...]:
    """The operations that break nothing of what is said."""
    return tuple(
        operation for operation in operations if not (operation.breaks_scenes if of_scenes else operation.breaks) & said
    )
