"""What a training keeps in the device's memory at its peak, part by part; each function's docstring has its formula.

Read from the sources of Axolotl 0.19 (loaders/model.py), peft 0.20 (tuners/lora), transformers 5.16
(loss/loss_utils.py, models/llama) and bitsandbytes 0.50. h is the hidden size, I the MLP's, V the vocabulary, T the
tokens of a micro-batch.
"""

from __future__ import annotations

from scriptorium.contracts.estimate import MemoryParts
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import Device
from scriptorium.planning.model_shape import ModelShape
from scriptorium.recipe import ResolvedTraining

MIB = 1024**2
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)  # half a byte, a byte for 64 weights, 4 bytes for 256 of those bytes
ADAPTER_BYTES = 4  # peft keeps a bf16 model's adapter in fp32 (autocast_adapter_dtype)
AUTOCAST_BYTES = 2  # autocast keeps a bf16 copy of it from forward to backward pass
GRADIENT_BYTES = 4
ADAMW_BYTES = 8  # two fp32 moments
ADAMW_8BIT_BYTES = 2
LOGITS_BYTES = 10  # bf16 logits, their fp32 copy, its log-softmax; backward: log-softmax, its gradient, that in bf16
ANCHOR_BYTES = 8  # on top: the base's logits in fp32, and the divergence's gradient
FUSED_LOSS_BYTES = 8  # times h: chunks of logits no larger than the hidden states, and the gradient of those
CUDA_CONTEXT = 512 * MIB  # driver, kernels and cuBLAS workspaces; what no tensor counts
INTERPRETER = 830 * MIB  # Python with Axolotl, torch and transformers imported: docs/experiments.md, 2026-11-26
HEAP_BLOCK = 256 * MIB  # larger ones are mapped, and returned: MALLOC_MMAP_THRESHOLD_ of Axolotl's environment
HEAP_LOGITS, HEAP_ACTIVATIONS = 1.7, 0.65  # of them on top: the heap, kept for speed, fills with holes as rows vary


def plan_memory(training: ResolvedTraining, shape: ModelShape, dataset: DatasetSize, device: Device) -> MemoryParts:
    """Return the memory of a training on each device, in bytes: of the micro-batch with the longest row."""
    tokens = batch_tokens(training, dataset)
    activations = activation_bytes(training, shape, tokens, kernels=device.gpu)
    logits = logit_bytes(training, shape, tokens, gpu=device.gpu)
    shards = device.gpus if training.fsdp else 1
    trained = shape.lora_parameters(training.lora_r) // shards
    return MemoryParts(
        weights=weight_bytes(training, shape) // shards,
        adapter=trained * (ADAPTER_BYTES + (AUTOCAST_BYTES if training.precision == "bf16" else 0)),
        gradients=trained * GRADIENT_BYTES,
        optimizer=trained * (ADAMW_8BIT_BYTES if training.optimizer == "adamw_8bit" else ADAMW_BYTES),
        activations=activations,
        logits=logits,
        overhead=CUDA_CONTEXT if device.gpu else INTERPRETER + heap_bytes(activations, logits),
    )


def heap_bytes(activations: int, logits: int) -> int:
    """Return the holes in the heap of a training on a CPU, by two measured runs: docs/experiments.md, 2026-11-26.

    A buffer of logits takes 4 of their 10 bytes. The longer the row, the more the holes, until buffers are mapped.
    """
    mapped = logits * 4 / LOGITS_BYTES > HEAP_BLOCK
    return round(HEAP_ACTIVATIONS * activations + (0 if mapped else HEAP_LOGITS * logits))


def batch_tokens(training: ResolvedTraining, dataset: DatasetSize) -> int:
    """Return the most tokens of a micro-batch: packed rows are full, others are padded to the longest.

    A preference is two rows, with either answer.
    """
    row = training.sequence_len if training.sample_packing else min(dataset.longest_row, training.sequence_len)
    return training.micro_batch_size * row * (2 if training.method == "dpo" else 1)


def value_bytes(training: ResolvedTraining) -> int:
    """Return the bytes of an activation, and of a weight that is not quantised."""
    return 2 if training.precision == "bf16" else 4


def weight_bytes(training: ResolvedTraining, shape: ModelShape) -> int:
    """Return the bytes of the base: NF4 for QLoRA's linear layers, else the recipe's precision.

    Axolotl casts embeddings, head and norms back to that precision after `prepare_model_for_kbit_training`.
    """
    linear = NF4_BYTES if training.adapter == "qlora" else value_bytes(training)
    return round(shape.linear_parameters * linear + shape.other_parameters * value_bytes(training))


def activation_bytes(training: ResolvedTraining, shape: ModelShape, tokens: int, *, kernels: bool) -> int:
    """Return the bytes of what the backward pass needs, without the logits.

    Without checkpointing all blocks' values stay: see `block_bytes`. With it, the input of each block (T h), one block
    that is computed again, and that block's gradients (three of T I).
    """
    block = block_bytes(training, shape, kernels=kernels)
    size = value_bytes(training)
    if not training.gradient_checkpointing:
        return tokens * shape.layers * block
    return tokens * (shape.layers * shape.hidden * size + block + 3 * shape.intermediate * size)


def block_bytes(training: ResolvedTraining, shape: ModelShape, *, kernels: bool) -> int:
    """Return the bytes that one token leaves in one block for the backward pass.

    - norms: two inputs in fp32 (8 h);
    - attention: query, output, key and value;
    - MLP: gate, its activation, and up (3 I); with Axolotl's LoRA kernels gate and up;
    - LoRA: each projection's input, cast to the adapter's type and back, thus copied (6 h + I), one byte of dropout
      mask for each of its values, and r values behind A; the kernels keep three inputs: for q, k, v, for o, for the
      MLP.

    A frozen weight keeps no input of its own: its gradient is not computed.
    """
    size = value_bytes(training)
    hidden, inner = shape.hidden, shape.intermediate
    attention = 2 * shape.attention_width + 2 * shape.kv_width
    inputs = sum(inputs for inputs, _ in shape.projections)
    copies = 3 * hidden if kernels else inputs
    mask = inputs if training.lora_dropout else 0
    values = attention + (2 if kernels else 3) * inner + copies + len(shape.projections) * training.lora_r
    return 8 * hidden + size * values + mask


def logit_bytes(training: ResolvedTraining, shape: ModelShape, tokens: int, *, gpu: bool) -> int:
    """Return the bytes of logits and loss: 10 T V, or 8 T h if a fused loss never makes them whole."""
    if gpu and not training.needs_logits and (training.liger or training.cut_cross_entropy):
        return tokens * shape.hidden * FUSED_LOSS_BYTES
    anchor = ANCHOR_BYTES if training.kl_weight else 0
    return tokens * shape.vocabulary * (anchor + (LOGITS_BYTES if training.precision == "bf16" else 12))
