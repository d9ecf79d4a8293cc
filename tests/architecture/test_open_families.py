"""What the redesign promised: no flag a paper, small rooms, the field's words, short doors for new ideas."""

import inspect
import re
from pathlib import Path

import pytest

FULLEST_FOLDER = 25
MOST_GAN_PARAMETERS = 12
"""Beside those of the base of all families that make images, which are no choice of a GAN's.

Each of the others is a part of the game or how the parts take turns. `terms` and `augmentations` stand for all papers
that add a loss, or change what the discriminator sees.
"""
OWN_WORDS = re.compile(r"(?<![a-z])(painters?|tellers?|recogni[sz]ers?|lessons|crew|foresight)(?![a-z])", re.IGNORECASE)
PLACES = ("src", "conf", "docs", "tests", "notebooks", "benchmarks", "README.md", "Makefile", "CONTRIBUTING.md")
TEXTS = (".py", ".yaml", ".md", ".ipynb", ".toml", ".html", "")


def _files(repository: Path) -> list[Path]:
    found = (path for place in PLACES for path in [repository / place, *(repository / place).rglob("*")])
    kept = (path for path in found if path.is_file() and path.suffix in TEXTS and "decisions" not in path.parts)
    return [path for path in kept if "__pycache__" not in path.parts and ".egg-info" not in str(path)]


def test_nobody_has_to_learn_words_of_our_own(repository: Path):
    here = Path(__file__).name
    lines = [
        f"{path.relative_to(repository)}:{number}: {line.strip()}"
        for path in _files(repository)
        if path.name != here and "fuzz_corpus" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OWN_WORDS.search(line)
    ]
    assert not lines


def test_no_folder_of_src_is_crowded(repository: Path):
    folders = [path for path in (repository / "src" / "diptych").rglob("*") if path.is_dir() and not path.is_symlink()]
    sizes = {
        str(folder.relative_to(repository)): sum(f.is_file() for f in folder.iterdir() if f.suffix != ".pyc")
        for folder in [repository / "src" / "diptych", *folders]
    }
    assert not {folder: size for folder, size in sizes.items() if size > FULLEST_FOLDER}


def test_a_gan_has_no_flag_for_every_paper():
    from diptych.systems.gan.system import GAN
    from diptych.systems.text_to_image import TextToImage

    parameters = list(inspect.signature(GAN.__init__).parameters.values())[1:]
    of_the_base = inspect.signature(TextToImage.__init__).parameters
    assert len([p for p in parameters if p.name not in of_the_base]) <= MOST_GAN_PARAMETERS
    assert not [p for p in parameters if p.kind is p.VAR_KEYWORD or p.annotation in (dict, "dict")]


@pytest.mark.parametrize("place", ["terms", "gan/terms"])
def test_no_family_knows_a_term_by_name(repository: Path, place: str):
    """A new term is a class, a file in conf/term and a test: nothing that exists names the ones there are."""
    source = repository / "src" / "diptych"
    terms = source / "systems" / place
    names = {path.stem for path in terms.glob("*.py")} - {"__init__", "base", "steps", "needs", "lenders"}
    others = [path for path in source.rglob("*.py") if path.parent != terms and path.name != "text_pretraining.py"]
    module = f"systems.{place.replace('/', '.')}"
    named = {
        f"{path.relative_to(source)}: {name}"
        for path in others
        for name in names
        if re.search(rf"{re.escape(module)}\.{name}\b", path.read_text(encoding="utf-8"))
    }
    assert names
    assert not named


COMPOSED = ("term", "augmentation", "caption_objective", "embedding_objective", "objective", "text_encoder")


@pytest.mark.parametrize("group", COMPOSED)
def test_what_composes_is_a_folder_of_files(repository: Path, group: str):
    files = list((repository / "conf" / group).glob("*.yaml"))
    assert files
    assert all("_target_: diptych." in path.read_text() or "defaults:" in path.read_text() for path in files)
