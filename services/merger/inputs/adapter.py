"""A PEFT LoRA adapter: adapter_config.json and adapter_model.safetensors, checked whole before any work starts.

LoRA of linear layers and embeddings is read in all its forms: patterns of rank and alpha, rank-stabilised, with
magnitudes (DoRA, arXiv:2402.09353), weights stored the other way round (fan_in_fan_out), and whole modules that were
trained beside it (modules_to_save) or saved because the vocabulary was resized. Whatever else would change the result
(trained biases, trainable tokens, initialisations that rewrite the base, other kinds of adapter) is refused by name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from scriptorium.errors import MergeFailed, Problem, explain
from services.merger.inputs.base import EMBEDDINGS, HEADS
from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import (
    FLOATS,
    BrokenTensorFile,
    Tensor,
    TensorFile,
    all_finite,
    opened,
    read_layout,
    read_rows,
    row_blocks,
)

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
MATRIX = re.compile(
    r"base_model\.model\.(?P<module>.+)\.lora_"
    r"((?P<side>[AB])\.weight|embedding_(?P<lookup>[AB])|(?P<magnitude>magnitude_vector)(\.weight)?)"
)

HARMLESS = {  # they say how the adapter was trained or found, not what it adds to the base
    "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules", "inference_mode",
    "ensure_weight_tying", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "megatron_core",
    "peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type",
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
    use_dora: bool = False
    fan_in_fan_out: bool | None = False
    modules_to_save: list[str] | None = None
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
class Update:
    """An update of one weight, on disk: A (rank x inputs), B (outputs x rank) and, for DoRA, a magnitude per output.

    The weight of a lookup table is stored the other way round: inputs x outputs.
    """

    a: Tensor
    b: Tensor
    scale: float
    magnitude: Tensor | None = None
    lookup: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the weight that it fits, outputs x inputs."""
        return self.b.shape[0], self.a.shape[1]


@dataclass(frozen=True)
class Adapter:
    """A checked adapter: updates, and tensors that replace the base's, by the name of the weight they belong to.

    Weights that are `quantised` go through NF4 first, as they did in training.
    """

    path: Path
    updates: dict[str, Update]
    saved: dict[str, Tensor]
    transposed: bool = False
    quantised: Mapping[str, RoundTrip] = field(default_factory=dict)


def read_adapter(folder: Path) -> Adapter:
    """Read and check an adapter folder; raises MergeFailed with every problem at once."""
    config = read_config(folder / CONFIG)
    refuse("The adapter is of a kind that cannot be merged here", [*unsupported(config)])
    try:
        file = read_layout(folder / WEIGHTS)
    except BrokenTensorFile as error:
        raise MergeFailed(f"The adapter cannot be read: {error}", param=WEIGHTS) from error
    groups, others = group_matrices(file)
    saved, strangers = saved_tensors(others, config)
    if not file.tensors:
        strangers.append(Problem(WEIGHTS, "it holds no tensors"))
    refuse("The adapter is not whole", [*strangers, *mismatches(groups, config), *unsaved(saved, config)])
    refuse("The adapter has values that are not finite", [*not_finite(file)])
    updates = {f"{module}.weight": make_update(module, parts, config) for module, parts in groups.items()}
    return Adapter(file.path, updates, saved, bool(config.fan_in_fan_out))


def make_update(module: str, parts: dict[str, Tensor], config: LoraConfig) -> Update:
    """The update of one module from its checked tensors."""
    lookup = not parts["A"].name.endswith(".weight")
    return Update(parts["A"], parts["B"], config.scale(module), parts.get("magnitude"), lookup)


def refuse(message: str, problems: list[Problem]) -> None:
    """Raise MergeFailed if there is any problem."""
    if problems:
        next_step = "Train again with LoRA on linear layers, or choose another checkpoint."
        raise MergeFailed(f"{message}: {len(problems)} problem(s).", problems=problems, next_step=next_step)


def read_config(path: Path) -> LoraConfig:
    """Read adapter_config.json; raises MergeFailed where it is missing, no JSON or has values of another type."""
    try:
        return LoraConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MergeFailed(f"The checkpoint {path.parent.name} has no {CONFIG}.", param=CONFIG) from None
    except ValidationError as error:
        problems = [Problem(f"{CONFIG}.{'.'.join(map(str, e['loc']))}", explain(e)) for e in error.errors()]
        raise MergeFailed(f"{CONFIG} has values that do not fit.", problems=problems) from None
    except ValueError as error:
        raise MergeFailed(f"{CONFIG} is not readable as JSON: {error}", param=CONFIG) from None


