"""A model's repository on the Hugging Face hub: which files are needed, their sizes and digests, and its refusals."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from http import HTTPStatus

from scriptorium.errors import BaseModelUnusable

INDEX = "model.safetensors.index.json"
SINGLE_FILE = "model.safetensors"
SHARDS = "model-*-of-*.safetensors"
SMALL_FILES = ("*.json", "*.jinja", "tokenizer.model", "merges.txt")
TIMEOUT = 10.0  # seconds without a byte

RETRY_STEP = "Check the network, then create the job again; it goes on where it stopped."


@dataclass(frozen=True)
class HubFile:
    """A file of a repository. The hub names its content by a digest: SHA-256 of a large file, git's SHA-1 of others."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Repository:
    """A model's repository at one commit, with the files that are needed of it."""

    name: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(file.size for file in self.files)


def read_repository(name: str, endpoint: str) -> Repository:
    """Ask the hub for a model's files, the small ones first; raises BaseModelUnusable, or as the hub's client does."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi(endpoint=endpoint).model_info(name, files_metadata=True, timeout=TIMEOUT)
    except (HfHubHTTPError, HFValidationError):
        raise
    except (ValueError, TypeError, LookupError) as error:  # a proxy's page, for instance
        raise unreachable(name, endpoint, f"its answer is not a listing of files ({first_line(error)})") from error
    entries = [
        HubFile(entry.rfilename, entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
        for entry in info.siblings or ()
        if entry.size is not None and entry.blob_id
    ]
    weights = set(choose_weights([entry.name for entry in entries]))
    if not weights or info.sha is None:
        raise BaseModelUnusable(
            f"The repository {name} has no weights in the format safetensors.",
            param="model",
            next_step="Choose a repository with model.safetensors; other formats can contain programs.",
        )
    files = [entry for entry in entries if entry.name in weights or is_small_file(entry.name)]
    return Repository(name, info.sha, tuple(sorted(files, key=lambda file: (file.name in weights, file.name))))


def choose_weights(names: list[str]) -> list[str]:
    """Return the files of one complete set of weights: some repositories have a second one in another layout."""
    shards = [name for name in names if fnmatch(name, SHARDS) and "/" not in name]
    if INDEX in names and shards:
        return shards
    return [SINGLE_FILE] if SINGLE_FILE in names else []


def is_small_file(name: str) -> bool:
    """Return whether a file is a configuration or part of a tokenizer, beside the weights and not below them."""
    return "/" not in name and any(fnmatch(name, pattern) for pattern in SMALL_FILES)


@contextmanager
def hub_errors(name: str, endpoint: str) -> Iterator[None]:
    """Turn what the hub's client raises into BaseModelUnusable with its next step."""
    from httpx2 import TransportError
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise BaseModelUnusable(
            f"The base model {name} is not on this machine, and HF_HUB_OFFLINE forbids fetching it.",
            param="model",
            next_step="Put its folder into models/ on the volume, or unset HF_HUB_OFFLINE.",
        ) from error
    except HFValidationError as error:
        raise BaseModelUnusable(f"{name!r} is not a repository's name: {first_line(error)}", param="model") from error
    except TransportError as error:
        raise unreachable(name, endpoint, first_line(error)) from error
    except HfHubHTTPError as error:
        raise explain_refusal(name, endpoint, error) from error


def explain_refusal(name: str, endpoint: str, error: Exception) -> BaseModelUnusable:
    """Return the error for an answer of the hub that is no success."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    page = f"{endpoint}/{name}"
    if isinstance(error, GatedRepoError):
        reason = "the account of HF_TOKEN has not been granted access" if has_token() else "there is no HF_TOKEN"
        token_step = "" if has_token() else " Then set HF_TOKEN to a token with read access."
        return BaseModelUnusable(
            f"The base model {name} has a licence to accept, and {reason} (the hub answered {status}).",
            param="model",
            next_step=f"Accept its licence at {page} and wait until access is granted.{token_step}",
        )
    if isinstance(error, RepositoryNotFoundError):
        return BaseModelUnusable(
            f"The hub has no model {name}, or it is private.",
            param="model",
            next_step="Check the name; for a private model, set HF_TOKEN to a token that may read it.",
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return BaseModelUnusable(
            f"The hub does not accept HF_TOKEN for {name} (it answered {status}).",
            param="model",
            next_step="Create a new token with read access, and set HF_TOKEN to it.",
        )
    return unreachable(name, endpoint, f"it answered {status}" if status else first_line(error))


def unreachable(name: str, endpoint: str, reason: str) -> BaseModelUnusable:
    """Return the error for a hub that cannot be reached, or is out of order."""
    return BaseModelUnusable(
        f"The base model {name} could not be fetched from {endpoint}: {reason}.", param="model", next_step=RETRY_STEP
    )


def has_token() -> bool:
    """Return whether the hub's client has a token."""
    from huggingface_hub import get_token

    return bool(get_token() or os.environ.get("HF_TOKEN"))


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
