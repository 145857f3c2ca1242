"""A PEFT LoRA adapter: adapter_config.json and adapter_model.safetensors, checked whole before any work starts.

Only plain LoRA is merged. Whatever would change the result in another way (DoRA, modules_to_save, trainable tokens,
fan_in_fan_out, initialisations that rewrite the base, other kinds of adapter) is refused by its name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scriptorium.errors import MergeFailed, Problem
from services.merger.tensors import FLOATS, BrokenTensorFile, Float32, Tensor, TensorFile, read_layout, read_tensor

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
MATRIX = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")

HARMLESS = {  # they say how the adapter was trained or found, not what it adds to the base
    "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules", "inference_mode",
    "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "megatron_core", "peft_version",
    "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type",
}  # fmt: skip
INITIALISATIONS = (True, False, None, "gaussian", "eva", "orthogonal")  # these leave the base as it is


class LoraConfig(BaseModel):
    """The keys of adapter_config.json that decide the result; defaults are PEFT's."""

    model_config = ConfigDict(frozen=True, extra="allow")

    peft_type: str
    r: int = Field(default=8, ge=1)
    lora_alpha: float = 8
    rank_pattern: dict[str, int] | None = None
    alpha_pattern: dict[str, float] | None = None
    use_rslora: bool = False
    bias: str = "none"
    init_lora_weights: bool | str | None = True

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def patterns(cls, patterns: dict[str, float] | None) -> dict[str, float] | None:
        """Each key is a regular expression."""
        for pattern in patterns or {}:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return patterns

    def rank(self, module: str) -> int:
        """The rank of one module."""
        return int(matching(self.rank_pattern, module, self.r))

    def scale(self, module: str) -> float:
        """What B @ A is multiplied with: alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA (arXiv:2312.03732)."""
        rank = self.rank(module)
        return matching(self.alpha_pattern, module, self.lora_alpha) / (math.sqrt(rank) if self.use_rslora else rank)


@dataclass(frozen=True)
class LowRank:
    """An update of one weight, in memory: B (outputs x rank) and A (rank x inputs) in fp32."""

    a: Float32
    b: Float32
    scale: float

    def added_to(self, weights: Float32, rows: slice) -> Float32:
        """W + scale * (B @ A) for some rows, in fp32 and in the order in which PEFT computes it."""
        update: Float32 = self.b[rows] @ self.a
        update *= np.float32(self.scale)
        update += weights
        return update


@dataclass(frozen=True)
class Update:
    """An update of one weight, on disk."""

    a: Tensor
    b: Tensor
    scale: float

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the weight that it fits."""
        return self.b.shape[0], self.a.shape[1]


@dataclass(frozen=True)
class Adapter:
    """A checked adapter; `updates` by the name of the weight they belong to. Matrices are read one target at a time."""

    path: Path
    updates: dict[str, Update]

    def load(self, target: str) -> LowRank:
        """Read the two matrices of a target."""
        update = self.updates[target]
        return LowRank(read_tensor(self.path, update.a), read_tensor(self.path, update.b), update.scale)


def read_adapter(folder: Path) -> Adapter:
    """Read and check an adapter folder; raises MergeFailed with every problem at once."""
    config = read_config(folder / CONFIG)
    refuse("The adapter is of a kind that cannot be merged here", [*unsupported(config)])
    try:
        file = read_layout(folder / WEIGHTS)
    except BrokenTensorFile as error:
        raise MergeFailed(f"The adapter cannot be read: {error}", param=WEIGHTS) from error
    pairs, strangers = pair_matrices(file)
    refuse("The adapter is not whole", [*strangers, *mismatches(pairs, config)])
    refuse("The adapter has values that are not finite", [*not_finite(file)])
    updates = {f"{module}.weight": Update(p["A"], p["B"], config.scale(module)) for module, p in pairs.items()}
    return Adapter(file.path, updates)


def refuse(message: str, problems: list[Problem]) -> None:
    """Raise MergeFailed if there is any problem."""
    if problems:
        next_step = "Train again with plain LoRA on linear layers, or choose another checkpoint."
        raise MergeFailed(f"{message}: {len(problems)} problem(s).", problems=problems, next_step=next_step)


def read_config(path: Path) -> LoraConfig:
    """Read adapter_config.json; raises MergeFailed where it is missing, no JSON or has values of another type."""
    try:
        return LoraConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MergeFailed(f"The checkpoint {path.parent.name} has no {CONFIG}.", param=CONFIG) from None
    except ValidationError as error:
        problems = [Problem(f"{CONFIG}.{'.'.join(map(str, e['loc']))}", e["msg"]) for e in error.errors()]
        raise MergeFailed(f"{CONFIG} has values that do not fit.", problems=problems) from None
    except ValueError as error:
        raise MergeFailed(f"{CONFIG} is not readable as JSON: {error}", param=CONFIG) from None


def unsupported(config: LoraConfig) -> Iterator[Problem]:
    """Everything in the configuration that asks for more than plain LoRA."""
    if config.peft_type != "LORA":
        yield Problem(f"{CONFIG}.peft_type", f"{config.peft_type} is not LORA")
    if config.bias != "none":
        yield Problem(f"{CONFIG}.bias", f"trained biases ({config.bias}) are not merged")
    if config.init_lora_weights not in INITIALISATIONS:
        yield Problem(f"{CONFIG}.init_lora_weights", f"{config.init_lora_weights} changes the base before training")
    if config.peft_type == "LORA":
        for key, value in (config.model_extra or {}).items():
            if value and key not in HARMLESS:
                yield Problem(f"{CONFIG}.{key}", f"{json.dumps(value)} is not supported")


def pair_matrices(file: TensorFile) -> tuple[dict[str, dict[str, Tensor]], list[Problem]]:
    """Group tensors by module and side; tensors that are no LoRA matrices become problems."""
    pairs: dict[str, dict[str, Tensor]] = {}
    strangers = [] if file.tensors else [Problem(WEIGHTS, "it holds no tensors")]
    for name, tensor in file.tensors.items():
        match = MATRIX.fullmatch(name)
        if match is None:
            strangers.append(Problem(name, "is no LoRA matrix of a linear layer (lora_A.weight or lora_B.weight)"))
        else:
            pairs.setdefault(match["module"], {})[match["side"]] = tensor
    return pairs, strangers


def mismatches(pairs: dict[str, dict[str, Tensor]], config: LoraConfig) -> Iterator[Problem]:
    """Matrices without a partner, of a type that cannot be computed with, or of another rank than configured."""
    for module, sides in pairs.items():
        rank = config.rank(module)
        for side in "AB":
            tensor = sides.get(side)
            if tensor is None:
                yield Problem(module, f"lora_{side} is missing")
            elif tensor.dtype not in FLOATS or len(tensor.shape) != 2:
                yield Problem(tensor.name, f"is {tensor}; expected a matrix of {', '.join(FLOATS)}")
            elif tensor.shape[0 if side == "A" else 1] != rank:
                yield Problem(tensor.name, f"has the shape {list(tensor.shape)}; expected rank {rank}")


def not_finite(file: TensorFile) -> Iterator[Problem]:
    """Matrices with NaN or infinite values: training diverged there."""
    for tensor in file.tensors.values():
        if not np.isfinite(read_tensor(file.path, tensor)).all():
            yield Problem(tensor.name, "has NaN or infinite values; the training diverged")


def matching(patterns: Mapping[str, float] | None, module: str, default: float) -> float:
    """The value of the first pattern that matches the end of a module's name, as PEFT's get_pattern_key does it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(value)
    return default
