"""Output layers that share the embeddings' values (tie_word_embeddings): when they come apart, and when they do not.

Training changes one of the two, or both apart from each other, unless PEFT was told to keep them together. Merged into
one tensor that would not be the model that was trained, so then the merged model has an output layer of its own.
"""

from __future__ import annotations

import numpy as np

from services.merger.inputs.adapter import Adapter
from services.merger.inputs.base import HEADS, Base
from services.merger.inputs.safetensors_file import opened, read_rows, round_to, row_blocks
from services.merger.low_rank_update import LowRank
from services.merger.planning.tensor_source import Source, find_source


def tie(base: Base, adapter: Adapter, sources: dict[str, Source]) -> str | None:
    """Settle the source of a tied output layer; returns its name if it comes apart from the embeddings."""
    embeddings, head = base.embeddings.name, head_name(base, adapter)
    touched = adapter.updates.keys() | adapter.saved.keys()
    if not base.tied or not {embeddings, head} & touched:
        return None
    above = find_source(adapter, head, base.path_of(embeddings), base.embeddings)
    if same_values(adapter, sources[embeddings], above, base.embeddings.dtype):
        if head in sources:
            sources[head] = sources[embeddings]
        return None
    sources[head] = above
    return head


def head_name(base: Base, adapter: Adapter) -> str:
    """What the output layer is called; a tied base need not have it."""
    known = [name for name in (*base.tensors, *adapter.updates, *adapter.saved) if name.endswith(HEADS)]
    return known[0] if known else HEADS[base.embeddings.name.endswith("embed_in.weight")]


def same_values(adapter: Adapter, one: Source, other: Source, dtype: str) -> bool:
    """Whether two sources lead to the same tensor."""
    return same_tensor(one, other, dtype) and same_update(adapter, one, other)


def same_tensor(one: Source, other: Source, dtype: str) -> bool:
    """Whether two tensors, rounded to a type, have the same bits."""
    if (one.path, one.tensor) == (other.path, other.tensor):
        return True
    if one.tensor.shape != other.tensor.shape:
        return False
    with opened(one.path) as first, opened(other.path) as second:
        for rows in row_blocks(one.tensor):
            mine, theirs = read_rows(first, one.tensor, rows), read_rows(second, other.tensor, rows)
            if (
                round_to(mine.astype(np.float32), dtype).tobytes()
                != round_to(theirs.astype(np.float32), dtype).tobytes()
            ):
                return False
    return True


def same_update(adapter: Adapter, one: Source, other: Source) -> bool:
    """Whether two updates have the same factors; DoRA's magnitudes are never shared."""
    if one.update is None or other.update is None:
        return one.update is other.update
    if one.wanted != other.wanted or one.update.scale != other.update.scale:
        return False
    if one.update.magnitude or other.update.magnitude:
        return False
    with opened(adapter.path) as file:
        first, second = LowRank(file, one.update, one.turned), LowRank(file, other.update, other.turned)
        return np.array_equal(first.right, second.right) and all(
            np.array_equal(first.left(rows), second.left(rows)) for rows in row_blocks(one.tensor)
        )
