"""Our GGUF files, loaded by transformers in Axolotl's environment, have the logits of the model itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from safetensors.numpy import load_file

from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Export
from services.merger.exporting.export import export_model

FORMATS: dict[Export, tuple[float, float]] = {"gguf-f16": (0.001, 1.0), "gguf-q8_0": (0.03, 0.9)}

pytestmark = AXOLOTL_MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model, its exports, and the logits of each."""
    root = tmp_path_factory.mktemp("gguf")
    model = root / "model"
    run_in_axolotl("gguf_reference.py", model)
    vocabulary = {"<|end|>": 0, **{f"w{number}": number for number in range(1, 64)}}
    tokenizer = {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
        "pre_tokenizer": {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False, "trim_offsets": True},
        "added_tokens": [],
    }
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    (model / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>", "chat_template": "x"}))
    for export in FORMATS:
        export_model(model, export, root / f"{export}.gguf", SilentReporter())
    run_in_axolotl("gguf_reference.py", root, *(root / f"{export}.gguf" for export in FORMATS))
    return root


@pytest.mark.parametrize("export", FORMATS)
def test_an_export_has_the_models_logits(folder: Path, export: Export) -> None:
    expected = load_file(folder / "model.logits.safetensors")["logits"]
    logits = load_file(folder / f"{export}.logits.safetensors")["logits"]
    tolerance, agreement = FORMATS[export]
    assert np.abs(logits - expected).max() <= tolerance * np.abs(expected).max()
    assert (logits.argmax(-1) == expected.argmax(-1)).mean() >= agreement
