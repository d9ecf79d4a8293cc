"""Generated parts of Markdown pages: a block between two marks that a command writes anew."""

from pathlib import Path

from diptych.config.errors import UserError


def rewrite(path: Path, name: str, block: str) -> None:
    """Put the block between the page's marks of that name."""
    try:
        path.write_text(replaced(path.read_text(encoding="utf-8"), name, block), encoding="utf-8")
    except ValueError as error:
        raise UserError(f"{path} {error}") from None


def replaced(page: str, name: str, block: str) -> str:
    """The page with the block between its marks in place of what was there."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"has no place for it: put {begin} and {end} there")
    return f"{before}{begin}\n{block}\n{end}{after}"
