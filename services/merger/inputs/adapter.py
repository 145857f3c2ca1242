"""A PEFT LoRA adapter: adapter_config.json and adapter_model.safetensors, checked completely before any work starts.

LoRA of linear layers and embeddings is read in all its forms: patterns of rank and alpha, rank-stabilised, with
magnitudes (DoRA, arXiv:2402.09353), transposed weights (fan_in_fan_out), and whole modules that were trained beside it
(modules_to_save) or saved because the vocabulary was resized. Anything else that would change the result (trained
biases, trainable tokens, initialisations that rewrite the base, other kinds of adapter) is refused by name.

A strength other than 1 scales every update, by scaling alpha: PEFT and vLLM then compute the same scale from the
configuration alone.
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
from scriptorium.models.scaled_adapter import ADAPTER_CONFIG as CONFIG
from scriptorium.models.scaled_adapter import ADAPTER_WEIGHTS as WEIGHTS
from scriptorium.models.scaled_adapter import scale_alphas
from scriptorium.models.tensor_files import BrokenTensorFile, Tensor, TensorFile, read_layout
from services.merger.inputs.base import EMBEDDINGS, HEADS
from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import FLOATS, all_finite, open_descriptor, read_rows, row_blocks

PREFIX = "base_model.model."
MATRIX_NAME = re.compile(
    r"base_model\.model\.(?P<module>.+)\.lora_"
    r"((?P<side>[AB])\.weight|embedding_(?P<lookup>[AB])|(?P<magnitude>magnitude_vector)(\.weight)?)"
)

HARMLESS_KEYS = {  # they describe how the adapter was trained or loaded, not what it adds to the base
    "auto_mapping", "base_model_name_or_path", "corda_config", "eva_config", "exclude_modules", "inference_mode",
    "ensure_weight_tying", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "megatron_core",
    "peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type",
}  # fmt: skip
PLAIN_INITIALISATIONS = (True, False, None, "gaussian", "eva", "orthogonal")  # these leave the base as it is


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
    def check_patterns(cls, patterns: dict[str, float] | None) -> dict[str, float] | None:
        """Check that each key is a regular expression."""
        for pattern in patterns or {}:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return patterns

    def rank(self, module: str) -> int:
        """Return the rank of one module."""
        return int(match_pattern(self.rank_pattern, module, self.r))

    def scale(self, module: str) -> float:
        """Return the factor of B @ A: alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA (arXiv:2312.03732)."""
        rank, alpha = self.rank(module), match_pattern(self.alpha_pattern, module, self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)

    def scaled(self, strength: float) -> LoraConfig:
        """Return the configuration of the same adapter at a strength."""
        return self.model_copy(update=scale_alphas(self.lora_alpha, self.alpha_pattern, strength))


@dataclass(frozen=True)
class Update:
    """An update of one weight, on disk: A (rank x inputs), B (outputs x rank) and, for DoRA, a magnitude per output.

    The weight of a lookup table is stored transposed: inputs x outputs.
    """

    a: Tensor
    b: Tensor
    scale: float
    magnitude: Tensor | None = None
    lookup: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the weight that the update fits, outputs x inputs."""
        return self.b.shape[0], self.a.shape[1]


@dataclass(frozen=True)
class Adapter:
    """A checked adapter: updates, and tensors that replace the base's, by the name of the weight they belong to.

    Weights that are `quantised` go through NF4 first, as they did in training. `strength` is in the updates' scales.
    """

    path: Path
    updates: dict[str, Update]
    saved: dict[str, Tensor]
    fan_in_fan_out: bool = False
    strength: float = 1.0
    quantised: Mapping[str, RoundTrip] = field(default_factory=dict)


def read_adapter(folder: Path, strength: float = 1.0) -> Adapter:
    """Read and check an adapter folder; raises MergeFailed with every problem at once."""
    config = read_config(folder / CONFIG)
    raise_problems("Adapters of this kind cannot be merged here", [*unsupported_settings(config)])
    try:
        file = read_layout(folder / WEIGHTS)
    except BrokenTensorFile as error:
        raise MergeFailed(f"The adapter cannot be read: {error}", param=WEIGHTS) from error
    groups, others = group_matrices(file)
    saved, unexpected = saved_tensors(others, config)
    if not file.tensors:
        unexpected.append(Problem(WEIGHTS, "holds no tensors"))
    problems = [*unexpected, *matrix_mismatches(groups, config), *unsaved_modules(saved, config)]
    raise_problems("The adapter is not complete", problems)
    raise_problems("The adapter has values that are not finite", [*non_finite_tensors(file)])
    if strength != 1:
        check_scalable(saved, config, strength)
        config = config.scaled(strength)
    updates = {f"{module}.weight": make_update(module, parts, config) for module, parts in groups.items()}
    return Adapter(file.path, updates, saved, bool(config.fan_in_fan_out), strength)


def check_scalable(saved: Mapping[str, Tensor], config: LoraConfig, strength: float) -> None:
    """Raise MergeFailed if there is more to the adapter than updates that a factor scales."""
    problems = [Problem(name, "replaces the base's tensor") for name in saved]
    if config.use_dora:
        problems.append(Problem(f"{CONFIG}.use_dora", "DoRA's magnitudes are no update of the base"))
    if problems:
        raise MergeFailed(
            f"The adapter cannot be merged at strength {strength:g}: {len(problems)} problem(s).",
            param="strength",
            problems=problems,
            next_step="Merge it at strength 1.",
        )


def make_update(module: str, parts: dict[str, Tensor], config: LoraConfig) -> Update:
    """Make the update of one module from its checked tensors."""
    lookup = not parts["A"].name.endswith(".weight")
    return Update(parts["A"], parts["B"], config.scale(module), parts.get("magnitude"), lookup)


