"""The memory of a training against the anchors of an 8B model at 4,096 tokens."""

import pytest
from planned import book, card, cpu, llama, smollm

from scriptorium.planning.memory import plan_memory
from scriptorium.recipe import ResolvedTraining

FULL_ROWS = book(rows=20, row=4096, longest=4096)


@pytest.mark.parametrize(
    ("adapter", "liger", "gigabytes"),
    [("qlora", True, 11), ("qlora", False, 16), ("lora", True, 21), ("lora", False, 26)],
)
def test_the_anchors(adapter: str, liger: bool, gigabytes: float) -> None:
    training = ResolvedTraining(adapter=adapter, liger=liger)
    memory = plan_memory(training, llama(), FULL_ROWS, card())
    assert memory.total / 1e9 == pytest.approx(gigabytes, rel=0.06)


def test_a_fused_loss_saves_the_logits() -> None:
    whole, fused = (
        plan_memory(ResolvedTraining(cut_cross_entropy=fused), llama(), FULL_ROWS, card()) for fused in (False, True)
    )
    assert whole.logits == 4096 * 128256 * 10
    assert fused.logits < whole.logits / 30


def test_an_anchor_keeps_the_logits_of_the_base_as_well() -> None:
    anchored = plan_memory(ResolvedTraining(kl_weight=0.1, liger=True), llama(), FULL_ROWS, card())
    assert anchored.logits == 4096 * 128256 * 18


def test_a_cpu_has_no_fused_loss() -> None:
    memory = plan_memory(ResolvedTraining(adapter="lora", liger=True), smollm(), FULL_ROWS, cpu())
    assert memory.logits == 4096 * 49152 * 10


def test_weighing_tokens_by_entropy_needs_the_logits() -> None:
    weighed = plan_memory(ResolvedTraining(use_eaft=True, liger=True), llama(), FULL_ROWS, card())
    assert weighed.logits == 4096 * 128256 * 10


def test_8_bit_optimizer_states_take_a_quarter() -> None:
    whole, small = (
        plan_memory(ResolvedTraining(optimizer=name), llama(), FULL_ROWS, card())
        for name in ("adamw_torch_fused", "adamw_8bit")
    )
    assert whole.optimizer == 8 * llama().lora_parameters(64)
    assert small.optimizer == whole.optimizer // 4


def test_the_longest_row_counts_or_a_whole_packed_one() -> None:
    def activations(**options: object) -> int:
        return plan_memory(ResolvedTraining(**options), llama(), book(longest=1024), card()).activations

    assert activations() * 4 == pytest.approx(activations(sample_packing=True))
    assert activations(micro_batch_size=2) == pytest.approx(2 * activations())


def test_checkpointing_keeps_one_block_and_the_inputs_of_all() -> None:
    def activations(checkpointing: bool) -> int:
        training = ResolvedTraining(gradient_checkpointing=checkpointing)
        return plan_memory(training, llama(), FULL_ROWS, card()).activations

    assert activations(True) < activations(False) / 8


def test_a_preference_is_two_rows_and_never_fused() -> None:
    one, two = (
        plan_memory(ResolvedTraining(method=method, liger=True), llama(), FULL_ROWS, card())
        for method in ("supervised", "dpo")
    )
    assert two.activations == pytest.approx(2 * one.activations)
    assert two.logits == 2 * 4096 * 128256 * 10
