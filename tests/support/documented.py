"""The files that a page of the documentation shows: blocks whose first line is a comment with a path."""

import re
from pathlib import Path

BLOCK = re.compile(r"^```(?:python|yaml)\n# (\S+\.(?:py|yaml))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_files(page: Path, folder: Path) -> None:
    """Write every file of the page below `folder`; later blocks of a file go on where earlier ones ended."""
    for name, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as end:
            end.write(text)


def commands(page: Path) -> list[str]:
    """Every command of the page, without comments."""
    lines = (line for block in COMMANDS.findall(page.read_text(encoding="utf-8")) for line in block.splitlines())
    return [command for line in lines if (command := line.partition("  #")[0].strip())]
