import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.reports.demo.report import DemoData, demo_page
from diptych.reports.demo.steps import Step
from diptych.reports.page.charts import charts_of
from diptych.reports.page.pictures import veil
from diptych.reports.page.sections import evaluation_section
from diptych.reports.page.tables import figures_table, interval_words, number
from diptych.reports.run.report import RunStory, run_page

VOID = {"meta", "img", "br", "line", "circle", "polyline"}


class Balanced(HTMLParser):
    """Remembers open tags and complains about one that is closed out of turn."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def example(index: int, true: bool) -> Example:
    return Example(
        index=index,
        picture=Image.new("RGB", (32, 32), "red"),
        sentence=f"sentence <{index}>",
        caption=f"caption <{index}>",
        verdicts=(("true" if true else "shape", true),),
        words=("a", "<b>"),
        attention=([[0.2, 0.8]], [[0.5, 0.5]]),
    )


def evaluation(layout: str) -> Evaluation:
    hits = [True] * 19 + [False]
    figures = [Figure.rate("scene_accuracy", hits, chance=0.01, reference=1.0), Figure("perplexity", None)]
    examples = [example(0, True), example(1, False), example(500, False)]
    described = {"lead": f"What {layout} shows.", "layout": layout}
    title = f"The {layout} & co"
    return Evaluation("one", title, {"seed": 0}, figures, {"shape": 2}, ("a note",), examples, **described)


def test_the_worst_are_those_with_the_lowest_scores_of_their_own():
    examples = [replace(example(i, True), score=("CIDEr-D", float(i % 13))) for i in range(26)]
    page = evaluation_section(replace(evaluation(Layout.CAPTIONING), examples=examples))
    worst = page.partition("The worst of all")[2].partition("In numbers")[0]
    assert re.findall(r"CIDEr-D (\d)\.000", worst) == ["0", "0", "1", "1", "2", "2", "3", "3", "4", "4"]
    assert "The worst" not in evaluation_section(evaluation(Layout.CAPTIONING))


@pytest.fixture
def documents() -> dict[str, str]:
    evaluations = [evaluation(kind) for kind in (*Layout, "of one's own")]
    curves = {"train/loss": [(0, 1.0), (100, 0.5)], "val/loss": [(100, float("nan")), (200, 0.4)]}
    run = RunStory("20260101-ab", "demo/text_to_image", "done", {"images": 3}, "a: <1>", "- x", curves, (), evaluations)
    steps = [Step("captioner", 10.0, 1000, "captioner"), Step("evaluation", 5.0)]
    demo = DemoData("full", evaluations, steps, {"loss": curves}, {"cpu": 2}, "4 shapes.")
    return {"run": run_page(run), "demo": demo_page(demo)}


@pytest.mark.parametrize("name", ["run", "demo"])
def test_every_tag_is_closed_in_its_turn(documents, name):
    parser = Balanced()
    parser.feed(documents[name])
    assert parser.open == []


@pytest.mark.parametrize("name", ["run", "demo"])
def test_a_page_asks_the_network_for_nothing(documents, name):
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", documents[name])
    assert addresses
    assert not [a for a in addresses if "//" in a.split(",")[0]]
    assert "<script" not in documents[name]
    assert "@import" not in documents[name]


@pytest.mark.parametrize("name", ["run", "demo"])
def test_what_people_wrote_is_never_markup(documents, name):
    assert "sentence &lt;0&gt;" in documents[name]
    assert "sentence <0>" not in documents[name]
    assert "<b>" not in documents[name].replace("<b>asked</b>", "").replace("<b>captioned</b>", "")


def test_failures_beyond_the_first_pictures_are_shown(documents):
    assert "sentence &lt;500&gt;" in documents["demo"]


def test_a_run_without_evaluations_says_how_to_get_one():
    document = run_page(RunStory("ab", "demo", "done", {}, "a: 1"))
    assert "diptych evaluate ab" in document


def test_a_smoke_report_says_that_its_numbers_mean_nothing():
    story = DemoData("smoke", [evaluation("generation")], [Step("captioner", 1.0, 10)], {}, {}, "")
    assert "mean nothing" in demo_page(story)


def test_a_missing_figure_is_a_dash_and_never_zero():
    assert number(None) == "—"
    assert number(0.0) == "0.0\u00a0%"


def test_a_veil_is_clear_where_attention_is_highest_and_darkest_where_it_is_nothing():
    alpha = np.asarray(veil(np.array([[0.0, 0.5, 1.0]])))[..., 3]
    assert alpha[0, 2] == 0
    assert alpha[0, 0] > alpha[0, 1] > 0
    assert not np.asarray(veil(np.full((2, 2), 0.25)))[..., 3].any()


def test_quantities_that_belong_together_share_a_chart():
    points = [(0, 1.0), (1, 2.0)]
    names = ("train/d_loss", "train/g_loss", "train/novelty", "val/right_shape", "val/right_size", "train/seconds_left")
    charts = charts_of(dict.fromkeys(names, points))
    assert {title: tuple(lines) for title, lines in charts.items()} == {
        "right, by kind of claim (validation)": ("shape", "size"),
        "losses (training)": ("d loss", "g loss"),
        "novelty (training)": ("novelty",),
    }


def test_a_table_says_what_its_intervals_range_over():
    again = Figure.rate("scene_accuracy", [True] * 6, ["a", "a", "b", "c", "c", "c"])
    once = Figure.rate("scene_accuracy", [True] * 6, list("abcdef"))
    both = Evaluation("generation", "Generation", {}, [again, once, Figure("variety", 0.5)])
    words = "Intervals: held-out contents (3), Wilson of clusters; held-out examples, Wilson"
    assert interval_words(both) == words
    assert f"<p>{words}</p>" in evaluation_section(both)
    assert interval_words(Evaluation("generation", "Generation", {}, [Figure("variety", 0.5)])) == ""


def test_intervals_of_an_older_file_are_over_examples():
    old = Figure("true", 0.5, 10, (0.2, 0.8))
    assert interval_words(Evaluation("generation", "Generation", {}, [old])) == "Intervals: held-out examples"


def test_what_passes_one_stands_at_the_edge_of_its_plot():
    plot = figures_table(Evaluation("skills", "Skills", {}, [Figure("variety_size", 1.09, 40, reference=1.2)]))
    assert 'cx="165.0"' in plot
    assert 'x1="165.0" x2="165.0"' in plot
    assert "109.0" in plot


def test_what_two_readers_differ_about_is_shown_in_the_order_of_the_evaluation():
    twice = replace(evaluation("generation_chosen"), examples=[example(500, False), example(2, True), example(1, True)])
    block = evaluation_section(twice)
    assert re.findall(r"<figcaption>sentence &lt;(\d+)&gt;", block) == ["500", "2", "1"]
    assert "what went wrong first" not in block


@pytest.mark.parametrize("layout", [*Layout, "", "of one's own"])
def test_every_layout_shows_examples_lead_and_figures(layout):
    block = evaluation_section(evaluation(layout))
    assert f"<p>What {layout} shows.</p>".replace("'", "&#x27;") in block.replace(' class="lead"', "")
    assert "sentence &lt;1&gt;" in block or "caption &lt;1&gt;" in block
    assert "scene accuracy" in block
