"""The NVIDIA driver and the cards, as nvidia-smi tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from scriptorium.doctor.check import GPU_USERS, Finding, Subject, at_least, fail, ok, parse_version, skipped, warn
from scriptorium.doctor.probe import Answer, Probe
from scriptorium.process.gpu import WSL

GPU, DRIVER, MEMORY, CAPABILITY = "GPU", "NVIDIA driver", "GPU memory", "compute capability"
FIELDS = ("name", "driver_version", "memory.total", "memory.free")
WANTED_DRIVER = 580  # the first that runs CUDA 13, which the pinned images are built with
ROOMY, TIGHT = 22_000, 15_000  # MiB; cards sold as 24 GB and 16 GB report a little less than that
NO_CARD = "No devices were found"
NONE = "no NVIDIA GPU: use compose.cpu.yaml (or device=cpu)"

NEW_DRIVER_WSL = "On Windows, not in WSL: install the newest driver from https://www.nvidia.com/drivers and restart."
NEW_DRIVER = "sudo apt install nvidia-driver-580-open   # Ubuntu; then restart the machine"


@dataclass(frozen=True)
class Card:
    """One GPU; memory in MiB; None for what the driver does not tell."""

    name: str
    driver: str
    total: int | None
    free: int | None
    capability: str


def check_driver(subject: Subject) -> Iterator[Finding]:
    """Driver, card, compute capability and memory, of every card."""
    if subject.service not in GPU_USERS:
        yield skipped(GPU, f"the service {subject.service} uses none")
        return
    if subject.settings.device == "cpu":
        yield skipped(GPU, "the settings say device=cpu")
        return
    program = nvidia_smi(subject.probe)
    answer = query(subject.probe, program) if program else Answer(0, NO_CARD)
    if NO_CARD in answer.out + answer.err:
        yield absent(subject)
    elif answer.code != 0:
        yield unreachable(subject, answer)
    else:
        cards = parse_cards(answer.out)
        for number, card in enumerate(cards):
            found = examine_card(subject, card)
            yield from found if len(cards) == 1 else (replace(it, check=f"{it.check} {number}") for it in found)


def nvidia_smi(probe: Probe) -> str | None:
    """The program that asks the driver."""
    return probe.which("nvidia-smi") or (str(WSL) if probe.exists(WSL) else None)


def query(probe: Probe, program: str) -> Answer:
    """One line a card; an old driver does not know the last field."""
    for fields in ((*FIELDS, "compute_cap"), FIELDS):
        answer = probe.run(program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
        if "not a valid field" not in answer.out + answer.err:
            break
    return answer


def parse_cards(text: str) -> list[Card]:
    """Read the lines; values such as "[N/A]" become None."""
    cards = []
    for line in text.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) >= len(FIELDS):
            total, free = (int(value) if value.isdecimal() else None for value in values[2:4])
            cards.append(Card(values[0], values[1], total, free, values[4] if len(values) > 4 else ""))
    return cards


def has_card(subject: Subject) -> bool:
    """Whether an NVIDIA card is there, even without a driver: asked of the PCI bus, and on WSL of Windows."""
    if subject.wsl:
        return subject.probe.exists(WSL)
    vendors = subject.probe.glob("/sys/bus/pci/devices", "*/vendor")
    return any(
        (subject.probe.read(path) or "").strip() == "0x10de"
        and (subject.probe.read(path.with_name("class")) or "").startswith("0x03")  # a display or 3D controller
        for path in vendors
    )


def absent(subject: Subject) -> Finding:
    """No card that the driver knows of."""
    if subject.settings.device == "cuda":
        return fail(GPU, "no NVIDIA GPU, but the settings say device=cuda", no_gpu_fix(subject))
    if has_card(subject):
        return fail(DRIVER, "an NVIDIA card is there, but no driver that knows it", new_driver(subject))
    return ok(GPU, NONE)


def no_gpu_fix(subject: Subject) -> str:
    """How a GPU gets here."""
    if subject.container:
        return "Start it with the GPU, see docs/operations.md; on the host `scriptorium doctor` tells what is missing."
    return f"Without a GPU: SCRIPTORIUM_DEVICE=cpu. With one: {new_driver(subject)}"


def unreachable(subject: Subject, answer: Answer) -> Finding:
    """The program is there, but the driver does not answer it."""
    words = " ".join((answer.out + " " + answer.err).split())[:200] or f"nvidia-smi ended with {answer.code}"
    if "mismatch" in words:
        return fail(DRIVER, words, "The driver was updated while it ran. Restart the machine: sudo reboot")
    return fail(DRIVER, words, new_driver(subject))


def new_driver(subject: Subject) -> str:
    """How a driver is installed here."""
    if subject.container:
        return "On the host: run `scriptorium doctor` there; a container uses the host's driver."
    return NEW_DRIVER_WSL if subject.wsl else NEW_DRIVER


def examine_card(subject: Subject, card: Card) -> Iterator[Finding]:
    """A card that answers."""
    yield ok(GPU, card.name)
    if at_least(card.driver, WANTED_DRIVER):
        yield ok(DRIVER, card.driver)
    else:
        yield fail(DRIVER, f"{card.driver}; CUDA 13 needs {WANTED_DRIVER} or newer", new_driver(subject))
    yield examine_capability(card)
    yield from examine_memory(subject, card)


def examine_capability(card: Card) -> Finding:
    """bf16 begins with 8.0 (Ampere)."""
    if not parse_version(card.capability):
        return warn(CAPABILITY, "the driver does not tell it", "A newer driver does; the card needs 8.0 or more.")
    if not at_least(card.capability, 8, 0):
        return fail(CAPABILITY, f"{card.capability}; bf16 needs 8.0 or more", "Use compose.cpu.yaml, or a newer card.")
    notes = {"12.0": " (sm_120; attention is sdpa: flash-attention 3 and 4 do not run there)"}
    return ok(CAPABILITY, card.capability + notes.get(card.capability, ""))


def examine_memory(subject: Subject, card: Card) -> Iterator[Finding]:
    """Whether an 8B model fits, and whether enough of it is free for vLLM."""
    if card.total is None or card.free is None:
        yield warn(MEMORY, "the driver does not tell it", "Watch `nvidia-smi` during the first training.")
        return
    seen = f"{card.free:,} of {card.total:,} MiB free"
    if card.total < ROOMY:
        trained = (
            "an 8B model trains with qlora, but is too large to serve" if card.total >= TIGHT else "short of an 8B"
        )
        yield warn(MEMORY, f"{seen}; {trained}", "Use a smaller base model: `scriptorium run --model ...`")
        return
    wanted = int(card.total * subject.settings.engine_memory_share)
    if card.free >= wanted:
        yield ok(MEMORY, seen)
        return
    holders = ", ".join(processes(subject.probe)) or "the driver does not say whom"
    yield warn(
        MEMORY,
        f"{seen}; vLLM asks for {wanted:,}; held by {holders}",
        "Nothing to do where it is Scriptorium's own training or vLLM. Else close what holds it: nvidia-smi",
    )


def processes(probe: Probe) -> list[str]:
    """Who holds GPU memory, where the driver tells: not on WSL, and not inside a container."""
    program = nvidia_smi(probe) or ""
    answer = probe.run(program, "--query-compute-apps=pid,process_name,used_memory", "--format=csv,noheader,nounits")
    rows = [[value.strip() for value in line.split(",")] for line in answer.out.splitlines()]
    return [f"{row[1]} (pid {row[0]}, {row[2]} MiB)" for row in rows if len(row) == 3 and row[0].isdecimal()][:5]
