"""Where the values of a merged tensor come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.merger.inputs.adapter import Adapter, Update
from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import Tensor


@dataclass(frozen=True)
class Source:
    """A tensor of base or adapter, perhaps by way of NF4, and perhaps an update of it, for a weight turned or not."""

    path: Path
    tensor: Tensor
    update: Update | None = None
    turned: bool = False
    trip: RoundTrip | None = None

    @property
    def wanted(self) -> tuple[int, ...]:
        """The shape that the tensor must have for the update."""
        if self.update is None:
            return self.tensor.shape
        return self.update.shape[::-1] if self.turned else self.update.shape


def find_source(adapter: Adapter, name: str, path: Path, tensor: Tensor) -> Source:
    """The source of the weight `name`, which is `tensor` in the base's file `path`."""
    if name in adapter.saved:
        path, tensor = adapter.path, adapter.saved[name]
    update = adapter.updates.get(name)
    turned = update is not None and (update.lookup or (adapter.transposed and tensor.shape == update.shape[::-1]))
    return Source(path, tensor, update, turned, None if name in adapter.saved else adapter.quantised.get(name))
