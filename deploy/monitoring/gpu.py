"""The board GPU, for machines that have one: temperature, power, memory and use as the driver reports them."""

from __future__ import annotations

from deploy.monitoring.board import Board, PanelRow, Variable
from deploy.monitoring.panels import Query, Step, chart, number

HOST = Variable("host", "Machine", "Which machines' GPUs to show.", "nvidia_smi_memory_total_bytes", "instance")
GPU_SELECTOR = '{instance=~"$host"}'
MEMORY_USED = f"max by (uuid) (nvidia_smi_memory_used_bytes{GPU_SELECTOR})"
MEMORY_TOTAL = f"max by (uuid) (nvidia_smi_memory_total_bytes{GPU_SELECTOR})"
TEMPERATURE_STEPS: tuple[Step, ...] = ((None, "green"), (75, "yellow"), (85, "red"))
MEMORY_STEPS: tuple[Step, ...] = ((None, "green"), (0.85, "yellow"), (0.95, "red"))


def _by_gpu(metric: str) -> str:
    return f"max by (uuid) ({metric}{GPU_SELECTOR})"


CURRENT_PANELS = (
    number("Use", "Share of the time in which the GPU does anything at all.", "percentunit",
           Query(_by_gpu("nvidia_smi_utilization_gpu_ratio"), "use"), width=6, decimals=0),
    number("Memory", "Share of the GPU's memory in use.", "percentunit",
           Query(f"{MEMORY_USED} / {MEMORY_TOTAL}", "used"), width=6, decimals=0, steps=MEMORY_STEPS),
    number("Temperature", "The GPU slows down when it is too hot.", "celsius",
           Query(_by_gpu("nvidia_smi_temperature_gpu"), "now"), width=6, decimals=0, steps=TEMPERATURE_STEPS),
    number("Power", "What the GPU draws now.", "watt", Query(_by_gpu("nvidia_smi_power_draw_watts"), "now"), width=6,
           decimals=0),
)  # fmt: skip

HISTORY_PANELS = (
    chart("Memory", "Memory in use against what the GPU has; above it WSL2 spills silently and becomes slow.", "bytes",
          Query(MEMORY_USED, "used {{uuid}}"), Query(MEMORY_TOTAL, "total {{uuid}}"), width=12, height=9, low=0,
          dashed="^total"),
    chart("Use", "Share of the time in which the GPU does anything at all: tokens per second say whether it does much.",
          "percentunit", Query(_by_gpu("nvidia_smi_utilization_gpu_ratio"), "{{uuid}}"), width=12, height=9, low=0,
          high=1),
    chart("Temperature", "Degrees at the GPU's sensor.", "celsius",
          Query(_by_gpu("nvidia_smi_temperature_gpu"), "{{uuid}}"), width=12, height=9,
          limits=((None, "transparent"), (85, "red"))),
    chart("Power", "What the GPU draws.", "watt", Query(_by_gpu("nvidia_smi_power_draw_watts"), "{{uuid}}"), width=12,
          height=9, low=0),
)  # fmt: skip

BOARD = Board(
    uid="scriptorium-gpu",
    title="GPU",
    description="Temperature, power, memory and use of the GPU, as its driver reports them.",
    variables=(HOST,),
    rows=(PanelRow("", CURRENT_PANELS), PanelRow("Over time", HISTORY_PANELS)),
    gpu=True,
)
