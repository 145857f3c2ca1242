"""The data folder: whether it is there, durable, large enough, and does what publishing needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GB, Finding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.mounts import FLEETING, NETWORK, WINDOWS, Mount, find_mount
from scriptorium.models.base_models import local_models

FOLDER, KIND, SPACE, WRITES, MODELS = "data folder", "data filesystem", "disk space", "data writes", "models folder"
ELSEWHERE = "Use a named volume of Docker, or a folder on a Linux disk: SCRIPTORIUM_DATA_DIR=$HOME/scriptorium"
DOUBTFUL = (
    (WINDOWS, "a Windows drive or a shared folder: slow, and its renames are not Linux's", ELSEWHERE),
    (FLEETING, "in memory: everything is lost at the next start", ELSEWHERE),
    (NETWORK, "a network filesystem", "What it must keep: docs/operations.md, A second machine. NFS: vers=4.2,hard"),
    ({"fuse", "fuseblk", "virtiofs"}, "through another program: slow for large models", ELSEWHERE),
)
PLENTY, LITTLE = 60 * GB, 10 * GB  # an 8B job: base 16 GB, merged 16 GB, checkpoints, and the next one


def check_volume(subject: Subject) -> Iterator[Finding]:
    """The data folder, or where it is going to be."""
    folder = subject.settings.data_dir
    mount = find_mount(subject.probe, nearest(subject, folder))
    if subject.container and (mount is None or mount.kind == "overlay"):
        fix = f"In the compose file, at {subject.compose_name}: volumes: ['data:{folder}']"
        yield fail(FOLDER, f"no volume is mounted at {folder}; everything would be lost with the container", fix)
    elif not subject.probe.exists(folder):
        yield missing(subject, folder)
    elif not subject.probe.writable(folder):
        yield fail(FOLDER, f"{folder} is not writable by user {subject.probe.user()}", own(subject, folder))
    else:
        yield ok(FOLDER, str(folder))
        yield try_writes(subject, folder)
    yield check_kind(mount)
    yield check_space(subject, nearest(subject, folder))
    yield check_models(subject)


def missing(subject: Subject, folder: Path) -> Finding:
    """The stack makes it, where it may."""
    above = nearest(subject, folder)
    if not subject.probe.writable(above):
        return fail(FOLDER, f"{folder} does not exist, and {above} is not writable", own(subject, folder))
    return ok(FOLDER, f"{folder} does not exist yet; `scriptorium up` makes it")


def nearest(subject: Subject, folder: Path) -> Path:
    """The folder, or the closest one above it that exists."""
    return next((path for path in (folder, *folder.parents) if subject.probe.exists(path)), Path("/"))


def own(subject: Subject, folder: Path) -> str:
    """How the folder becomes this user's."""
    if subject.container:
        user = subject.probe.user()
        chown = (
            f"docker run --rm --user 0 -v scriptorium_data:{folder} scriptorium/data chown -R {user}:{user} {folder}"
        )
        return f"On the host: {chown}\n(`docker volume ls` shows the volume's name)"
    return f"sudo mkdir -p '{folder}' && sudo chown -R \"$USER\" '{folder}'"


def try_writes(subject: Subject, folder: Path) -> Finding:
    """Every phase publishes by fsync and rename."""
    problem = subject.probe.try_folder(folder)
    if problem:
        return fail(WRITES, problem, "Use a local Linux filesystem (ext4, xfs, btrfs) or a named volume of Docker.")
    return ok(WRITES, "fsync, rename and links work")


def check_kind(mount: Mount | None) -> Finding:
    """Local Linux filesystems are fine; others are slow, lose locks or forget."""
    if mount is None:
        return skipped(KIND, "the kernel's list of mounts cannot be read")
    seen = f"{mount.kind} at {mount.point}"
    for kinds, what, fix in DOUBTFUL:
        if mount.kind.partition(".")[0] in kinds:
            return warn(KIND, f"{seen}: {what}", fix)
    return ok(KIND, seen)


def check_space(subject: Subject, folder: Path) -> Finding:
    """Counted for an 8B model in bf16."""
    free = subject.probe.disk(folder).free
    seen = f"{free / GB:.0f} GB free"
    fix = f"Remove old runs in {subject.settings.data_dir / 'runs'} (see docs/operations.md), or use a larger disk."
    if free < LITTLE:
        return fail(SPACE, f"{seen}; {LITTLE / GB:.0f} GB is the least", fix)
    if free < PLENTY:
        return warn(SPACE, f"{seen}: enough for small models; an 8B model wants {PLENTY / GB:.0f} GB", fix)
    return ok(SPACE, seen)


def check_models(subject: Subject) -> Finding:
    """Base models that were put there by hand; others come from the Hugging Face hub."""
    folder = subject.settings.models
    if not subject.probe.exists(folder):
        return skipped(MODELS, f"{folder} does not exist; it is needed for models of your own only")
    found = local_models(folder)
    return ok(MODELS, f"{folder}: {', '.join(found)}" if found else f"{folder} is empty")
