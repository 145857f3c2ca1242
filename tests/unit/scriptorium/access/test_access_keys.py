"""Keys on the volume: what is kept of them, who may read it, and what the log says."""

from __future__ import annotations

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.access.exposure import check_exposure, is_exposed, open_key_store
from scriptorium.access.key_ring import KeyRing
from scriptorium.access.key_store import KeyStore, user_name
from scriptorium.access.keys import KeyScope, KeyState, hash_secret, make_key
from scriptorium.errors import Conflict, InvalidRequest, KeyMissing, PathUnusable
from scriptorium.settings import Settings

READ = [KeyScope.READ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder for keys that does not exist yet."""
    return tmp_path / "data" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_has_256_random_bits_and_is_nowhere_on_the_volume(folder: Path) -> None:
    key, secret = KeyStore(folder).create("laptop", READ)
    assert secret.startswith("sk-scr-")
    assert len(secret.removeprefix("sk-scr-")) == 43  # 256 bits at six a character
    assert KeyStore(folder).create("laptop", READ)[1] != secret
    assert key.sha256 == hash_secret(secret)
    assert secret not in "".join(path.read_text() for path in folder.iterdir())


def test_only_the_owner_reads_keys(folder: Path) -> None:
    before = os.umask(0)
    try:
        folder.mkdir(parents=True, mode=0o777)
        KeyStore(folder).create("laptop", READ)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {path.name.split("_")[0]: mode(path) for path in folder.iterdir()} == {"key": 0o600, "audit.jsonl": 0o600}


def test_what_is_done_to_keys_is_logged_line_by_line(folder: Path) -> None:
    store = KeyStore(folder)
    laptop, _ = store.create(" Zoë's laptop ", READ)
    phone, _ = store.create("phone", READ)
    store.revoke(laptop.id)
    lines = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    assert [(line["action"], line["id"], line["name"]) for line in lines] == [
        ("created", laptop.id, "Zoë's laptop"),
        ("created", phone.id, "phone"),
        ("revoked", laptop.id, "Zoë's laptop"),
    ]
    assert {line["by"] for line in lines} == {user_name()}
    assert all(abs(line["at"] - laptop.created_at) < 60 for line in lines)


def test_keys_are_listed_newest_first_with_their_states(folder: Path) -> None:
    store = KeyStore(folder)
    assert store.newest() == []
    first, _ = store.create("a", READ)
    second, _ = store.create("b", [KeyScope.CHAT, KeyScope.READ], timedelta(days=90))
    third, _ = store.create("c", READ, timedelta(0))
    store.revoke(first.id)
    assert [key.id for key in store.newest()] == [third.id, second.id, first.id]
    assert [key.state for key in store.newest()] == [KeyState.EXPIRED, KeyState.ACTIVE, KeyState.REVOKED]
    assert second.scopes == (KeyScope.READ, KeyScope.CHAT)
    assert second.expires_at == second.created_at + 90 * 86_400


def test_a_key_is_revoked_once(folder: Path) -> None:
    store = KeyStore(folder)
    key, _ = store.create("a", READ)
    assert store.revoke(key.id).state is KeyState.REVOKED
    with pytest.raises(Conflict):
        store.revoke(key.id)
    for unknown in ("key_" + "0" * 26, "../job", "", f"{key.id}/../{key.id}"):
        with pytest.raises(KeyMissing):
            store.revoke(unknown)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2J", "x" * 65])
def test_an_unusable_name_is_refused_before_anything_is_made(folder: Path, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        KeyStore(folder).create(name, READ)
    assert caught.value.param == "NAME"
    assert not folder.exists()


def test_scopes_open_their_own_and_admin_opens_all() -> None:
    reader, admin = make_key("a", READ)[0], make_key("b", [KeyScope.ADMIN])[0]
    assert reader.may({KeyScope.READ, KeyScope.CHAT})
    assert not reader.may({KeyScope.SUBMIT})
    assert not reader.may({KeyScope.ADMIN})
    assert all(admin.may({scope}) for scope in KeyScope)


def test_a_ring_notices_new_revoked_and_removed_keys(folder: Path) -> None:
    store, ring = KeyStore(folder), KeyRing(folder)
    assert ring.is_empty
    assert ring.find("sk-scr-x") is None
    key, secret = store.create("a", READ)
    other, other_secret = store.create("b", READ)
    assert not ring.is_empty
    assert ring.find(secret) == key
    assert ring.find(other_secret) == ring.get(other.id) == other
    assert ring.find(key.sha256) is None, "the hash is no secret"
    store.revoke(key.id)
    revoked = ring.find(secret)
    assert revoked
    assert revoked.state is KeyState.REVOKED
    (folder / f"{key.id}.json").unlink()
    assert ring.find(secret) is None


def test_a_change_within_one_tick_of_the_clock_is_noticed_after_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("scriptorium.access.key_ring.time.monotonic", lambda: clock[0])
    ring, (_, secret) = KeyRing(folder), KeyStore(folder).create("a", READ)
    assert ring.find(secret)
    stamp = folder.stat().st_mtime_ns
    _, late = KeyStore(folder).create("b", READ)
    os.utime(folder, ns=(stamp, stamp))
    assert ring.find(late) is None
    clock[0] = 1.1
    assert ring.find(late)


@pytest.mark.parametrize("text", ["{", "[]", '{"id": "key_1"}', ""])
def test_a_broken_key_counts_and_opens_nothing(folder: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    _, secret = KeyStore(folder).create("a", READ)
    broken = folder / "key_0.json"
    broken.write_text(text)
    ring = KeyRing(folder)
    assert ring.find(secret)
    assert str(broken) in caplog.text
    with pytest.raises(PathUnusable) as caught:
        KeyStore(folder).newest()
    assert str(broken) in str(caught.value)
    for path in folder.glob("key_0?*.json"):
        path.unlink()
    assert not ring.is_empty


def test_a_folder_of_keys_that_is_none_closes_the_api(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "keys").write_text("")
    ring = KeyRing(tmp_path / "keys")
    assert not ring.is_empty
    assert ring.find("sk-scr-x") is None
    assert "none is valid" in caplog.text


@pytest.mark.parametrize(
    ("host", "published", "exposed"),
    [
        ("127.0.0.1", "", False),
        ("localhost", "", False),
        ("::1", "", False),
        ("0.0.0.0", "", True),  # noqa: S104  what is to be refused
        ("192.168.1.5", "", True),
        ("0.0.0.0", "127.0.0.1", False),  # noqa: S104
        ("0.0.0.0", "0.0.0.0", True),  # noqa: S104
        ("127.0.0.1", "10.0.0.1", True),
    ],
)
def test_an_api_that_others_reach_needs_a_key(tmp_path: Path, host: str, published: str, exposed: bool) -> None:
    settings = Settings(data_dir=tmp_path, api_host=host, api_published=published)
    assert is_exposed(settings) is exposed
    if exposed:
        with pytest.raises(InvalidRequest) as caught:
            check_exposure(settings)
        assert caught.value.param == ("SCRIPTORIUM_API_PUBLISHED" if published else "SCRIPTORIUM_API_HOST")
        assert "keys create" in str(caught.value.next_step)
        open_key_store(settings).create("a", READ)
    check_exposure(settings)
