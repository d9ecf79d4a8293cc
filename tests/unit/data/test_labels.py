from itertools import islice

import pytest
import torch

from diptych.config.composition import compose
from diptych.data.labels import as_matrix, labels_of, scene_labels
from diptych.runs.build import build_data
from diptych.types import Batch, DataSpec, Scene, SceneObject
from diptych.world import WorldSpec

RED, SAME = SceneObject("circle", "red", "small", 8, 8, 4.1), SceneObject("circle", "red", "small", 24, 24, 4.2)
BLUE = SceneObject("square", "blue", "large", 24, 24, 5.5)


def test_a_scene_s_labels_are_its_kinds_of_objects_and_their_number():
    world = WorldSpec(min_objects=1)
    assert labels_of(Scene(32, (RED, BLUE)), world) == ("large blue square", "small red circle", "2 objects")
    assert labels_of(Scene(32, (RED,)), world) == ("small red circle", "1 object")
    assert labels_of(Scene(32, (RED, SAME)), world) == ("small red circle", "2 objects")


def test_a_constant_number_of_objects_is_no_label():
    world = WorldSpec(min_objects=2, max_objects=2)
    assert labels_of(Scene(32, (RED, BLUE)), world) == ("large blue square", "small red circle")
    assert len(scene_labels(world)) == 2 * 8 * 6
    assert scene_labels(WorldSpec(min_objects=1))[-2:] == ("1 object", "2 objects")


def test_every_scene_s_labels_are_among_the_world_s():
    for overrides in ([], ["data.world.min_objects=1"], ["data=scenes64"]):
        data = build_data(compose(["data=scenes_demo", *overrides, "data.val_size=40"]))
        examples = [data.splits["val"][request] for request in islice(requests(), 40)]
        assert {label for example in examples for label in example.labels} <= set(data.spec.labels)


def requests():
    from diptych.data import ExampleRequest

    return (ExampleRequest(index) for index in range(40))


def test_a_matrix_has_a_row_per_example_and_a_column_per_label():
    matrix = as_matrix([("b",), (), ("a", "c")], ("a", "b", "c"))
    assert matrix.tolist() == [[False, True, False], [False] * 3, [True, False, True]]
    assert as_matrix([(), ()], ("a",)).shape == (2, 1)


@pytest.mark.parametrize("name", ["digits", "scenes_demo"])
def test_batches_carry_the_labels_of_their_examples(name):
    data = build_data(compose([f"data={name}", "data.val_size=20", "data.batch_size=10"]))
    batch = next(iter(data.val_dataloader()))
    assert batch.labels.shape == (10, len(data.spec.labels))
    for row, scene, references in zip(batch.labels, batch.scenes, batch.references, strict=True):
        names = {label for label, holds in zip(data.spec.labels, row.tolist(), strict=True) if holds}
        if scene is None:
            assert len(names) == 1
            assert names.pop() in references[0]
        else:
            assert names == {f"{o.size} {o.colour} {o.shape}" for o in scene.objects}
    assert data.spec.exclusive_labels == (name == "digits")


def test_labels_move_to_a_device_with_their_batch():
    labels = torch.ones(2, 3, dtype=torch.bool)
    tokens = torch.zeros(2, 1, 2, dtype=torch.long)
    batch = Batch(torch.zeros(2, 3, 4, 4), tokens, tokens > 0, labels=labels)
    assert batch.to("meta").labels.device.type == "meta"
    assert Batch(batch.images, tokens, tokens > 0).to("meta").labels is None


def test_a_checkpoint_without_labels_is_read_as_having_none():
    spec = DataSpec("old", 8, 1, ("<pad>", "<bos>", "<eos>", "<unk>"), 4, labels=("a", "b"), exclusive_labels=True)
    assert DataSpec.from_dict(spec.to_dict()) == spec
    old = {key: value for key, value in spec.to_dict().items() if "labels" not in key}
    assert (DataSpec.from_dict(old).labels, DataSpec.from_dict(old).exclusive_labels) == ((), False)
