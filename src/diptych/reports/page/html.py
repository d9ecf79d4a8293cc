"""The page every report is written on, and the few HTML parts that all of them use.

Functions return HTML text; those that take text escape it, those that take `*_html` do not. A page holds its
style, pictures and curves, and asks the network for nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from diptych import __version__


def page(*, title: str, kicker: str, lead: str, sections_html: Iterable[str], footer: str) -> str:
    """A whole document. `kicker` stands small above the title, `lead` is the one sentence below it."""
    templates = files("diptych.reports.page") / "templates"
    return Template((templates / "page.html").read_text(encoding="utf-8")).substitute(
        version=__version__,
        style=(templates / "style.css").read_text(encoding="utf-8"),
        title=escape(title),
        kicker=escape(kicker),
        lead=escape(lead),
        body="\n".join(part for part in sections_html if part),
        footer=escape(footer),
    )


def section(title: str, *parts_html: str, lead: str = "") -> str:
    """A titled part of the page; nothing at all when there is nothing to show."""
    content = "\n".join(part for part in parts_html if part)
    if not content:
        return ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{paragraph(lead)}\n{content}\n</section>"


def paragraph(text: str) -> str:
    """`text` as a paragraph; nothing when it is empty."""
    return f"<p>{escape(text)}</p>" if text else ""


def facts(values: Mapping[str, object]) -> str:
    """Names over values, in as many columns as fit."""
    rows = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(str(v))}</dd></div>" for k, v in values.items())
    return f'<dl class="facts">{rows}</dl>'


def fold(summary: str, text: str) -> str:
    """`text` verbatim, folded away behind `summary`."""
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"


def plain_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of text, first column to the left; no wider than text is when it has two columns."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    width = "scroll narrow" if len(header) < 3 else "scroll"
    return f'<div class="{width}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def write(path: Path, document: str) -> Path:
    """Write a finished page so that a reader never sees half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(document, encoding="utf-8")
    return partial.replace(path)
