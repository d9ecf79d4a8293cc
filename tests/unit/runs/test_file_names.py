"""No two outputs share a name, on any file system."""

import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.runs.images.files import generated_file, named_file, sheet_file
from diptych.runs.images.names import FileNames, request_name, slug
from diptych.runs.images.record import ImageRecord, save_png

ALIKE = (
    "a cat",
    "A cat",
    "a-cat",
    "a cat!",
    "caf\u00e9",
    "cafe\u0301",
    "🙂",
    "❤",
    "",
    "x" * 300,
    "x" * 301,
    "नमस्ते",
    "नमसत",
)
sentences = st.lists(st.one_of(st.text(), st.sampled_from(ALIKE)), min_size=1, max_size=12)


def picture(
    sentence: str, *, index: int = 0, seed: int = 0, digest: str = "0", side: int = 4, **told: Any
) -> Image.Image:
    image = Image.new("RGB", (side, side))
    asked = {"sentence": sentence, "noise_key": sentence, "seed": seed, "index": index}
    image.info["diptych"] = ImageRecord(**asked, options={}, checkpoint=digest, **told).to_json()
    return image


def on_a_mac(name: str) -> str:
    """The name as a file system compares it that ignores case and composition."""
    return unicodedata.normalize("NFD", name).casefold()


@given(sentences)
def test_no_two_pictures_of_a_call_share_a_name(tmp_path_factory, asked):
    names = FileNames(tmp_path_factory.getbasetemp() / "nothing")
    files = [generated_file(picture(sentence, index=i), names) for sentence in asked for i in range(2)]
    assert len({on_a_mac(file.name) for file in files}) == len(files)
    assert all(len(file.name.encode()) <= 255 for file in files)
    assert all(file.parent == names.folder and file.name == file.name.strip(" .-") for file in files)


@given(st.text(), st.text())
def test_other_requests_have_other_names_and_the_same_request_the_same(one, other):
    assert (request_name(one, one) == request_name(other, other)) == (one == other)


def test_whatever_changes_the_picture_changes_the_name(tmp_path):
    pictures = [
        picture("a"),
        picture("a", index=1),
        picture("a", seed=1),
        picture("a", digest="1"),
        picture("a", side=8),
    ]
    files = {generated_file(each, FileNames(tmp_path)) for each in pictures}
    assert len(files) == len(pictures)
    assert generated_file(picture("a"), FileNames(tmp_path)) in files


def test_the_run_s_name_and_the_images_beside_it_change_no_name(tmp_path):
    plain, told = picture("a"), picture("a", run="other", batch=(1, 8), diptych="9", best_of={"of": 3})
    file = generated_file(plain, FileNames(tmp_path))
    assert generated_file(told, FileNames(tmp_path)) == file
    save_png(plain, file)
    assert generated_file(told, FileNames(tmp_path)) == file


def test_only_the_same_request_is_written_over(tmp_path):
    first = generated_file(picture("a"), FileNames(tmp_path))
    save_png(picture("a"), first)
    assert generated_file(picture("a"), FileNames(tmp_path)) == first
    first.write_bytes(b"somebody's own")
    assert generated_file(picture("a"), FileNames(tmp_path)).name == f"{first.stem}-2.png"
    first.unlink()
    first.symlink_to(tmp_path / "nowhere")
    assert generated_file(picture("a"), FileNames(tmp_path)) != first


def test_a_sheet_is_named_by_all_of_its_pictures(tmp_path):
    rows = [[picture("a"), picture("b")], [picture("a"), picture("c")], [picture("a")]]
    files = [sheet_file(Image.new("RGB", (9, 9)), row, FileNames(tmp_path)) for row in rows]
    assert len(set(files)) == len(files)
    save_png(sheet := Image.new("RGB", (9, 9)), sheet_file(sheet, rows[0], FileNames(tmp_path)))
    assert sheet_file(Image.new("RGB", (9, 9)), rows[0], FileNames(tmp_path)) == files[0]


def test_other_images_are_named_by_their_request(tmp_path):
    asked = [{"picture": "1"}, {"picture": "2"}]
    files = [named_file(Image.new("RGB", (9, 9)), "cat", request, FileNames(tmp_path)) for request in asked]
    assert files[0] != files[1]
    assert all(file.name.startswith("cat-") for file in files)


def test_words_of_any_script_stay_readable():
    assert slug("We see: a LARGE square.") == "we-see-a-large-square"
    assert slug("नमस्ते दुनिया") == "नमस्ते-दुनिया"
    assert slug("红色的圆") == "红色的圆"
    assert slug("🙂 ❤") == ""
