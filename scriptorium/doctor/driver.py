"""The NVIDIA driver and its cards, as nvidia-smi reports them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scriptorium.doctor.check import GPU_USERS, CheckFinding, Subject, at_least, fail, ok, parse_version, skipped, warn
from scriptorium.doctor.probe import CommandOutput, Probe
from scriptorium.process.gpu import WSL_NVIDIA_SMI

GPU, DRIVER, MEMORY, CAPABILITY = "GPU", "NVIDIA driver", "GPU memory", "compute capability"
FIELDS = ("name", "driver_version", "memory.total", "memory.free")
MIN_DRIVER = 580  # the first that runs CUDA 13, which the pinned images are built with
MEMORY_TO_SERVE_8B, MEMORY_TO_TRAIN_8B = 22_000, 15_000  # MiB; cards sold as 24 and 16 GB report a little less
NO_CARD = "No devices were found"
NO_GPU = "no NVIDIA GPU: use compose.cpu.yaml (or device=cpu)"

INSTALL_DRIVER_ON_WINDOWS = (
    "On Windows, not in WSL: install the newest driver from https://www.nvidia.com/drivers and restart."
)
INSTALL_DRIVER = "sudo apt install nvidia-driver-580-open   # Ubuntu; then restart the machine"


@dataclass(frozen=True)
class GraphicsCard:
    """One GPU; memory in MiB; None for what the driver does not report."""

    name: str
    driver: str
    total: int | None
    free: int | None
    capability: str


def check_driver(subject: Subject) -> Iterator[CheckFinding]:
    """Check driver, compute capability and memory of every card."""
    if subject.service not in GPU_USERS:
        yield skipped(GPU, f"the service {subject.service} uses none")
        return
    if subject.settings.device == "cpu":
        yield skipped(GPU, "the settings say device=cpu")
        return
    program = nvidia_smi(subject.probe)
    answer = query_cards(subject.probe, program) if program else CommandOutput(0, NO_CARD)
    if NO_CARD in answer.out + answer.err:
        yield report_no_gpu(subject)
    elif answer.code != 0:
        yield report_driver_error(subject, answer)
    else:
        cards = parse_cards(answer.out)
        for number, card in enumerate(cards):
            for finding in check_card(subject, card):
                yield finding if len(cards) == 1 else replace(finding, check=f"{finding.check} {number}")


def nvidia_smi(probe: Probe) -> str | None:
    """Return the path of the program that queries the driver, or None."""
    return probe.which("nvidia-smi") or (str(WSL_NVIDIA_SMI) if probe.exists(WSL_NVIDIA_SMI) else None)


def query_cards(probe: Probe, program: str) -> CommandOutput:
    """Ask the driver for one line for each card; an old driver does not know the last field."""
    for fields in ((*FIELDS, "compute_cap"), FIELDS):
        answer = probe.run(program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
        if "not a valid field" not in answer.out + answer.err:
            break
    return answer


def parse_cards(text: str) -> list[GraphicsCard]:
    """Parse the lines; values such as "[N/A]" become None."""
    cards = []
    for line in text.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) >= len(FIELDS):
            total, free = (int(value) if value.isdecimal() else None for value in values[2:4])
            cards.append(GraphicsCard(values[0], values[1], total, free, values[4] if len(values) > 4 else ""))
    return cards


def has_card(subject: Subject) -> bool:
    """Return whether an NVIDIA card is there, even without a driver: from the PCI bus, on WSL from Windows."""
    if subject.wsl:
        return subject.probe.exists(WSL_NVIDIA_SMI)
    vendors = subject.probe.glob("/sys/bus/pci/devices", "*/vendor")
    return any(
        (subject.probe.read(path) or "").strip() == "0x10de"
        and (subject.probe.read(path.with_name("class")) or "").startswith("0x03")  # a display or 3D controller
        for path in vendors
    )


def report_no_gpu(subject: Subject) -> CheckFinding:
    """Report that the driver knows no card; a failure only if one is expected or on the bus."""
    if subject.settings.device == "cuda":
        return fail(GPU, "no NVIDIA GPU, but the settings say device=cuda", no_gpu_fix(subject))
    if has_card(subject):
        return fail(DRIVER, "there is an NVIDIA card, but no driver for it", driver_fix(subject))
    return ok(GPU, NO_GPU)


def no_gpu_fix(subject: Subject) -> str:
    """Return how to get a GPU here."""
    if subject.container:
        return "Start it with the GPU, see docs/operations.md; on the host, `scriptorium doctor` shows what is missing."
    return f"Without a GPU: SCRIPTORIUM_DEVICE=cpu. With one: {driver_fix(subject)}"


def report_driver_error(subject: Subject, answer: CommandOutput) -> CheckFinding:
    """Report that the driver does not answer nvidia-smi."""
    words = " ".join((answer.out + " " + answer.err).split())[:200] or f"nvidia-smi ended with {answer.code}"
    if "mismatch" in words:
        return fail(DRIVER, words, "The driver was updated while it ran. Restart the machine: sudo reboot")
    return fail(DRIVER, words, driver_fix(subject))


def driver_fix(subject: Subject) -> str:
    """Return how to install a driver here."""
    if subject.container:
        return "On the host: run `scriptorium doctor` there; a container uses the host's driver."
    return INSTALL_DRIVER_ON_WINDOWS if subject.wsl else INSTALL_DRIVER


def check_card(subject: Subject, card: GraphicsCard) -> Iterator[CheckFinding]:
    """Check name, driver, compute capability and memory of a card."""
    yield ok(GPU, card.name)
    if at_least(card.driver, MIN_DRIVER):
        yield ok(DRIVER, card.driver)
    else:
        yield fail(DRIVER, f"{card.driver}; CUDA 13 needs {MIN_DRIVER} or newer", driver_fix(subject))
    yield check_capability(card)
    yield from check_memory(subject, card)


def check_capability(card: GraphicsCard) -> CheckFinding:
    """Check that the card has bf16, which begins with 8.0 (Ampere)."""
    if not parse_version(card.capability):
        return warn(CAPABILITY, "the driver does not report it", "A newer driver does; the card needs 8.0 or more.")
    if not at_least(card.capability, 8, 0):
        return fail(CAPABILITY, f"{card.capability}; bf16 needs 8.0 or more", "Use compose.cpu.yaml, or a newer card.")
    notes = {"12.0": " (sm_120; attention is sdpa: flash-attention 3 and 4 do not run there)"}
    return ok(CAPABILITY, card.capability + notes.get(card.capability, ""))


def check_memory(subject: Subject, card: GraphicsCard) -> Iterator[CheckFinding]:
    """Check that an 8B model fits, and that enough memory is free for vLLM."""
    if card.total is None or card.free is None:
        yield warn(MEMORY, "the driver does not report it", "Watch `nvidia-smi` during the first training.")
        return
    observation = f"{card.free:,} of {card.total:,} MiB free"
    if card.total < MEMORY_TO_SERVE_8B:
        trains = card.total >= MEMORY_TO_TRAIN_8B
        reach = "an 8B model trains with qlora, but is too large to serve" if trains else "too small for an 8B model"
        yield warn(MEMORY, f"{observation}; {reach}", "Use a smaller base model: `scriptorium run --model ...`")
        return
    needed = int(card.total * subject.settings.engine_memory_share)
    if card.free >= needed:
        yield ok(MEMORY, observation)
        return
    holders = ", ".join(gpu_processes(subject.probe)) or "the driver does not report by whom"
    yield warn(
        MEMORY,
        f"{observation}; vLLM asks for {needed:,}; held by {holders}",
        "Nothing to do if it is Scriptorium's own training or vLLM. Otherwise close what holds it: nvidia-smi",
    )


def gpu_processes(probe: Probe) -> list[str]:
    """Return up to five processes that hold GPU memory; none on WSL or in a container, where the driver is silent."""
    program = nvidia_smi(probe) or ""
    answer = probe.run(program, "--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits")
    rows = [[value.strip() for value in line.split(",")] for line in answer.out.splitlines()]
    return [f"{row[1]} (pid {row[0]}, {row[2]} MiB)" for row in rows if len(row) == 3 and row[0].isdecimal()][:5]
