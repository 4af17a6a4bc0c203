"""The keys of a server: made once, for one user alone, and replaced without loss."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as drawn

from desk.service.caller import opened_service
from desk.service.settings import ServiceSettings
from desk.service.store.keys import KEY_KINDS, SEALING, SIGNING, Keys, opened_keys
from foundation.errors import DataError, MachineError


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return opened_keys(tmp_path_factory.mktemp("keys"))


def test_a_first_start_makes_keys_that_its_user_alone_may_read(app: FastAPI) -> None:
    folder = app.state.service.keys.folder
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == dict.fromkeys(
        KEY_KINDS, 0o600
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_folder_of_tenants_is_for_one_user_alone_wherever_the_database_is(tmp_path: Path) -> None:
    opened_service(ServiceSettings(folder=tmp_path / "service", database=f"sqlite:///{tmp_path / 'other' / 'db'}"))
    assert stat.S_IMODE((tmp_path / "service").stat().st_mode) == 0o700


def test_starts_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {opened_keys(made.folder).signing for made in pool.map(opened_keys, [tmp_path] * 8)}
    assert len(found) == 1


def test_no_two_servers_have_a_key_in_common(keys: Keys, tmp_path: Path) -> None:
    other = opened_keys(tmp_path)
    assert not {*keys.signing} & {*other.signing}
    with pytest.raises(DataError, match="its key is missing"):
        other.unseal(keys.seal(b"text"))


@given(drawn.binary(max_size=300))
def test_what_is_sealed_opens_and_shows_nothing(keys: Keys, content: bytes) -> None:
    sealed = keys.seal(content)
    assert keys.unseal(sealed) == content
    assert len(content) < 8 or content not in sealed


@given(drawn.data())
def test_a_changed_byte_is_refused(keys: Keys, data: drawn.DataObject) -> None:
    sealed = bytearray(keys.seal(b"text"))  # 73 bytes: the last letter but the padding has bits without meaning
    at = data.draw(drawn.integers(0, len(sealed) - 4))
    sealed[at] ^= data.draw(drawn.integers(1, 255))
    with pytest.raises(DataError, match="a sealed field was changed"):
        keys.unseal(bytes(sealed))


def test_after_a_rotation_the_new_key_seals_and_the_old_one_opens(tmp_path: Path) -> None:
    server, operator = opened_keys(tmp_path), opened_keys(tmp_path)
    old, sealed = server.signing, server.seal(b"text")
    operator.rotate()
    assert server.signing[1:] == old  # a server that runs sees it
    assert server.unseal(sealed) == b"text"
    later = server.seal(b"later")
    operator.drop_old()
    assert (server.unseal(later), len(server.signing)) == (b"later", 1)
    with pytest.raises(DataError):
        server.unseal(sealed)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, kind: str, mode: int) -> None:
    (opened_keys(tmp_path).folder / kind).chmod(mode)
    with pytest.raises(MachineError, match=rf"{kind} has the mode {mode:04o}.*rotate-keys"):
        opened_keys(tmp_path)


@pytest.mark.parametrize("content", [b"", b"secret\n", b"c2hvcnQ=\n", b"\xff\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: bytes) -> None:
    (opened_keys(tmp_path).folder / SEALING).write_bytes(content)
    with pytest.raises(MachineError, match="a key of 32 bytes"):
        opened_keys(tmp_path)


def test_keys_that_vanish_are_not_made_anew_while_a_server_runs(keys: Keys, tmp_path: Path) -> None:
    found = opened_keys(tmp_path)
    (tmp_path / SIGNING).unlink()
    with pytest.raises(MachineError, match="put it back"):
        _ = found.signing
