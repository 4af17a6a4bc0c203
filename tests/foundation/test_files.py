"""A file is there whole or not at all, whoever is killed; a lock goes with its process."""

import errno
import fcntl
import multiprocessing
import os
import signal
import stat
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from foundation import files
from foundation.machine import path_of


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    assert files.write_whole(tmp_path / "a", "a\nµ\r\n").read_bytes() == "a\nµ\r\n".encode()
    assert files.write_whole(tmp_path / "a", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = files.write_whole(tmp_path / "a", "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a draft")

    monkeypatch.setattr(*((os, "fsync") if fails == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left") as error:
        files.write_whole(path, "new")
    assert error.value.filename == str(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def draft(path: Path) -> Path:
    """A draft of a file, as a killed process left it."""
    left = path.with_name(f".{path.name}.0123456789abcdef.part")
    left.write_text("half")
    return left


def test_drafts_that_nobody_writes_are_deleted_and_no_others(tmp_path: Path) -> None:
    """Of whatever file in the folder; a draft that is being written is locked."""
    path = tmp_path / "t.csv"
    for change in (lambda: files.write_whole(path, "whole"), lambda: files.delete(path)):
        draft(path)
        draft(tmp_path / "u.csv")
        held = draft(tmp_path / "v.csv")
        (tmp_path / ".notes.part").write_text("mine")
        with open(held, "rb") as writing:
            fcntl.flock(writing, fcntl.LOCK_EX)
            change()
        assert sorted(set(names(tmp_path)) - {"t.csv"}) == [".notes.part", held.name]
    assert not path.exists()


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = files.write_whole(tmp_path / "t.csv", "mine")
    path.chmod(0o600)
    assert stat.S_IMODE(files.write_whole(path, "mine still").stat().st_mode) == 0o600


def _save_often(folder: Path, own: int) -> None:
    for k in range(150):
        checksum = f"{own:02}{k:06}" * 8
        files.write_with_record(folder / "record.json", checksum, "data.bin", checksum, checksum.encode())


def test_two_writers_and_a_reader_of_one_folder_see_pairs_only(tmp_path: Path) -> None:
    """Each save deletes the data of others; whoever reads a record gets the data that it states."""
    _save_often(tmp_path, 0)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_save_often, args=(tmp_path, own)) for own in (1, 2)]
    for writer in writers:
        writer.start()
    reads = 0
    while any(writer.is_alive() for writer in writers):
        text, _, data = files.read_with_record(tmp_path / "record.json", "data.bin", bytes.decode)
        assert text == data
        reads += 1
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert reads > 100
    assert len(names(tmp_path)) == 2


def test_data_that_a_record_states_and_nobody_has_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("0" * 64)
    with pytest.raises(FileNotFoundError, match="data-00000000"):
        files.read_with_record(tmp_path / "record.json", "data.bin", bytes.decode)


def test_a_record_and_its_data_are_replaced_together(tmp_path: Path) -> None:
    """Whatever the record names is there at each moment, and data of earlier records are not kept."""
    record, one, two = tmp_path / "new" / "record.json", "0" * 64, "1f" * 32
    for checksum in (one, two, two):
        files.write_with_record(record, checksum, "figures.parquet", checksum, checksum.encode())
        assert names(record.parent) == sorted([files.data_name("figures.parquet", checksum), "record.json"])
    (record.parent / "figures-notes.parquet").touch()
    files.write_with_record(record, one, "figures.parquet", one, one.encode())
    assert names(record.parent) == ["figures-00000000.parquet", "figures-notes.parquet", "record.json"]


@pytest.mark.parametrize("checksum", ["../../etc", "0123", "", None, 7, "ABCDEF0123"])
def test_no_name_is_made_from_what_is_no_checksum(checksum: object) -> None:
    with pytest.raises(ValueError, match="is no checksum"):
        files.data_name("policy.safetensors", checksum)  # type: ignore[arg-type]


def test_a_folder_is_synced_with_all_that_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("1", "a/2", "a/b/3"):
        (tmp_path / name).touch()
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(path_of(handle)))
    files.sync(tmp_path)
    assert sorted(synced) == sorted(map(str, [tmp_path, *tmp_path.rglob("*")]))


def test_files_of_a_folder_that_is_synced_as_a_whole_do_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with files.synced_later(tmp_path):
        files.write_whole(tmp_path / "a", "1")
        assert not synced
    with files.synced_later(tmp_path / "other"):
        files.write_whole(tmp_path / "a", "1")
    assert len(synced) == 2
    synced.clear()
    files.write_whole(tmp_path / "a", "2")
    assert len(synced) == 2  # the file, and its name in the folder
    assert (tmp_path / "a").read_text() == "2"


def _hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with files.locked(path, wait=False):
        held.set()
        os.kill(os.getpid(), 9)


def test_a_lock_goes_with_its_process_and_its_file_with_the_lock(tmp_path: Path) -> None:
    path, context = tmp_path / ".lock", multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=_hold, args=(path, held))
    process.start()
    process.join()
    assert held.is_set()
    assert path.exists()  # its holder was killed
    with files.locked(path, wait=False) as got:
        assert got
        with files.locked(path, wait=False) as again:
            assert not again
    assert names(tmp_path) == []


def test_who_waits_for_a_lock_gets_a_file_that_is_there(tmp_path: Path) -> None:
    """The holder deletes the file: whoever waited for it must not hold a lock of which nobody knows."""
    path = tmp_path / ".lock"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert sum(pool.map(_count_alone, [path] * 400)) == 400
    assert names(tmp_path) == []


def _count_alone(path: Path) -> bool:
    inside = path.with_name("inside")
    with files.locked(path, wait=True):
        inside.touch(exist_ok=False)  # raises where another process is inside as well
        inside.unlink()
    return True


def _hold_a_work_folder(killed: bool, pipe: Connection) -> None:
    with files.work_folder() as folder:
        (folder / "profile").mkdir()
        (folder / "profile" / "cookies").touch()
        pipe.send(folder)
        pipe.recv()
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)


def test_a_work_folder_goes_with_its_block_and_those_of_the_killed_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held, pipes = [], []
    for killed in (True, False):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=_hold_a_work_folder, args=(killed, theirs))
        process.start()
        folder = ours.recv()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        held.append((folder, process))
        pipes.append(ours)
    (dead, first), (alive, second) = held
    pipes[0].send(None)
    first.join()
    assert dead.exists()
    with files.work_folder() as own:
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == sorted([alive.name, own.name])
    pipes[1].send(None)
    second.join()
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_a_draft_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / ("t" * 240 + ".json")  # a draft's name is longer than a file system takes
    with pytest.raises(OSError, match="File name too long") as raised, files.replacing(path):
        pass
    assert raised.value.filename == str(path)
