"""Components: configuration nodes with a `_target_`, checked against the constructor's signature, then built.

`check` needs only the class, so it runs before any data are loaded. `build` calls the class with the node's values and
with *facts* (image size, vocabulary size, …), which fill parameters by name if the node does not set them. With
`_partial_: true` it returns the constructor with its values instead of an object, as optimisers need it.
"""

import difflib
import functools
import importlib
import inspect
import traceback
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError

Node = Mapping[str, Any]
Trust = Collection[str] | None
"""Packages whose classes may be built; None trusts all, for a configuration of the user's own."""

ALWAYS_TRUSTED = ("diptych", "torch", "torchvision")
_OWN_KEYS = ("_target_", "_partial_")


def find_class(node: Node, key: str, trust: Trust = None) -> Callable[..., Any]:
    """The class that the node names; a class outside the trusted packages is refused before its import."""
    path = node.get("_target_")
    if not isinstance(path, str) or "." not in path:
        raise UserError(f"{key}._target_={path!r} is not a class: write package.module.Class")
    _refuse_distrusted(path, key, trust)
    found = _import(path, key)
    if trust is not None:
        if not inspect.isclass(found):
            raise UserError(f"{key}._target_={path} is not a class; restoring a run builds classes only")
        _refuse_distrusted(found.__module__ + ".", key, trust)
        if not _is_harmless(found):
            raise UserError(f"{key}._target_={path} is neither a network nor an optimiser: restoring refuses it")
    if not callable(found):
        raise UserError(f"{key}._target_={path} is not a class: write package.module.Class")
    return found


def check(node: Node, key: str, facts: Collection[str] = (), trust: Trust = None) -> None:
    """Refuse unknown keys, values of a wrong type, and missing required keys."""
    target = find_class(node, key, trust)
    parameters = _parameters(target)
    for name, value in node.items():
        if name not in _OWN_KEYS:
            _check_value(parameters, name, value, key, node["_target_"])
    for inner_key, inner in _inner_nodes(node, key):
        check(inner, inner_key, facts, trust)
    if not node.get("_partial_"):
        for name in _required(parameters):
            if name not in node and name not in facts:
                raise UserError(f"{key}.{name} has no value, and {node['_target_']} needs it: add {key}.{name}=…")


def build(node: Node, key: str, facts: Mapping[str, Any] = types.MappingProxyType({}), trust: Trust = None) -> Any:
    """The object (or, with `_partial_`, the constructor with its values) that the node describes."""
    target = find_class(node, key, trust)
    parameters = _parameters(target)
    values = {
        name: converted(_built(value, f"{key}.{name}", facts, trust), _annotation(parameters, name))
        for name, value in node.items()
        if name not in _OWN_KEYS
    }
    if node.get("_partial_"):
        return functools.partial(_called, target, key, **values)
    values |= {name: facts[name] for name in parameters if name in facts and name not in values}
    missing = [name for name in _required(parameters) if name not in values]
    if missing:
        raise UserError(f"{key} needs {missing[0]}, which no component provides: set it, or choose one that does")
    return _called(target, key, **values)


def _called(target: Callable[..., Any], key: str, /, *arguments: Any, **values: Any) -> Any:
    """The object; a value that a library's constructor itself refuses is named by its key."""
    try:
        return target(*arguments, **values)
    except ValueError as error:
        if isinstance(error, UserError) or not _refused_by(target, error):
            raise
        raise UserError(f"{key}: {error}") from error


def _refused_by(target: Any, error: ValueError) -> bool:
    """Whether the constructor of a class outside diptych raised the error, and not something deep inside it."""
    module = getattr(target, "__module__", "")
    names = [step.f_code.co_name for step, _ in traceback.walk_tb(error.__traceback__)]
    return not module.startswith("diptych.") and names[1:] == ["__init__"]


def parameter_names(node: Node, key: str, trust: Trust = None) -> dict[str, bool]:
    """The constructor's parameters by name, and whether each is required."""
    parameters = _parameters(find_class(node, key, trust))
    required = set(_required(parameters))
    return {name: name in required for name in parameters}


def path_names(node: Node, key: str, trust: Trust = None) -> tuple[str, ...]:
    """The constructor's parameters that take a path."""
    parameters = _parameters(find_class(node, key, trust))
    return tuple(name for name, parameter in parameters.items() if Path in _kinds(parameter.annotation))


def _refuse_distrusted(path: str, key: str, trust: Trust) -> None:
    package = path.partition(".")[0]
    if trust is not None and package not in (*ALWAYS_TRUSTED, *trust):
        raise UserError(
            f"{key}._target_ names a class of the package '{package}': if you trust it, add --trust {package} "
            f"(in Python: trust=[{package!r}])"
        )


