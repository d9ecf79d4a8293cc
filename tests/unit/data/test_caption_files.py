import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.caption_files import CaptionRow, Fault, read_caption_file, read_rows
from diptych.data.caption_files.text import fault_of, printable


def read(path: Path, text: str, encoding: str = "utf-8") -> tuple[list[tuple[str, str | None]], list[str]]:
    """(file, caption) of the rows, and the kinds of the faults."""
    path.write_bytes(text.encode(encoding))
    found = read_rows(path)
    rows = [(entry.file, entry.caption) for entry in found if isinstance(entry, CaptionRow)]
    return rows, [entry.kind for entry in found if isinstance(entry, Fault)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n\n{"file_name": "a.jpg", "text": "two"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "captions": ["one", "two"]}\n'),
        ("metadata.csv", "file_name,text\na.jpg,one\na.jpg,two\n"),
        ("metadata.csv", '\ufefffile_name,caption\r\n"a.jpg","one"\r\na.jpg,two\r\n'),
        ("captions.txt", "image,caption\na.jpg,one\na.jpg,two\n"),
        ("Flickr8k.token.txt", "a.jpg#0\tone\r\na.jpg#1\ttwo\r\n"),
        (
            "captions.json",
            json.dumps(
                {
                    "images": [{"id": 7, "file_name": "a.jpg"}],
                    "annotations": [
                        {"id": 1, "image_id": 7, "caption": "one"},
                        {"id": 2, "image_id": 7, "caption": "two"},
                    ],
                }
            ),
        ),
        ("metadata.jsonl", '[{"file_name": "a.jpg", "text": "one"},\n{"file_name": "a.jpg", "text": "two"}]\n'),
        ("metadata.json", '[{"file_name": "a.jpg", "text": ["one", "two"]}]'),
        ("captions.json", '{"a.jpg": ["one", "two"]}'),
        ("captions.json", '{"file_name": "a.jpg", "caption": "one"}\n{"file_name": "a.jpg", "caption": "two"}\n'),
        ("captions.out", '{"file_name": "a.jpg", "caption": "one"}\r\n{"file_name": "a.jpg", "caption": "two"}'),
        ("metadata.csv", "file_name;text\na.jpg;one\na.jpg;two\n"),
        ("metadata.csv", "sep=;\nfile_name;text\na.jpg;one\na.jpg;two\n"),
        ("metadata.csv", "file_name|text\na.jpg|one\na.jpg|two\n"),
        ("metadata.csv", ",File Name , TEXT\n0,a.jpg ,one\n1,a.jpg,two\n"),
        ("metadata.csv", "file_name,text\ra.jpg,one\ra.jpg,two\r"),
        ("captions.tsv", "file_name\ttext\na.jpg\tone\na.jpg\ttwo\n"),
        ("captions.tsv", "a.jpg#0\tone\na.jpg#1\ttwo\n"),
        ("metadata.jsonl", '{"file_name": ".\\\\a.jpg", "text": "one"}\n{"image": "b/../a.jpg", "caption": "two"}\n'),
    ],
)
def test_every_format_gives_the_same_two_captions(tmp_path, name, text):
    assert read(tmp_path / name, text) == ([("a.jpg", "one"), ("a.jpg", "two")], [])


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "Flickr8k.token.txt"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_names_the_encoding(name, encoding, tmp_path):
    text = {
        "metadata.csv": "file_name,text\r\na.jpg,café\r\nb.jpg,一只狗\r\n",
        "metadata.jsonl": '{"file_name": "a.jpg", "text": "café"}\n{"file_name": "b.jpg", "text": "一只狗"}\n',
        "Flickr8k.token.txt": "a.jpg#0\tcafé\nb.jpg#0\t一只狗\n",
    }[name]
    rows = [("a.jpg", "café"), ("b.jpg", "一只狗")]
    assert read(tmp_path / name, text, encoding) == (rows, [])
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode(encoding)))
    assert [(row.file, row.caption) for row in read_rows(tmp_path / f"{name}.gz")] == rows


@pytest.mark.parametrize(
    ("encoding", "text", "said"),
    [
        (
            "cp1252",
            "a café, a “sign”",
            r"line 3 is not UTF-8 \(the byte 0xe9 after '2.jpg,a caf'\).*CP1252.*iconv -f CP1252",
        ),
        ("cp1251", "собака бежит по траве", "CP1251"),
        ("gb18030", "一只狗在草地上跑", "GB18030"),
        ("cp932", "犬が草の上を走る", "CP932"),
        ("utf-16-le", "a café", "no byte order mark, but looks like UTF-16LE"),
        ("utf-16-be", "a café", "no byte order mark, but looks like UTF-16BE"),
    ],
)
def test_a_likely_encoding_is_named_with_the_fix(encoding, text, said, tmp_path):
    lines = ["file_name,text", "1.jpg,a dog", *(f"{i}.jpg,{text.replace(',', '')}" for i in range(2, 9))]
    (tmp_path / "metadata.csv").write_bytes("\n".join(lines).encode(encoding))
    with pytest.raises(ValueError, match=said) as error:
        read_rows(tmp_path / "metadata.csv")
    assert "save it as UTF-8" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv", "captions.txt"])
