"""GGUF files of ours, loaded by transformers in Axolotl's environment, say what the model itself says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from in_axolotl import NEEDED, run_in_axolotl
from safetensors.numpy import load_file

from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Export
from services.merger.exporting.export import export_model

FORMATS: dict[Export, tuple[float, float]] = {"gguf-f16": (0.001, 1.0), "gguf-q8_0": (0.03, 0.9)}

pytestmark = NEEDED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its exports, and what each says."""
    root = tmp_path_factory.mktemp("gguf")
    model = root / "model"
    run_in_axolotl("gguf_reference.py", model)
    vocabulary = {"<|end|>": 0, **{f"w{number}": number for number in range(1, 64)}}
    before = {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False, "trim_offsets": True}
    body = {"type": "BPE", "vocab": vocabulary, "merges": []}
    (model / "tokenizer.json").write_text(json.dumps({"model": body, "pre_tokenizer": before, "added_tokens": []}))
    (model / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>", "chat_template": "x"}))
    for export in FORMATS:
        export_model(model, export, root / f"{export}.gguf", SilentReporter())
    run_in_axolotl("gguf_reference.py", root, *(root / f"{export}.gguf" for export in FORMATS))
    return root


@pytest.mark.parametrize("export", FORMATS)
def test_it_says_what_the_model_says(folder: Path, export: Export) -> None:
    expected = load_file(folder / "model.logits.safetensors")["logits"]
    found = load_file(folder / f"{export}.logits.safetensors")["logits"]
    tolerance, agreement = FORMATS[export]
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    assert (found.argmax(-1) == expected.argmax(-1)).mean() >= agreement
