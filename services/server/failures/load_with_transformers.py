"""Does transformers load a model folder? `python -I load_with_transformers.py FOLDER`, in vLLM's own environment.

Configuration and tokenizer are read, the model is built without memory for its weights (on torch's device "meta"), and
names and shapes of the weights are compared with those in the safetensors files. No weight is loaded. The last line of
the output is JSON: {"error": what transformers says, or null}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open

MAX_NAMES = 3  # that an error lists
MAX_LENGTH = 300  # characters of an error that is passed on

Shapes = dict[str, list[int]]


def main(folder: Path) -> None:
    """Try to load a folder and print the outcome; whatever transformers raises is the outcome."""
    try:
        error = compare_weights(build_model(folder), read_shapes(folder))
    except Exception as caught:  # noqa: BLE001  # any model's own code runs here
        words = str(caught).strip().split("\n")[0]
        error = f"{type(caught).__name__}: {words}"
    print(json.dumps({"error": error and error[:MAX_LENGTH]}))  # noqa: T201


def build_model(folder: Path) -> Any:
    """Build the model of a folder without its weights, and read its tokenizer."""
    options = {"local_files_only": True, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(folder, **options)
    transformers.AutoTokenizer.from_pretrained(folder, **options)
    name = (config.architectures or [""])[0]
    model_class = getattr(transformers, name, None)
    if model_class is None:
        raise ValueError(f"transformers {transformers.__version__} has no architecture {name!r}")
    with torch.device("meta"):
        return model_class(config)


def read_shapes(folder: Path) -> Shapes:
    """Return the shape of each tensor in the folder's safetensors files."""
    shapes: Shapes = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            shapes |= {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    return shapes


def compare_weights(model: Any, stored: Shapes) -> str | None:
    """Return how the stored weights differ from those that the model has; None if they do not.

    Quantised weights have names of their own, and so have those that transformers converts while it loads them: these
    are not compared.
    """
    renamings = list_renamings(model)
    if not stored or renamings is None or getattr(model.config, "quantization_config", None):
        return None
    wanted = {name: list(weight.shape) for name, weight in model.named_parameters()}
    names = {rename(name, renamings, wanted, model.base_model_prefix): shape for name, shape in stored.items()}
    tied = set(getattr(model, "all_tied_weights_keys", None) or ())
    missing = sorted(wanted.keys() - names.keys() - tied)
    if missing:
        return f"{len(missing)} weights are not in the files, such as {', '.join(missing[:MAX_NAMES])}"
    other = [
        f"{name} is {names[name]}, not {wanted[name]}"
        for name in sorted(wanted.keys() & names.keys())
        if names[name] != wanted[name]
    ]
    return f"{len(other)} weights have another shape: {'; '.join(other[:MAX_NAMES])}" if other else None


def list_renamings(model: Any) -> list[Any] | None:
    """Return how transformers renames a model's stored weights; None if it also converts some."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming

    mapping = get_model_conversion_mapping(model)
    return mapping if all(isinstance(entry, WeightRenaming) for entry in mapping) else None


def rename(name: str, renamings: list[Any], wanted: Shapes, prefix: str) -> str:
    """Return the name that a stored weight has in the model; files may leave out the prefix, or have it in addition."""
    for renaming in renamings:
        name = renaming.rename_source_key(name)[0]
    variants = (name, f"{prefix}.{name}", name.removeprefix(f"{prefix}."))
    return next((variant for variant in variants if variant in wanted), name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
