"""The source of a merged tensor's values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scriptorium.models.tensor_files import Tensor
from services.merger.inputs.adapter import Adapter, Update
from services.merger.inputs.nf4 import RoundTrip


@dataclass(frozen=True)
class TensorSource:
    """A tensor of base or adapter, with its NF4 round trip and its update if it has them.

    `transposed` says that the weight is stored inputs x outputs.
    """

    path: Path
    tensor: Tensor
    update: Update | None = None
    transposed: bool = False
    round_trip: RoundTrip | None = None

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """The shape that the tensor must have for the update."""
        if self.update is None:
            return self.tensor.shape
        return self.update.shape[::-1] if self.transposed else self.update.shape


def find_source(adapter: Adapter, name: str, path: Path, tensor: Tensor) -> TensorSource:
    """Return the source of the weight `name`, which is `tensor` in the base's file `path`."""
    if name in adapter.saved:
        path, tensor = adapter.path, adapter.saved[name]
    update = adapter.updates.get(name)
    transposed = update is not None and (
        update.lookup or (adapter.fan_in_fan_out and tensor.shape == update.shape[::-1])
    )
    round_trip = None if name in adapter.saved else adapter.quantised.get(name)
    return TensorSource(path, tensor, update, transposed, round_trip)
