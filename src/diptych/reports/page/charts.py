"""Which logged quantities share a chart: what belongs together is read together."""

from collections.abc import Mapping, Sequence

from diptych.reports.page.curves import Series, curve

Points = Sequence[tuple[float, float]]

FAMILIES = {
    "scene accuracy": ("scene_accuracy", "exact_match", "faithful", "well_formed"),
    "right, by kind of claim": ("right_count", "right_shape", "right_colour", "right_size", "right_relation"),
    "why not true": tuple(
        f"false_{reason}"
        for reason in ("blank", "off_grammar", "ambiguous", "count", "shape", "colour", "size", "relation")
    ),
    "losses": ("loss", "d_loss", "g_loss"),
    "discriminator's belief": ("d_real", "d_fake_before", "d_fake_after"),
    "gradient norms": ("grad_norm", "d_grad_norm", "g_grad_norm"),
    "learning rates": ("lr", "d_lr", "g_lr"),
}
UNINTERESTING = ("seconds_left", "core_seconds")


def charts_of(metrics: Mapping[str, Points]) -> dict[str, dict[str, Points]]:
    """Charts by title, each with its lines by name: validation first, then training, the unknown on charts alone."""
    charts: dict[str, dict[str, Points]] = {}
    for stage in ("val", "train"):
        own = {name.removeprefix(f"{stage}/"): points for name, points in metrics.items() if name.startswith(stage)}
        for title, members in _grouped([name for name in own if name not in UNINTERESTING]):
            heading = f"{title} ({'validation' if stage == 'val' else 'training'})"
            charts[heading] = {_words(member): own[member] for member in members}
    return charts


def charts_grid(charts: Mapping[str, Series]) -> str:
    """Several titled charts side by side."""
    drawn = "".join(curve(title, series) for title, series in charts.items())
    return f'<div class="curves">{drawn}</div>' if drawn else ""


def _grouped(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    groups = [(title, [name for name in family if name in names]) for title, family in FAMILIES.items()]
    known = {name for _, members in groups for name in members}
    return [group for group in groups if group[1]] + [(_words(name), [name]) for name in names if name not in known]


def _words(name: str) -> str:
    return name.removeprefix("right_").removeprefix("false_").replace("_", " ")
