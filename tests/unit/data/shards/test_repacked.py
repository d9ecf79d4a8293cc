"""The same pictures in shards with other boundaries are the same examples, in another order of training."""

from itertools import islice
from types import SimpleNamespace

import pytest

from diptych.config import UserError
from diptych.data.captioned import PartlyCaptioned
from diptych.data.identity import order_of_training, record_of
from diptych.runs.data_location import check_examples, keep_examples


@pytest.fixture
def packed(webdataset, tmp_path, write_tar, samples):
    """`packed(place, *sizes)`: opened data of the forty pictures in shards of these sizes."""

    def build(place, *sizes):
        folder, names = tmp_path / place, iter([f"{i:04d}.png" for i in range(40)])
        folder.mkdir()
        for number, size in enumerate(sizes):
            write_tar(folder / f"{number}.tar", samples(islice(names, size)))
        data = webdataset(folder, "*.tar", val_share=0.0, test_share=0.0)
        data.setup()
        return data

    return build


def test_other_boundaries_are_another_order_of_the_same_examples(packed):
    one, same, other = (packed(*given).splits for given in (("a", 10, 10, 20), ("b", 10, 10, 20), ("c", 10, 20, 10)))
    assert record_of(one) == record_of(same) == record_of(other)
    assert order_of_training(one["train"]) == order_of_training(same["train"])
    assert order_of_training(one["train"]) == order_of_training(PartlyCaptioned(one["train"], 0.5))
    assert order_of_training(one["train"]) != order_of_training(other["train"])


def test_a_run_goes_on_with_moved_shards_and_not_with_repacked_ones(packed):
    kept = {}
    folder = SimpleNamespace(run_id="run-1", write_examples=kept.update, read_examples=lambda: kept)
    config = {"data": {"_target_": "diptych.data.WebDatasetData", "root": "packed"}}
    began_with, moved, repacked = packed("a", 10, 10, 20), packed("b", 10, 10, 20), packed("c", 10, 20, 10)
    keep_examples(folder, config, began_with)
    check_examples(folder, config, moved)
    with pytest.raises(
        UserError, match=r"data\.root=packed: .*run-1 began with: their shards are divided in another way"
    ):
        check_examples(folder, config, repacked)
    del kept["order"]  # of a run that began before orders were recorded
    check_examples(folder, config, repacked)
