"""An image's record as the `parameters` line that galleries and other generators read.

The form is that of Stable Diffusion's web interface: the sentence, a line `Negative prompt: …` where there is one, and
a line of `Name: value` pairs with commas between them. A value with a comma, a colon or a quote stands in quotes.
"""

import json
from collections.abc import Mapping
from typing import Any

NAMES = {"steps": "Steps", "solver": "Sampler", "guidance_scale": "CFG scale"}
"""Options that others know by another name."""
NEGATIVE, HASH_LENGTH = "negative", 10


def parameters_line(record: Mapping[str, Any], size: tuple[int, int]) -> str:
    """The text of an image's record; empty for records of other kinds, which lack a sentence, a seed or a number."""
    if not {"sentence", "noise_key", "seed", "index"} <= record.keys():
        return ""
    options = {name: value for name, value in record["options"].items() if value not in (None, "", [], ())}
    pairs = {known: options[name] for name, known in NAMES.items() if name in options}
    pairs |= {
        "Seed": record["seed"],
        "Size": f"{size[0]}x{size[1]}",
        "Model hash": record["checkpoint"][:HASH_LENGTH],
        "Model": record.get("run", ""),
        "Image number": record["index"],
        "Noise key": record["noise_key"] if record["noise_key"] != record["sentence"] else "",
    }
    pairs |= {name: value for name, value in options.items() if name not in (*NAMES, NEGATIVE)}
    pairs["Version"] = f"diptych {record['diptych']}"
    told = [f"{name}: {_value(value)}" for name, value in pairs.items() if value != ""]
    negative = [f"Negative prompt: {_one_line(options[NEGATIVE])}"] if NEGATIVE in options else []
    return "\n".join([_one_line(record["sentence"]), *negative, ", ".join(told)])


def _value(value: Any) -> str:
    text = _one_line(value)
    return json.dumps(text, ensure_ascii=False) if any(sign in text for sign in ',:"') else text


def _one_line(value: Any) -> str:
    return " ".join(str(value).split())