def unsupported(config: LoraConfig) -> Iterator[Problem]:
    """Everything in the configuration that asks for more than is merged here."""
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


def group_matrices(file: TensorFile) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """LoRA's tensors by module and part ("A", "B", "magnitude"), and all other tensors."""
    groups: dict[str, dict[str, Tensor]] = {}
    others: dict[str, Tensor] = {}
    for name, tensor in file.tensors.items():
        match = MATRIX.fullmatch(name)
        if match is None:
            others[name] = tensor
        else:
            part = match["side"] or match["lookup"] or "magnitude"
            groups.setdefault(match["module"], {})[part] = tensor
    return groups, others


def saved_tensors(others: dict[str, Tensor], config: LoraConfig) -> tuple[dict[str, Tensor], list[Problem]]:
    """Tensors that were saved whole, by the base's name; those that nothing explains become problems.

    PEFT saves what modules_to_save names, and input and output embeddings where they are targets or were resized; some
    of them twice, under the wrapper's names, beside the frozen original.
    """
    saved, strangers = {}, []
    for name, tensor in sorted(others.items(), key=lambda item: -len(item[0])):  # a plain name counts most
        target = re.sub(r"\.(modules_to_save|base_layer)(?=\.)", "", name.removeprefix(PREFIX))
        if ".original_module." in name:
            continue
        if name.startswith(PREFIX) and explained(target, config):
            saved[target] = tensor
        else:
            strangers.append(Problem(name, "is no LoRA matrix of a linear layer or embedding, nor in modules_to_save"))
    return saved, strangers


def explained(target: str, config: LoraConfig) -> bool:
    """Whether a tensor was meant to be saved whole; modules match by the end of their name, as PEFT does it."""
    module = target.rpartition(".")[0]
    return target.endswith((*EMBEDDINGS, *HEADS)) or module.endswith(tuple(config.modules_to_save or ()))


def unsaved(saved: dict[str, Tensor], config: LoraConfig) -> Iterator[Problem]:
    """Modules that should have been saved whole, but are not in the file."""
    modules = [target.rpartition(".")[0] for target in saved]
    for name in config.modules_to_save or ():
        if not any(module.endswith(name) for module in modules):
            yield Problem(name, f"is in modules_to_save, but {WEIGHTS} has no tensor of it")


def mismatches(groups: dict[str, dict[str, Tensor]], config: LoraConfig) -> Iterator[Problem]:
    """Parts that are missing or too many, of a type that cannot be computed with, or of another shape than expected."""
    for module, parts in groups.items():
        shapes = {"A": (config.rank(module), None), "B": (None, config.rank(module))}
        for part, shape in shapes.items():
            tensor = parts.get(part)
            if tensor is None:
                yield Problem(module, f"lora_{part} is missing")
            elif tensor.dtype not in FLOATS or len(tensor.shape) != 2:
                yield Problem(tensor.name, f"is {tensor}; expected a matrix of {', '.join(FLOATS)}")
            elif config.rank(module) not in (side for side, rank in zip(tensor.shape, shape, strict=True) if rank):
                yield Problem(tensor.name, f"has the shape {list(tensor.shape)}; expected rank {config.rank(module)}")
        yield from magnitude_mismatches(module, parts, config)


def magnitude_mismatches(module: str, parts: dict[str, Tensor], config: LoraConfig) -> Iterator[Problem]:
    """DoRA has one magnitude for each output of each module; plain LoRA has none."""
    magnitude, b = parts.get("magnitude"), parts.get("B")
    if magnitude is None:
        if config.use_dora:
            yield Problem(module, "lora_magnitude_vector is missing")
    elif not config.use_dora:
        yield Problem(magnitude.name, f"belongs to DoRA, but {CONFIG} says that it was not used")
    elif magnitude.dtype not in FLOATS or (b is not None and magnitude.shape != b.shape[:1]):
        yield Problem(magnitude.name, f"is {magnitude}; expected one value for each output of lora_B")


def not_finite(file: TensorFile) -> Iterator[Problem]:
    """Tensors with NaN or infinite values: training diverged there."""
    with opened(file.path) as descriptor:
        for tensor in file.tensors.values():
            blocks = (read_rows(descriptor, tensor, rows) for rows in row_blocks(tensor) if tensor.dtype in FLOATS)
            if not all(all_finite(block, tensor.dtype) for block in blocks):
                yield Problem(tensor.name, "has NaN or infinite values; the training diverged")


def matching(patterns: Mapping[str, float] | None, module: str, default: float) -> float:
    """The value of the first pattern that matches the end of a module's name, as PEFT's get_pattern_key does it."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(value)
    return default