def test_only_the_ends_of_lines_end_a_line(character, name, tmp_path):
    text = {
        "metadata.jsonl": json.dumps({"file_name": "a.jpg", "text": f"a{character}dog"}, ensure_ascii=False),
        "metadata.csv": f"file_name,text\na.jpg,a{character}dog",
        "captions.txt": f"a.jpg#0\ta{character}dog",
    }[name]
    assert read(tmp_path / name, text) == ([("a.jpg", "a dog")], [])


@pytest.mark.parametrize(
    ("rows", "good", "places"),
    [
        ([(0, "a cat"), (1, '"a sign, it says'), (2, "a dog")], [0, 2], ["metadata.csv:3 (a quote opens"]),
        ([(0, '"open'), (1, "a dog"), (2, '"open'), (3, "a cat")], [1, 3], ["metadata.csv:2", "metadata.csv:4"]),
        (
            [(0, '"stop, says a sign'), (1, "a dog"), (2, '"go" says another')],
            [1],
            ["metadata.csv:2", "metadata.csv:4"],
        ),
        ([(0, '"a dog\nand a cat"'), (1, "a dog")], [1], ["metadata.csv:2", "metadata.csv:3"]),
        ([(0, '"open'), (1, "a dog"), (0, '""')], [1, 0], ["metadata.csv:2"]),
    ],
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_unclosed_quote_swallows_nothing(rows, good, places, separator, tmp_path):
    lines = [f"file_name{separator}text", *(f"{i}.jpg{separator}{caption}" for i, caption in rows)]
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    found = read_rows(tmp_path / "metadata.csv")
    faults = [row.name for row in found if isinstance(row, Fault)]
    assert [row.file for row in found if isinstance(row, CaptionRow)] == [f"{i}.jpg" for i in good]
    assert len(faults) == len(places)
    assert all(name.startswith(place) for name, place in zip(faults, places, strict=True))


@pytest.mark.parametrize("caption", ["a sign\n2.jpg,a cat", "a sign; 2.JPG; a cat".replace("JPG", "jpg"), 'x "2.jpg"'])
def test_a_caption_with_another_picture_s_name_is_a_fault(caption, tmp_path):
    entries = [{"file_name": "1.jpg", "text": caption}, {"file_name": "2.jpg", "text": "2.jpg shows a cat v1.2"}]
    rows, faults = read(tmp_path / "metadata.jsonl", "\n".join(map(json.dumps, entries)))
    assert rows == [("2.jpg", "2.jpg shows a cat v1.2")]
    assert faults == ["swallowed_rows"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            {"file_name": "a.jpg", "text": "a \ud83d dog"},
            r"m.jsonl:2 (the caption 'a \ud83d dog' holds half a character",
        ),
        ({"file_name": "a\udcff.jpg", "text": "a dog"}, r"m.jsonl:2 (the name 'a\udcff.jpg' holds half a character"),
        ({"file_name": "a.jpg", "text": "a \x00 dog"}, "holds the control character U+0000"),
        ({"file_name": "a.jpg", "text": "a \x1b[2J dog"}, "holds the control character U+001B"),
        ({"file_name": "a.jpg", "text": "a caf\x92 dog"}, "holds the control character U+0092"),
        ({"file_name": "a\n.jpg", "text": "a dog"}, "holds the control character U+000A"),
        ({"file_name": "a.jpg", "text": "a dog", "id": "\ud83d"}, "the id"),
        ({"file_name": "a.jpg", "text": "a dog", "split": "\ud83d"}, "the split"),
    ],
)
def test_broken_text_is_named_with_file_and_line(entry, said, tmp_path):
    (tmp_path / "m.jsonl").write_text('{"file_name": "0.jpg", "text": "\\ud83d\\ude00"}\n' + json.dumps(entry))
    whole, broken = read_rows(tmp_path / "m.jsonl")
    assert whole.caption == "\N{GRINNING FACE}"
    assert (broken.kind, said in broken.name) == ("broken_text", True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_half_a_character_in_the_bytes_of_a_file_costs_its_line_alone(encoding, tmp_path):
    text = "file_name,text\n0.jpg,a dog\n1.jpg,a \ud83d dog\n2.jpg,a cat\n"
    (tmp_path / "m.csv").write_bytes(text.encode(encoding, "surrogatepass"))
    first, broken, last = read_rows(tmp_path / "m.csv")
    assert (first.file, broken.kind, last.file) == ("0.jpg", "broken_text", "2.jpg")
    assert broken.name.startswith("m.csv:3 ")


@given(st.text(st.characters(exclude_categories=())))
def test_printable_text_can_be_written_anywhere(text):
    shown = printable(text)
    assert fault_of(shown) is None
    assert (shown == text) == (fault_of(text) is None)
    shown.encode("utf-8")


@given(texts=st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=4))
def test_a_table_keeps_every_caption_or_names_it(texts, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)))
    for text, row in zip(texts, read_rows(path), strict=True):
        if isinstance(row, CaptionRow):
            assert row.caption.split() == text.split()
        else:
            assert fault_of(" ".join(text.split()))


