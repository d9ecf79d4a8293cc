"""`docs/results.md`: every table that has a record, from declarations and records alone.

The same files give the same bytes. A row without a record is absent, and so is a table without rows.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.config.errors import UserError
from diptych.reports.page.markdown import markdown_table
from diptych.reports.page.tables import NOTHING, number
from diptych.reports.tables.board_plot import board_plot_name, boards
from diptych.reports.tables.declaration import Table, for_people
from diptych.reports.tables.measured import Measured, by_method, curves_of
from diptych.reports.tables.records import Record

HEAD = """# Results
`make results` trains, measures and writes this page. Do not edit it: [reproducing.md](reproducing.md#results) says how
to add a row.

- A row is one method, trained as its command says. What was never trained is not here.
- **Core-minutes** are processor time of a whole run, validations and samples counted, so that a busy machine changes
  little; what a row borrows stands beside it. **Images/core-s** is the pace of training alone. **Memory** is the most
  that the process took.
- Of one seed, an interval is over held-out examples and says nothing of other seeds. Of several seeds it is over
  training seeds (Student's t; Gaffke's where all agree). The weights are those of the best validation.
- *Knows nothing of objects* means no layered decoder, pose latents or scene coordinates anywhere, borrowed parts
  included; the classes that a row builds say so. Rows that do stand in a block *Object-aware*, all others do not. The
  judge trains nothing. A batch's scenes say which of its other sentences are true of a picture too, so that none of
  these counts as wrong; no loss sees more of them.
- A run that a command names as `table/row` is that of the row."""
BLOCKS = ((False, "Knows nothing of objects"), (True, "Object-aware"))
CITED = re.compile(r"\{([\w-]+/[\w.-]+)\}")
COSTS = ("row", "seeds", "parameters", "images", "core-minutes", "threads", "images/core-s", "memory")


def results_page(tables: Sequence[Table], records: Sequence[Record], images: str = "images") -> str:
    """The whole page; `images` is the folder of the plots, beside it."""
    shown = [(table, methods_of(table, records)) for table in tables]
    sections = [_section(table, methods, images) for table, methods in shown if methods]
    board = _board([(table, methods) for table, methods in shown if table.board], images)
    return "\n\n".join([HEAD, *sections, *([board] if board else [])]) + "\n"


def plot_name(table: Table) -> str:
    """The file of the table's plot."""
    return f"results_{table.name}.png"


def methods_of(table: Table, records: Sequence[Record]) -> list[Measured]:
    """The table's methods that have records, in the order of the declaration; rows no longer declared are left out."""
    places = {row.name: place for place, row in enumerate(table.rows)}
    own = [record for record in records if record.table == table.name and record.row in places]
    return sorted(by_method(own), key=lambda method: places[method.name])


def _section(table: Table, methods: Sequence[Measured], images: str) -> str:
    parts = [f"## {table.title}\n{table.question}"]
    if table.figures:
        parts.append(_how(table, methods))
    blocks = [(title, [m for m in methods if m.knows_objects == aware]) for aware, title in BLOCKS]
    for title, block in blocks:
        if block:
            heading = [f"**{title}**"] if any(m.knows_objects for m in methods) else []
            parts += [*heading, markdown_table(_header(table, block), [_row(table, m) for m in block])]
    if has_plot(table, methods):
        label = _label(table.figures[0], methods)
        parts.append(f"![{table.title}: {label} against core-minutes]({images}/{plot_name(table)})")
    parts += _of_options(table, methods, images)
    parts += _of_diversity(table, methods, images)
    parts += [text for method in methods if (text := _remarks(table, method))]
    parts.append(_provenance(methods))
    return "\n\n".join(parts)


def options_plot_name(table: Table) -> str:
    """The file of the plot against sampling options."""
    return f"results_{table.name}_options.png"


def _of_options(table: Table, methods: Sequence[Measured], images: str) -> list[str]:
    """The first figure against each option that the table varies, as a table each and one plot."""
    curves = curves_of(table, methods)
    if not curves:
        return []
    label = _label(table.figures[0], methods)
    parts = [
        f"**{label} by sampling option**, of each row's first run, on {table.vary_num:,} examples; the others as in "
        "the evaluation above."
    ]
    for option, rows in curves.items():
        assert table.vary is not None
        values = table.vary[option]
        cells = [
            (f"`{name}`", *(in_words(next((f for f in figures if f["at"] == value), None)) for value in values))
            for name, figures in rows.items()
        ]
        parts.append(markdown_table(("row", *(f"`{option}={value}`" for value in values)), cells))
    return [*parts, f"![{label} against {' and '.join(curves)}]({images}/{options_plot_name(table)})"]


def diversity_plot_name(table: Table) -> str:
    """The file of the plot of exactness against diversity."""
    return f"results_{table.name}_diversity.png"


def drawn_captions(methods: Sequence[Measured]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """By row, exactness and diversity of its first run's drawn captions at each temperature."""
    return {method.name: method.first.diversity for method in methods if method.first.diversity}


def _of_diversity(table: Table, methods: Sequence[Measured], images: str) -> list[str]:
    """Exactness against diversity of drawn captions: a table, whose cells have both, and a plot."""
    curves = drawn_captions(methods)
    if not curves:
        return []
    temperatures = sorted({point["at"] for points in curves.values() for point in points})
    cells = []
    for name, points in curves.items():
        at = {point["at"]: f"{in_words(point['exactness'])} · {in_words(point['diversity'])}" for point in points}
        cells.append((f"`{name}`", *(at.get(temperature, NOTHING) for temperature in temperatures)))
    header = ("row", *(f"at {temperature:g}" for temperature in temperatures))
    said = "**Exactness · diversity of captions drawn at each temperature**, of each row's first run."
    plot = f"![Exactness against diversity of drawn captions]({images}/{diversity_plot_name(table)})"
    return [said, markdown_table(header, cells), plot]


def has_plot(table: Table, methods: Sequence[Measured]) -> bool:
    """Whether there is anything to draw: two methods with cost and figure."""
    drawn = [m for m in methods if table.figures and m.mean(table.figures[0]) is not None and m.core_minutes]
    return len(drawn) > 1


def _how(table: Table, methods: Sequence[Measured]) -> str:
    """What was measured on, for each benchmark; rows that were measured otherwise are named."""
    lines = []
    for kind in dict.fromkeys(figure.partition("/")[0] for figure in table.figures):
        found = [(m.name, r.protocols[kind]) for m in methods for r in m.records if kind in r.protocols]
        if not found:
            continue
        usual = found[0][1]
        data = " ".join((usual["data"], *usual.get("overrides", ())))
        lines.append(
            f"*{kind.replace('_', ' ')}*: `{data}`, {usual['split']} split, {_examples(usual)}seed {usual['seed']}"
        )
        others = dict.fromkeys(name for name, own in found if own["protocol"] != usual["protocol"])
        if others:
            lines.append(f"measured otherwise, so not to be compared: {', '.join(others)}")
    command = f"diptych evaluate RUN {for_people(table.evaluate)}".rstrip()
    return f"Measured with `{command}`. {'; '.join(lines)}."


def _examples(protocol: Mapping[str, Any]) -> str:
    return f"{protocol['num']:,} examples, " if protocol.get("num") else ""


def _header(table: Table, block: Sequence[Measured]) -> list[str]:
    return [*COSTS, *(_label(figure, block) for figure in table.figures)]


def _label(figure: str, methods: Sequence[Measured]) -> str:
    """The figure's name for people, as the records have it, with what real data reach."""
    found = [record.figures[figure] for m in methods for record in m.records if figure in record.figures]
    return found[0]["name"] if found else figure.partition("/")[2].replace("_", " ")


def _row(table: Table, method: Measured) -> list[str]:
    first = method.first
    total, generator = sum(first.parameters.values()), first.parameters.get("generator")
    size = NOTHING if not total else _millions(total) + (f" (generator {_millions(generator)})" if generator else "")
    minutes = _plain(method.core_minutes)
    if method.borrowed_core_minutes is not None:
        minutes += f" + {_plain(method.borrowed_core_minutes)} borrowed"
    memory = method.peak_memory_mib
    return [
        f"`{method.name}`",
        ", ".join(str(record.seed) for record in method.records),
        size,
        f"{first.budget_images:,}",
        minutes,
        str(first.cost.get("threads") or NOTHING),
        _plain(method.images_per_core_second),
        NOTHING if memory is None else f"{memory / 1024:.2f} GiB",
        *(_cell(method, figure) for figure in table.figures),
    ]


def _cell(method: Measured, figure: str) -> str:
    """Value, interval, and what real data reach."""
    value = method.mean(figure)
    if value is None:
        return NOTHING
    known = next(record.figures[figure] for record in method.records if figure in record.figures)
    low, high = method.ends(figure) or (None, None)
    text = in_words({"value": value, "low": low, "high": high, "percent": known["percent"]})
    return text + (f"; real {number(known['reference'], percent=known['percent'])}" if "reference" in known else "")


def in_words(figure: Mapping[str, Any] | None) -> str:
    """A value with its interval."""
    if figure is None:
        return NOTHING
    percent, low, high = figure["percent"], figure.get("low"), figure.get("high")
    text = number(figure["value"], percent=percent)
    if low is None or high is None:
        return text
    ends = (f"{100 * end:.1f}" if percent else f"{end:.3g}" for end in (low, high))
    return f"{text} ({' to '.join(ends)})"


def _remarks(table: Table, method: Measured) -> str:
    """Alerts of the evaluations, and why the row fails, with the figures that it cites."""
    lines = [f"`{method.name}`, seed {record.seed}: {alert}" for record in method.records for alert in record.alerts]
    row = table.row(method.name)
    if row and row.why:
        lines.append(f"`{method.name}`: {cited(row.why, method)}")
    return "\n".join(f"- {line}" for line in lines)


def cited(why: str, method: Measured) -> str:
    """The text with its figures in place; a reason that cites no measurement is refused."""
    names = CITED.findall(why)
    if not names:
        raise UserError(f"why of {method.first.key}: cite a measurement as {{generation/recall}}, not an opinion")
    for name in names:
        if method.mean(name) is None:
            raise UserError(f"why of {method.first.key}: it cites {name}, which was not measured")
    return CITED.sub(lambda found: _cell(method, found[1]), why)


def _provenance(methods: Sequence[Measured]) -> str:
    header = ("row", "command", "configuration", "commit", "torch")
    return markdown_table(header, [_origin(method) for method in methods])


def _origin(method: Measured) -> list[str]:
    first = method.first
    commits = dict.fromkeys(_commit(record) for record in method.records)
    torch = dict.fromkeys(str(record.code.get("torch")) for record in method.records)
    return [f"`{first.row}`", f"`{first.command}`", first.configuration, ", ".join(commits), ", ".join(torch)]


def _commit(record: Record) -> str:
    commit = record.code.get("commit")
    return f"{commit[:10]}{' (changed since)' if record.code.get('dirty') else ''}" if commit else "unknown"


def _board(tables: Sequence[tuple[Table, Sequence[Measured]]], images: str) -> str:
    """Core-seconds of training until a validation first reached the value."""
    rows = []
    for table, methods in tables:
        reached = [(method.reach(table.reach), method) for method in methods if method.best_validation is not None]
        for seconds, method in sorted(reached, key=lambda pair: (pair[0] is None, pair[0] or 0.0, pair[1].name)):
            best = number(method.best_validation)
            said = f"{seconds:,.0f}" if seconds is not None else f"not reached; best {best}"
            asked = f"`{table.board}` ≥ {number(table.reach)}"
            rows.append((f"`{table.name}/{method.name}`", asked, said, "yes" if method.knows_objects else "no"))
    if not rows:
        return ""
    goals = {f"{100 * table.reach:g} %" for table, methods in tables if methods}
    goal = goals.pop() if len(goals) == 1 else "the goal"
    text = (
        f"## Core-seconds to {goal}\nProcessor time of training alone, without validations, at the first validation "
        "that reached the goal: true to one interval between validations. What a row borrows is not in it."
    )
    plots = [f"![{figure} against core-seconds]({images}/{board_plot_name(figure)})" for figure in boards(tables)]
    return "\n\n".join([text, markdown_table(("row", "goal", "core-seconds", "object-aware"), rows), *plots])


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M"


def _plain(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
