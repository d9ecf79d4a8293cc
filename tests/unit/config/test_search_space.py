import pytest

from diptych.config import UserError
from diptych.config.search_space import Choice, Interval, Parameter, read_space, read_values, typed


def space_of(*overrides, **when):
    return {parameter.key: parameter for parameter in read_space(overrides, when)[1]}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("x=interval(0,1)", Interval(0.0, 1.0)),
        ("x=interval(1e-4,1e-2)", Interval(1e-4, 1e-2)),
        ("x=tag(log,interval(1e-4,1e-2))", Interval(1e-4, 1e-2, log=True)),
        ("x=int(interval(1,5))", Interval(1, 5)),
        ("x=tag(log,int(interval(8,64)))", Interval(8, 64, log=True)),
        ("x=range(1,6)", Interval(1, 5, step=1)),
        ("x=range(0,10,4)", Interval(0, 8, step=4)),
        ("x=choice(a,b)", Choice(("a", "b"))),
        ("x=a,b,a", Choice(("a", "b"))),
        ("x=choice(0.5,[1,2],{a:1})", Choice(("0.5", "[1,2]", "{a:1}"))),
    ],
)
def test_override_syntax_has_hydra_s_meaning(written, meant):
    assert space_of(written)["x"].values == meant


def test_only_intervals_of_whole_numbers_are_whole():
    assert space_of("x=int(interval(1,5))")["x"].values.is_whole
    assert not space_of("x=interval(1,5)")["x"].values.is_whole


def test_a_key_with_one_value_is_fixed():
    fixed, space = read_space(["model=dcgan", "x=1,2", "+y.z=3"])
    assert fixed == ["model=dcgan", "+y.z=3"]
    assert [parameter.key for parameter in space] == ["x"]


def test_a_parameter_applies_if_all_its_conditions_hold():
    parameter = space_of("o=a,b,c", "p=1,2", "x=interval(0,1)", x="o=a,b; p=2")["x"]
    assert parameter.applies({"o": "b", "p": "2"})
    assert not parameter.applies({"o": "c", "p": "2"})
    assert not parameter.applies({"o": "a", "p": "1"})
    assert not parameter.applies({"p": "2"})


def test_a_condition_on_a_number_holds_for_text_and_number():
    assert Parameter("x", Interval(0.0, 1.0), {"depth": ("2",)}).applies({"depth": 2})


def test_conditions_name_keys_without_a_leading_plus():
    space = space_of("+fixed=3", "+o=a,b", "+x=interval(0,1)", "y=1,2", x="o=a", y="fixed=3")
    assert list(space) == ["+o", "y", "+x"]
    assert space["+x"].applies({"+o": "a"})
    assert not space["+x"].applies({"+o": "b"})


def test_parameters_come_after_their_conditions():
    assert list(space_of("x=1,2", "y=1,2", "z=1,2", x="y=1", y="z=2")) == ["z", "y", "x"]


def test_circular_conditions_are_refused():
    with pytest.raises(UserError, match=r"when\.x depends on y"):
        space_of("x=1,2", "y=1,2", x="y=1", y="x=1")


def test_a_condition_may_name_a_fixed_key():
    assert space_of("model=dcgan", "x=1,2", x="model=dcgan")["x"].applies({"model": "dcgan"})


def test_a_fixed_key_has_no_condition():
    fixed, space = read_space(["o=a,b", "x=0.5"], {"x": "o=a"})
    assert fixed == ["x=0.5"]
    assert [parameter.key for parameter in space] == ["o"]


@pytest.mark.parametrize(
    ("overrides", "when", "message"),
    [
        (["x=interval(1,0)"], {}, "the interval is empty"),
        (["x=range(3,3)"], {}, "the interval is empty"),
        (["x=tag(log,interval(0,1))"], {}, "a log scale needs both ends above 0"),
        (["x=tag(log,range(1,10))"], {}, "even steps"),
        (["x=glob(*)"], {}, r"search over choice"),
        (["x=interval(1"], {}, r"x=interval\(1"),
        (["x=1,2"], {"z": "x=1"}, "z is not a parameter of the search"),
        (["x=1,2"], {"x": "hinge"}, r"when\.x='hinge'"),
    ],
)
def test_an_invalid_search_space_is_refused_by_name(overrides, when, message):
    with pytest.raises(UserError, match=message):
        read_space(overrides, when)


@pytest.mark.parametrize(
    ("written", "values"), [("seed=0,1,2", ("0", "1", "2")), ("seed=7", ("7",)), ("data.fold=choice(0,1)", ("0", "1"))]
)
def test_the_values_of_repeats_are_listed(written, values):
    assert read_values(written) == (written.partition("=")[0], values)


def test_numbers_are_written_with_all_their_digits():
    value = 0.1 + 0.2
    assert float(typed(value)) == value
    assert typed("adam") == "adam"
