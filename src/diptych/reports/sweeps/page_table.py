"""The table of all trials on a page: parameters, figure with interval, and test results."""

from collections.abc import Mapping
from html import escape

from diptych.metrics.statistics.interval import Interval
from diptych.reports.sweeps.axis_limits import AxisLimits, axis_limits_of
from diptych.reports.sweeps.parameters import ABSENT, short_names, value_text
from diptych.reports.sweeps.trials import DONE, SweepTable, Trial
from diptych.reports.sweeps.wording import figure_text, interval_text

WIDTH, HEIGHT, EDGE = 170, 18, 5


def trials_table(table: SweepTable, links: Mapping[str, str]) -> str:
    """One row per trial, the best in bold; `links` has the folders of the runs."""
    head = "".join(f'<th class="{kind}"{title}>{_in_lines(name)}</th>' for name, kind, title in _header(table))
    means = [mean for trial in table.ranked if (mean := trial.mean()) is not None]
    limits = axis_limits_of(means, table.objectives[0].mode) if means else None
    rows = "".join(_row(table, trial, links, limits) for trial in table.trials)
    content = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="trials">{content}</table></div>'


def _header(table: SweepTable) -> list[tuple[str, str, str]]:
    names = short_names(table.keys)
    header = [("", "", ""), *((names[key], "", f' title="{escape(key)}"') for key in table.keys)]
    for place, objective in enumerate(table.objectives):
        plot = [("mean and interval", "plot", ' title="an arrow: the interval continues"')] if place == 0 else []
        header += [(objective.name, "", ""), *plot, ("95 % interval", "n", "")]
    header += [("n", "", "")]
    header += [("test", "", "")] if table.test_metric else []
    images = [("images", "n", "")] if _have_images(table) else []
    return [*header, *images, ("seconds", "n", ""), *([("state", "", "")] if _have_states(table) else [])]


def _in_lines(name: str) -> str:
    """The name with possible line breaks after its words."""
    return escape(name).replace("_", "_<wbr>").replace("/", "/<wbr>")


def _have_images(table: SweepTable) -> bool:
    """Whether the trials' images differ."""
    return len({trial.images for trial in table.trials}) > 1


def _have_states(table: SweepTable) -> bool:
    """Whether any trial is not done."""
    return any(trial.state != DONE for trial in table.trials)


def _row(table: SweepTable, trial: Trial, links: Mapping[str, str], limits: AxisLimits | None) -> str:
    cells = [f"<td>{_number(trial, links)}</td>"]
    cells += [f"<td>{escape(value_text(trial.parameters.get(key, ABSENT)))}</td>" for key in table.keys]
    for place in range(len(table.objectives)):
        plot = [f'<td class="plot">{_plot(trial, limits)}</td>'] if place == 0 else []
        interval = f'<td class="n">{interval_text(trial, place)}</td>'
        cells += [f"<td>{figure_text(trial.mean(place))}</td>", *plot, interval]
    cells.append(f"<td>{len(trial.counted) or ''}</td>")
    if table.test_metric:
        cells.append(f"<td>{', '.join(map(figure_text, trial.test_results))}</td>")
    images = [f"{trial.images:,.0f}" if trial.images else ""] if _have_images(table) else []
    cost = [*images, f"{trial.seconds:,.1f}" if trial.seconds else ""]
    cells += [f'<td class="n">{text}</td>' for text in cost]
    cells += [f"<td>{escape(trial.state)}</td>"] if _have_states(table) else []
    return f"<tr{' class=main' if trial is table.best else ''}>{''.join(cells)}</tr>"


def _number(trial: Trial, links: Mapping[str, str]) -> str:
    """The trial's number, and below it a link to each run's folder."""
    runs = [(run, links[run.run_id]) for run in trial.runs if run.run_id in links]
    anchors = " ".join(f'<a href="{escape(href)}">{escape(_seed_words(run.seed))}</a>' for run, href in runs)
    return f"#{trial.number}{f'<small>{anchors}</small>' if anchors else ''}"


def _seed_words(seed: object) -> str:
    return "run" if seed is None else f"seed\u00a0{seed}"


def _plot(trial: Trial, limits: AxisLimits | None) -> str:
    """A dot for the mean and a bar for its interval, between the axis limits."""
    mean, interval = trial.mean(), trial.interval()
    if mean is None or limits is None:
        return ""
    middle = HEIGHT / 2
    ends = _bar(interval, limits, middle) if interval else ""
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f'<line class="axis" x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{middle}" y2="{middle}"/>{ends}'
        f'<circle cx="{_x(mean, limits)}" cy="{middle}" r="4" style="fill: var(--one)"/></svg>'
    )


def _bar(interval: Interval, limits: AxisLimits, middle: float) -> str:
    """The bar, with an arrow at an end beyond the limits."""
    low, high = (_x(end, limits) for end in interval.ends)
    style = "stroke: var(--one); stroke-width: 3; opacity: 0.45"
    beyond = [(low, -EDGE)] if interval.low < limits.low else []
    beyond += [(high, EDGE)] if interval.high > limits.high else []
    fill = "fill: var(--one); opacity: 0.6"
    arrows = "".join(
        f'<polygon points="{x},{middle - 4} {x + to},{middle} {x},{middle + 4}" style="{fill}"/>' for x, to in beyond
    )
    return f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" style="{style}"/>{arrows}'


def _x(value: float, limits: AxisLimits) -> float:
    """The x position; values beyond the limits are at the edge."""
    own = float(limits.clipped([value])[0])
    return round(EDGE + (WIDTH - 2 * EDGE) * limits.share(own), 1)