def raise_problems(message: str, problems: list[Problem]) -> None:
    """Raise MergeFailed if there are problems."""
    if problems:
        next_step = "Train again with LoRA on linear layers, or choose another checkpoint."
        raise MergeFailed(f"{message}: {len(problems)} problem(s).", problems=problems, next_step=next_step)


def read_config(path: Path) -> LoraConfig:
    """Read adapter_config.json; raises MergeFailed if it is missing, not JSON or has values of another type."""
    try:
        return LoraConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MergeFailed(f"The checkpoint {path.parent.name} has no {CONFIG}.", param=CONFIG) from None
    except ValidationError as error:
        problems = [Problem(f"{CONFIG}.{'.'.join(map(str, e['loc']))}", explain(e)) for e in error.errors()]
        raise MergeFailed(f"{CONFIG} has values that do not fit.", problems=problems) from None
    except (ValueError, RecursionError) as error:
        raise MergeFailed(f"{CONFIG} is not readable as JSON: {error}", param=CONFIG) from None


def unsupported_settings(config: LoraConfig) -> Iterator[Problem]:
    """Yield every setting that needs more than this merge supports."""
    if config.peft_type != "LORA":
        yield Problem(f"{CONFIG}.peft_type", f"{config.peft_type} is not LORA")
    if config.bias != "none":
        yield Problem(f"{CONFIG}.bias", f"trained biases ({config.bias}) are not merged")
    if config.init_lora_weights not in PLAIN_INITIALISATIONS:
        yield Problem(f"{CONFIG}.init_lora_weights", f"{config.init_lora_weights} changes the base before training")
    if config.peft_type == "LORA":
        for key, value in (config.model_extra or {}).items():
            if value and key not in HARMLESS_KEYS:
                yield Problem(f"{CONFIG}.{key}", f"{json.dumps(value)} is not supported")


def group_matrices(file: TensorFile) -> tuple[dict[str, dict[str, Tensor]], dict[str, Tensor]]:
    """Return LoRA's tensors by module and part ("A", "B", "magnitude"), and all other tensors."""
    groups: dict[str, dict[str, Tensor]] = {}
    others: dict[str, Tensor] = {}
    for name, tensor in file.tensors.items():
        match = MATRIX_NAME.fullmatch(name)
        if match is None:
            others[name] = tensor
        else:
            part = match["side"] or match["lookup"] or "magnitude"
            groups.setdefault(match["module"], {})[part] = tensor
    return groups, others


def saved_tensors(others: dict[str, Tensor], config: LoraConfig) -> tuple[dict[str, Tensor], list[Problem]]:
    """Return the modules that were saved whole, by the base's name, and the tensors that should not be there.

    PEFT saves what modules_to_save names, and input and output embeddings if they are targets or were resized; some of
    them twice, under the wrapper's names, beside the frozen original.
    """
    saved, unexpected = {}, []
    for name, tensor in sorted(others.items(), key=lambda entry: -len(entry[0])):  # a plain name comes last and wins
        target = re.sub(r"\.(modules_to_save|base_layer)(?=\.)", "", name.removeprefix(PREFIX))
        if ".original_module." in name:
            continue
        if name.startswith(PREFIX) and is_expected(target, config):
            saved[target] = tensor
        else:
            message = "is neither a LoRA matrix of a linear layer or embedding, nor in modules_to_save"
            unexpected.append(Problem(name, message))
    return saved, unexpected


def is_expected(target: str, config: LoraConfig) -> bool:
    """Return whether a tensor was meant to be saved whole; modules match by the end of their name, as in PEFT."""
    module = target.rpartition(".")[0]
    return target.endswith((*EMBEDDINGS, *HEADS)) or module.endswith(tuple(config.modules_to_save or ()))


def unsaved_modules(saved: dict[str, Tensor], config: LoraConfig) -> Iterator[Problem]:
    """Yield modules that should have been saved whole, but are not in the file."""
    modules = [target.rpartition(".")[0] for target in saved]
    for name in config.modules_to_save or ():
        if not any(module.endswith(name) for module in modules):
            yield Problem(name, f"is in modules_to_save, but {WEIGHTS} has no tensor of it")


def matrix_mismatches(groups: dict[str, dict[str, Tensor]], config: LoraConfig) -> Iterator[Problem]:
    """Yield matrices that are missing or unexpected, of an unsupported type, or of the wrong shape."""
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
    """Check that DoRA has one magnitude for each output of each module, and plain LoRA has none."""
    magnitude, b = parts.get("magnitude"), parts.get("B")
    if magnitude is None:
        if config.use_dora:
            yield Problem(module, "lora_magnitude_vector is missing")
    elif not config.use_dora:
        yield Problem(magnitude.name, f"belongs to DoRA, but according to {CONFIG} it was not used")
    elif magnitude.dtype not in FLOATS or (b is not None and magnitude.shape != b.shape[:1]):
        yield Problem(magnitude.name, f"is {magnitude}; expected one value for each output of lora_B")


def non_finite_tensors(file: TensorFile) -> Iterator[Problem]:
    """Yield tensors with NaN or infinite values: training diverged there."""
    with open_descriptor(file.path) as descriptor:
        for tensor in file.tensors.values():
            blocks = (read_rows(descriptor, tensor, rows) for rows in row_blocks(tensor) if tensor.dtype in FLOATS)
            if not all(all_finite(block, tensor.dtype) for block in blocks):
                yield Problem(tensor.name, "has NaN or infinite values; the training diverged")


def match_pattern(patterns: Mapping[str, float] | None, module: str, default: float) -> float:
    """Return the value of the first pattern that matches the end of a module's name, as PEFT's get_pattern_key does."""
    for pattern, value in (patterns or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return float(value)
    return default
