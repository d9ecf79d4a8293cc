"""The table of all trials on a page: parameters, figure with its interval, and what was measured on the test split."""

from collections.abc import Mapping
from html import escape

from diptych.metrics.statistics.interval import Interval
from diptych.reports.sweeps.axis_limits import Window, window_of
from diptych.reports.sweeps.parameters import ABSENT, short_names, value_text
from diptych.reports.sweeps.trials import DONE, SweepTable, Trial
from diptych.reports.sweeps.wording import figure_text, interval_text

WIDTH, HEIGHT, EDGE = 170, 18, 5


def trials_table(table: SweepTable, links: Mapping[str, str]) -> str:
    """A line a trial, the leader's in bold; its number leads to its runs where `links` has their folders."""
    head = "".join(f'<th class="{kind}"{title}>{_in_lines(name)}</th>' for name, kind, title in _header(table))
    means = [mean for trial in table.ranked if (mean := trial.mean()) is not None]
    window = window_of(means, table.objectives[0].mode) if means else None
    rows = "".join(_row(table, trial, links, window) for trial in table.trials)
    content = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="trials">{content}</table></div>'


def _header(table: SweepTable) -> list[tuple[str, str, str]]:
    names = short_names(table.keys)
    header = [("", "", ""), *((names[key], "", f' title="{escape(key)}"') for key in table.keys)]
    for place, objective in enumerate(table.objectives):
        plot = [("mean and interval", "plot", ' title="an arrow: it goes on"')] if place == 0 else []
        header += [(objective.name, "", ""), *plot, ("95 % interval", "n", "")]
    header += [("n", "", "")]
    header += [("test", "", "")] if table.tested_name else []
    images = [("images", "n", "")] if _have_images(table) else []
    return [*header, *images, ("seconds", "n", ""), *([("state", "", "")] if _have_states(table) else [])]


def _in_lines(name: str) -> str:
    """A long name may go on in the next line after a word of it."""
    return escape(name).replace("_", "_<wbr>").replace("/", "/<wbr>")


def _have_images(table: SweepTable) -> bool:
    """Whether they differ."""
    return len({trial.images for trial in table.trials}) > 1


def _have_states(table: SweepTable) -> bool:
    """Whether any is not simply done."""
    return any(trial.state != DONE for trial in table.trials)


def _row(table: SweepTable, trial: Trial, links: Mapping[str, str], window: Window | None) -> str:
    cells = [f"<td>{_number(trial, links)}</td>"]
    cells += [f"<td>{escape(value_text(trial.parameters.get(key, ABSENT)))}</td>" for key in table.keys]
    for place in range(len(table.objectives)):
        plot = [f'<td class="plot">{_plot(trial, window)}</td>'] if place == 0 else []
        interval = f'<td class="n">{interval_text(trial, place)}</td>'
        cells += [f"<td>{figure_text(trial.mean(place))}</td>", *plot, interval]
    cells.append(f"<td>{len(trial.counted) or ''}</td>")
    if table.tested_name:
        cells.append(f"<td>{', '.join(map(figure_text, trial.tested))}</td>")
    images = [f"{trial.images:,.0f}" if trial.images else ""] if _have_images(table) else []
    cost = [*images, f"{trial.seconds:,.1f}" if trial.seconds else ""]
    cells += [f'<td class="n">{text}</td>' for text in cost]
    cells += [f"<td>{escape(trial.state)}</td>"] if _have_states(table) else []
    return f"<tr{' class=main' if trial is table.leader else ''}>{''.join(cells)}</tr>"


def _number(trial: Trial, links: Mapping[str, str]) -> str:
    """The number, and below it a link to each run's folder."""
    runs = [(run, links[run.run_id]) for run in trial.runs if run.run_id in links]
    told = " ".join(f'<a href="{escape(href)}">{escape(_seed_words(run.seed))}</a>' for run, href in runs)
    return f"#{trial.number}{f'<small>{told}</small>' if told else ''}"


def _seed_words(seed: object) -> str:
    return "run" if seed is None else f"seed\u00a0{seed}"


def _plot(trial: Trial, window: Window | None) -> str:
    """A dot for the mean between the worst and the best that is shown, a bar for its interval."""
    mean, interval = trial.mean(), trial.interval()
    if mean is None or window is None:
        return ""
    middle = HEIGHT / 2
    ends = _bar(interval, window, middle) if interval else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f'<line class="axis" x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{middle}" y2="{middle}"/>{ends}'
        f'<circle cx="{_x(mean, window)}" cy="{middle}" r="4" style="fill: var(--one)"/></svg>'
    )


def _bar(interval: Interval, window: Window, middle: float) -> str:
    """With an arrow at an end that lies beyond the window."""
    low, high = (_x(end, window) for end in interval.ends)
    style = "stroke: var(--one); stroke-width: 3; opacity: 0.45"
    beyond = [(low, -EDGE)] if interval.low < window.low else []
    beyond += [(high, EDGE)] if interval.high > window.high else []
    fill = "fill: var(--one); opacity: 0.6"
    arrows = "".join(
        f'<polygon points="{x},{middle - 4} {x + to},{middle} {x},{middle + 4}" style="{fill}"/>' for x, to in beyond
    )
    return f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" style="{style}"/>{arrows}'


def _x(value: float, window: Window) -> float:
    """What lies beyond the window stands at its edge."""
    own = float(window.clipped([value])[0])
    return round(EDGE + (WIDTH - 2 * EDGE) * window.share(own), 1)
