import torch
from PIL import Image

from diptych.callbacks import Budget, Samples


def equipped(folder, heard, every_images=32, budget=72):
    return [
        Budget(budget_images=budget),
        Samples(samples_folder=folder, trackers=heard, every_images=every_images),
    ]


def test_a_generator_shows_its_grid_at_the_start_at_intervals_and_at_the_end(toy, fit, heard, tmp_path):
    class TextToImage(toy):
        def sample_grid(self):
            return torch.zeros(4, 3, 8, 8), ("a ring", "a ring", "a star", "a star")

    fit(TextToImage(), equipped(tmp_path, heard))
    assert [(name, images) for name, _, images in heard.pictures] == [
        ("samples/grid", images) for images in (0, 32, 64, 72)
    ]
    for _, path, images in heard.pictures:
        assert path.name == f"images-{images:012d}.png"
        with Image.open(path) as picture:
            assert picture.width > 2 * 96


def test_a_captioner_shows_pictures_captions_and_references(toy, fit, heard, tmp_path):
    class FrozenCaptioner(toy):
        def example_captions(self):
            return torch.zeros(2, 3, 8, 8), ["a ring", ""], [("a red ring", "one ring"), ("a star",)]

    fit(FrozenCaptioner(), equipped(tmp_path, heard))
    name, columns, rows, images = heard.tables[-1]
    assert (name, columns, images) == ("samples/examples", ("image", "caption", "reference"), 72)
    assert [row[1:] for row in rows] == [("a ring", "a red ring"), ("", "a star")]
    assert all(row[0].exists() for row in rows)
    assert heard.pictures[-1][1].name == "captions-000000000072.png"


def test_a_system_without_samples_is_left_alone(toy, fit, heard, tmp_path):
    fit(toy(), equipped(tmp_path, heard))
    assert not heard.pictures
    assert not heard.tables


def test_a_resumed_run_writes_no_initial_samples(toy, fit, heard, tmp_path):
    class TextToImage(toy):
        def sample_grid(self):
            return torch.zeros(4, 3, 8, 8), ("",) * 4

        def on_fit_start(self):
            self.images_seen = 40

    fit(TextToImage(), equipped(tmp_path, heard))
    assert [images for _, _, images in heard.pictures] == [64, 72]


def test_a_full_disk_costs_the_samples_and_not_the_run(toy, fit, heard, tmp_path, caplog):
    class TextToImage(toy):
        def sample_grid(self):
            return torch.zeros(4, 3, 8, 8), ("",) * 4

    for images in (0, 32, 64, 72):
        (tmp_path / f"images-{images:012d}.png.partial").symlink_to("/dev/full")
    system = TextToImage()
    fit(system, equipped(tmp_path, heard))
    assert system.images_seen == 72
    assert "no samples at 32 images: [Errno 28] No space left on device" in caplog.text