def test_splits_and_picture_ids_are_read_from_their_columns(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("file_name,text,split,id\na.jpg,one,val,5\nb.jpg,two,,6\n")
    first, second = read_caption_file(path)
    assert (first.split, first.picture_id) == ("val", "5")
    assert (second.split, second.picture_id) == (None, "6")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": \n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n["b.jpg", "two"]\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"text": "two"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": "b.jpg", "text": 2}\n'),
        ("metadata.csv", "file_name,text\na.jpg,one\nb.jpg,two, and an unquoted comma\n"),
        ("metadata.csv", "file_name,text\na.jpg,one\nb.jpg\n"),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": "b.jpg", "txt": "two"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": "b.jpg", "text": "a", "text": "b"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": "b.jpg", "text": "a", "Text": "b"}\n'),
        ("captions.txt", "a.jpg#0\tone\nb.jpg two\n"),
    ],
)
def test_a_malformed_line_is_a_fault_and_the_others_are_read(tmp_path, name, text):
    assert read(tmp_path / name, text) == ([("a.jpg", "one")], ["malformed_lines"])


def test_a_listed_picture_without_captions_is_a_row_without_one(tmp_path):
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    assert read(tmp_path / "c.json", json.dumps(coco)) == ([("a.jpg", None)], [])
    assert read(tmp_path / "metadata.jsonl", '{"file_name": "a.jpg"}') == ([("a.jpg", None)], [])
    assert read(tmp_path / "metadata.jsonl", '{"file_name": "a.jpg", "text": []}') == ([("a.jpg", None)], [])


@pytest.mark.parametrize(("of_images", "of_annotations"), [(int, str), (str, int), (int, float), (float, str)])
def test_a_coco_id_is_the_same_as_number_and_as_text(of_images, of_annotations, tmp_path):
    text_of = {int: int, float: float, str: lambda i: str(int(i))}
    coco = {
        "images": [{"id": text_of[of_images](i), "file_name": f"{i}.jpg"} for i in (7, 8)],
        "annotations": [{"image_id": text_of[of_annotations](i), "caption": f"number {i}"} for i in (8, 7)],
    }
    assert read(tmp_path / "captions.json", json.dumps(coco)) == ([("8.jpg", "number 8"), ("7.jpg", "number 7")], [])


def test_a_repeated_coco_id_is_a_fault_and_an_unknown_one_names_no_file(tmp_path):
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "caption": "one"}, {"id": 2, "image_id": 9, "caption": "two"}],
    }
    rows, faults = read(tmp_path / "captions.json", json.dumps(coco))
    assert rows == [("a.jpg", "one"), (None, "two")]
    assert faults == ["duplicate_ids"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.json", b'{"images": []}', "not a COCO caption file"),
        ("captions.json", b"[1, 2", "cannot be read as JSON"),
        ("metadata.csv", b"path,words\na.jpg,one\n", "has the columns path, words; it needs file_name and text"),
        ("metadata.jsonl", b"\xff\xfe\x00", "cannot be read"),
        ("captions.json", b"", "is empty"),
        ("captions.json", b"[]", "holds no captions"),
        ("captions.csv", b"file_name,text\n", "holds no captions"),
        (
            "metadata.csv",
            b"filname,captoin\na.jpg,one\n",
            r"did you mean filename by 'filname'\?; did you mean caption",
        ),
        ("metadata.csv", b"0.jpg,a dog\n1.jpg,a cat\n", "has no header: write file_name,text above"),
        ("captions.txt", b"a dog\na cat\n", "in no format of captions: its first line is 'a dog'"),
        ("instances.json", b'{"images": [], "annotations": [{"id": 1, "image_id": 1}]}', "no annotation has a caption"),
        ("captions.csv", b"PK\x03\x04....", "a zip archive or an Excel workbook"),
        ("captions.json", b"PAR1....", "a Parquet file"),
        ("captions.txt", b"\x80\x04....", "a pickle"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        list(read_caption_file(tmp_path / name))
    assert name in str(error.value)


def test_the_real_flickr8k_captions_are_all_read(shared_data):
    rows = list(read_caption_file(shared_data / "flickr8k" / "Flickr8k.token.txt"))
    assert len(rows) == 40_460
    assert all(isinstance(row, CaptionRow) and row.caption for row in rows)


def test_the_real_coco_captions_are_all_read(shared_data):
    rows = list(read_caption_file(shared_data / "coco_val2017_captions" / "captions_val2017.json"))
    assert len(rows) == 25_014
    assert len({row.file for row in rows}) == 5_000
