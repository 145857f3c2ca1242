"""What a job writes to the volume, part by part."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scriptorium.contracts.estimate import DiskParts
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.memory import ADAMW_8BIT_BYTES, ADAMW_BYTES, ADAPTER_BYTES
from scriptorium.planning.model_shape import ModelShape
from scriptorium.recipe import Export, ResolvedTraining

TOKENIZER_BYTES = 130  # of tokenizer.json for each entry: 17 MB for 128,256
ROW_BYTES = 40  # of Axolotl's prepared rows for each token: ids, labels, mask and positions, with their text
MERGED_BYTES = 2  # bf16
EXPORT_BYTES: dict[Export, float] = {
    "gguf-f16": 2.0,
    "gguf-q8_0": 34 / 32,  # 32 weights and an fp16 scale
    "gguf-q4_k_m": 4.9 / 8 + 2.0,  # quantised from an fp16 file, which is removed again
}


def plan_disk(
    training: ResolvedTraining, shape: ModelShape, dataset: DatasetSize, updates: int, exports: Sequence[Export]
) -> DiskParts:
    """Return the bytes of checkpoints with their optimizer states, prepared rows, merged model and exports."""
    adapter = shape.lora_parameters(training.lora_r)
    moments = ADAMW_8BIT_BYTES if training.optimizer == "adamw_8bit" else ADAMW_BYTES
    tokenizer = TOKENIZER_BYTES * shape.vocabulary
    saved = count_checkpoints(training, updates)
    return DiskParts(
        checkpoints=saved * (adapter * (ADAPTER_BYTES + moments) + tokenizer) + adapter * ADAPTER_BYTES + tokenizer,
        prepared_rows=dataset.tokens * ROW_BYTES,
        merged_model=shape.parameters * MERGED_BYTES + tokenizer,
        exports=round(sum(EXPORT_BYTES[name] for name in exports) * shape.parameters),
    )


def count_checkpoints(training: ResolvedTraining, updates: int) -> int:
    """Return the number of checkpoints: one after each interval, and one after the last update."""
    interval = math.ceil(updates / training.checkpoints)
    return math.ceil(updates / interval)
