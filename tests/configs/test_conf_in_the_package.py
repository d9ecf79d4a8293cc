"""The tree is `pkg://diptych.conf`, in an editable install and in a wheel."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = {str(path.relative_to(REPOSITORY / "conf")) for path in (REPOSITORY / "conf").rglob("*.yaml")}


def test_the_package_holds_every_file():
    package = Path(str(files("diptych.conf")))
    assert {str(path.relative_to(package)) for path in package.rglob("*.yaml")} == FILES


def test_a_wheel_packs_every_folder():
    setuptools = pytest.importorskip("setuptools")
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = settings["packages"]["find"]
    packages = setuptools.find_namespace_packages(str(REPOSITORY / found["where"][0]), include=found["include"])
    folders = {Path(name).parent for name in FILES}
    missing = [f for f in folders if ".".join(["diptych.conf", *f.parts]) not in packages]
    assert missing == []
    assert "*.yaml" in settings["package-data"]["*"]
    assert "hydra_plugins.diptych" in packages
