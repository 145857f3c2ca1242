"""Linux inside Windows: its version, its memory, whose driver it uses, and where the project lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GIB, GPU_USERS, Finding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.driver import nvidia_smi
from scriptorium.doctor.machine import ENOUGH, memory
from scriptorium.doctor.mounts import WINDOWS, find_mount

WSL_LIBRARY = "/usr/lib/wsl/lib/libcuda.so.1"
LINUX_LIBRARIES = ("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1")
WSLCONFIG = """\
On Windows, in the file %UserProfile%\\.wslconfig (leave Windows 8 GB or more):
[wsl2]
memory=40GB
swap=16GB
Then in PowerShell, with everything in WSL closed: wsl --shutdown"""


def check_wsl(subject: Subject) -> Iterator[Finding]:
    """Everything that is particular to WSL."""
    if not subject.wsl:
        yield skipped("WSL", "this is not WSL")
        return
    release = (subject.probe.read("/proc/sys/kernel/osrelease") or "").strip()
    if "wsl2" not in release.lower() and not subject.probe.exists("/dev/dxg"):
        yield fail("WSL", f"{release}: this is WSL 1", "In PowerShell: wsl --set-version Ubuntu 2")
        return
    yield ok("WSL", release)
    yield check_memory(subject)
    if not subject.container:
        yield from check_driver_library(subject)
        yield check_place(subject)
    if nvidia_smi(subject.probe) and subject.service in GPU_USERS:
        yield ok(
            "WSL GPU memory",
            "what does not fit spills into Windows' memory without an error, and training crawls: watch tokens/s",
        )


def check_memory(subject: Subject) -> Finding:
    """WSL gets half of the machine's memory unless it is told otherwise."""
    figures = memory(subject.probe)
    total, swap = figures.get("MemTotal", 0), figures.get("SwapTotal", 0)
    seen = f"{total / GIB:.1f} GiB, swap {swap / GIB:.1f} GiB"
    if total < ENOUGH:
        return warn("WSL memory", f"{seen}; an 8B model wants 24 GiB or more", WSLCONFIG)
    return ok("WSL memory", seen)


def check_driver_library(subject: Subject) -> Iterator[Finding]:
    """CUDA on WSL is Windows' driver; a Linux driver beside it hides it."""
    inside = [path for path in LINUX_LIBRARIES if subject.probe.exists(path)]
    if inside:
        yield fail(
            "WSL driver",
            f"a Linux NVIDIA driver is installed inside WSL ({inside[0]}) and hides Windows' own",
            "sudo apt purge '^nvidia-driver-.*' '^libnvidia-.*' && sudo apt autoremove && sudo ldconfig\n"
            "The NVIDIA Container Toolkit goes with it; install it again after that.",
        )
    elif subject.probe.exists(WSL_LIBRARY):
        yield ok("WSL driver", f"{WSL_LIBRARY}, from Windows")
    else:
        yield skipped("WSL driver", "Windows hands no NVIDIA driver to WSL")


def check_place(subject: Subject) -> Finding:
    """Building images from a Windows drive is slow, and file permissions get lost there."""
    here = Path(subject.probe.environ.get("PWD", "/"))
    mount = find_mount(subject.probe, here)
    if mount and mount.kind in WINDOWS:
        fix = f"cp -r '{here}' ~/ && cd ~/'{here.name}'   # or clone it there"
        return warn("WSL project folder", f"{here} is on a Windows drive ({mount.kind})", fix)
    return ok("WSL project folder", f"{here} is on a Linux filesystem")