def _is_harmless(found: type) -> bool:
    """Whether a class is safe to build: torch has classes that open files, so only networks and optimisers."""
    if found.__module__.partition(".")[0] not in ("torch", "torchvision"):
        return True
    from torch import nn, optim

    return issubclass(found, (nn.Module, optim.Optimizer, optim.lr_scheduler.LRScheduler))


def _import(path: str, key: str) -> Any:
    """The longest importable module prefix of the path, then attributes."""
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:length])
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name and not module_name.startswith(error.name):
                raise UserError(f"{key}._target_={path}: {module_name} needs the package '{error.name}'") from error
            continue
        for name in parts[length:]:
            if not hasattr(found, name):
                nearest = _nearest(name, [n for n in dir(found) if not n.startswith("_")])
                raise UserError(f"{key}._target_={path}: {module_name} has no {name!r}{nearest}")
            found = getattr(found, name)
        return found
    raise UserError(
        f"{key}._target_={path}: there is no package '{parts[0]}' here; install it, or run the command in its folder"
    )


def _parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(target).parameters)


def _annotation(parameters: Mapping[str, inspect.Parameter], name: str) -> Any:
    return parameters[name].annotation if name in parameters else None


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [n for n, p in parameters.items() if p.default is p.empty and p.kind not in variadic]


def _check_value(parameters: Mapping[str, inspect.Parameter], name: str, value: Any, key: str, target: str) -> None:
    if name not in parameters:
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return
        hint = _nearest(name, parameters, f"{key}.")
        way_out = "" if "did you mean" in hint else f"; leave it out (~{key}.{name}, where a file sets it)"
        raise UserError(f"{key}.{name}={value!r}: {target} has no such argument{hint}{way_out}")
    annotation = parameters[name].annotation
    if not _is_node(value) and not fits(value, annotation):
        wanted = getattr(annotation, "__name__", None) if inspect.isclass(annotation) else str(annotation)
        raise UserError(f"{key}.{name}={value!r}: {target} needs {wanted} here")


def _nearest(name: str, names: Collection[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    if close:
        return f"; did you mean {prefix}{close[0]}?"
    return f"; it has {', '.join(prefix + n for n in names)}" if 0 < len(names) <= 20 else ""


def fits(value: Any, annotation: Any) -> bool:
    """Whether a plain value fits the annotation; True for annotations that cannot be checked."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(annotation))
    if origin is typing.Literal:
        return value in typing.get_args(annotation)
    if annotation is types.NoneType:
        return value is None
    plain = {bool: bool, int: int, float: (int, float), str: str, tuple: (list, tuple), list: (list, tuple)}
    plain[Path] = (str, Path)
    wanted = plain.get(origin or annotation)
    if wanted is None:
        return not isinstance(value, str) or _takes_text(annotation)
    return isinstance(value, wanted) and (annotation is bool or not isinstance(value, bool))


def _takes_text(annotation: Any) -> bool:
    """Whether a text may be of this annotation; True for those that cannot be checked."""
    if annotation is inspect.Parameter.empty or not inspect.isclass(annotation):
        return True
    try:
        return issubclass(str, annotation)
    except TypeError:  # a protocol with attributes
        return True


def converted(value: Any, annotation: Any) -> Any:
    """Convert YAML's lists and strings to the tuples and paths of the annotation."""
    kinds = _kinds(annotation)
    if isinstance(value, list) and tuple in kinds:
        return tuple(value)
    if isinstance(value, str) and Path in kinds:
        return Path(value).expanduser()
    return value


def _kinds(annotation: Any) -> set[Any]:
    """The annotation's class, and those of its alternatives."""
    return {typing.get_origin(option) or option for option in (annotation, *typing.get_args(annotation))}


def _built(value: Any, key: str, facts: Mapping[str, Any], trust: Trust) -> Any:
    if _is_node(value):
        return build(value, key, facts, trust)
    if isinstance(value, list):
        return [_built(item, f"{key}[{i}]", facts, trust) for i, item in enumerate(value)]
    if isinstance(value, dict):
        return {name: _built(item, f"{key}.{name}", facts, trust) for name, item in value.items()}
    return value


def _inner_nodes(value: Any, key: str) -> Iterator[tuple[str, Node]]:
    """The components inside a component, at any depth."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        inner_key = f"{key}[{name}]" if isinstance(value, list) else f"{key}.{name}"
        if _is_node(item):
            yield inner_key, item
        else:
            yield from _inner_nodes(item, inner_key)


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value
