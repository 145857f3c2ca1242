"""Output layers that share the embeddings' values (tie_word_embeddings): when a merge has to untie them.

Training changes one of the two, or each of them differently, unless PEFT is configured to keep them together. One
tensor could not hold both, so the merged model then has an output layer of its own.
"""

from __future__ import annotations

import numpy as np

from services.merger.inputs.adapter import Adapter
from services.merger.inputs.base import HEADS, Base
from services.merger.inputs.safetensors_file import open_descriptor, read_rows, round_to, row_blocks
from services.merger.low_rank_update import LowRank
from services.merger.planning.tensor_source import TensorSource, find_source


def resolve_tied_head(base: Base, adapter: Adapter, sources: dict[str, TensorSource]) -> str | None:
    """Set the source of a tied output layer; returns its name if it has to be untied from the embeddings."""
    embeddings, head = base.embeddings.name, head_name(base, adapter)
    changed = adapter.updates.keys() | adapter.saved.keys()
    if not base.tied or not {embeddings, head} & changed:
        return None
    head_source = find_source(adapter, head, base.path_of(embeddings), base.embeddings)
    if same_values(adapter, sources[embeddings], head_source, base.embeddings.dtype):
        if head in sources:
            sources[head] = sources[embeddings]
        return None
    sources[head] = head_source
    return head


def head_name(base: Base, adapter: Adapter) -> str:
    """Return the output layer's name; a tied base need not have the layer."""
    names = [name for name in (*base.tensors, *adapter.updates, *adapter.saved) if name.endswith(HEADS)]
    return names[0] if names else HEADS[base.embeddings.name.endswith("embed_in.weight")]


def same_values(adapter: Adapter, one: TensorSource, other: TensorSource, dtype: str) -> bool:
    """Return whether two sources lead to the same tensor."""
    return same_tensor(one, other, dtype) and same_update(adapter, one, other)


def same_tensor(one: TensorSource, other: TensorSource, dtype: str) -> bool:
    """Return whether two tensors, rounded to a type, have the same bits."""
    if (one.path, one.tensor) == (other.path, other.tensor):
        return True
    if one.tensor.shape != other.tensor.shape:
        return False
    with open_descriptor(one.path) as first, open_descriptor(other.path) as second:
        for rows in row_blocks(one.tensor):
            values = (read_rows(first, one.tensor, rows), read_rows(second, other.tensor, rows))
            left, right = (round_to(block.astype(np.float32), dtype).tobytes() for block in values)
            if left != right:
                return False
    return True


def same_update(adapter: Adapter, one: TensorSource, other: TensorSource) -> bool:
    """Return whether two updates have the same factors; DoRA's magnitudes are never shared."""
    if one.update is None or other.update is None:
        return one.update is other.update
    if one.expected_shape != other.expected_shape or one.update.scale != other.update.scale:
        return False
    if one.update.magnitude or other.update.magnitude:
        return False
    with open_descriptor(adapter.path) as file:
        first, second = LowRank(file, one.update, one.transposed), LowRank(file, other.update, other.transposed)
        return np.array_equal(first.right, second.right) and all(
            np.array_equal(first.left(rows), second.left(rows)) for rows in row_blocks(one.tensor)
        )
