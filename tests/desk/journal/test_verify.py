"""Each kind of damage is found at its entry, in real files of SQLite."""

import random
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from journals import IN_MEMORY, fill, order

from desk.journal.chain import ENTRY_FIELDS, START, Entry, Head
from desk.journal.journal import COLUMNS, HEAD, JOURNAL, Journal
from desk.journal.verify import PLACES_NEAR, VerifiedChain, verify
from foundation.errors import DataError
from foundation.sqlite_tables import digest

COUNT = 60  # entries


@pytest.fixture(scope="module")
def sound() -> Iterator[Path]:
    """A journal of `COUNT` entries in one file, without a log beside it."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        with Journal(Path(folder) / "sound", user="anna") as journal:
            for k in range(COUNT // 2):
                journal.append([order(k, portfolio="desk"), fill(k, 10.0 + k, ticket="ab" * 32)])
        yield Path(folder) / "sound"


@pytest.fixture
def folder(sound: Path) -> Iterator[Path]:
    """A copy to damage."""
    copy = sound.with_name("copy")
    shutil.copytree(sound, copy)
    yield copy
    shutil.rmtree(copy)


def checked(folder: Path) -> VerifiedChain:
    with Journal(folder, read_only=True) as journal:
        return verify(journal)


def found(folder: Path) -> list[int]:
    """The entries that have faults."""
    return [fault.sequence for fault in checked(folder).faults]


def damage(folder: Path, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Write the entries anew as somebody leaves them who knows SQLite."""
    with sqlite3.connect(folder / JOURNAL) as rows:
        entries = [Entry(*row) for row in rows.execute(f"SELECT {COLUMNS} FROM entries ORDER BY sequence")]
        for name in ("never_changed", "never_removed"):
            rows.execute(f"DROP TRIGGER {name}")
        rows.execute("DROP INDEX by_key")
        rows.execute("DELETE FROM entries")
        marks = ", ".join("?" * len(ENTRY_FIELDS))
        rows.executemany(f"INSERT INTO entries ({COLUMNS}) VALUES ({marks})", map(astuple, change(entries)))
    rows.close()


def hashed(entry: Entry) -> Entry:
    """An entry with a hash that fits it."""
    return replace(entry, sha256=digest(entry.sequence, [str(field).encode() for field in astuple(entry)[1:-1]]))


def test_a_journal_that_nobody_touched_has_no_fault(folder: Path) -> None:
    with Journal(folder, read_only=True) as journal:
        checked = verify(journal)
        assert checked == VerifiedChain(journal.head, 0, ())
        assert checked.text.startswith(f"{COUNT} entries, none changed, removed or added.")


def test_each_of_100_flipped_bytes_of_the_file_is_found_at_its_entry(sound: Path, folder: Path) -> None:
    rng, data = random.Random(1), (sound / JOURNAL).read_bytes()
    with Journal(sound, read_only=True) as journal:
        entries = list(journal.entries())
    for _ in range(100):
        entry = rng.choice(entries)
        begin = data.index("".join(map(str, astuple(entry)[1:])).encode())  # of its fields, one after the other
        place = begin + rng.randrange(len("".join(map(str, astuple(entry)[1:])).encode()))
        damaged = bytearray(data)
        damaged[place] ^= 1 << rng.randrange(8)
        (folder / JOURNAL).write_bytes(damaged)
        assert found(folder) == [entry.sequence], place - begin


def test_a_flipped_byte_of_an_index_is_found_at_the_entry_that_it_no_longer_finds(sound: Path, folder: Path) -> None:
    data = bytearray((sound / JOURNAL).read_bytes())
    with Journal(sound, read_only=True) as journal:
        keys = [entry.key.encode() for entry in journal.entries()]
    for place, key in random.Random(7).sample(list(enumerate(keys, start=1)), 5):
        begins = [match.start() for match in re.finditer(re.escape(key), data)]
        begin = next(
            at for at in begins if not data[at - len(b"order") : at].isalpha()
        )  # not the table's, after its kind
        (folder / JOURNAL).write_bytes(data[:begin] + bytes([data[begin] ^ 1]) + data[begin + 1 :])
        assert place in found(folder)


def test_each_of_20_removed_entries_is_found_where_it_stood(folder: Path) -> None:
    for gone in random.Random(2).sample(range(1, COUNT + 1), 20):
        restored(folder)
        damage(folder, lambda entries, gone=gone: [entry for entry in entries if entry.sequence != gone])  # type: ignore[misc]
        assert found(folder) == [gone]


def test_each_of_20_removed_entries_is_found_though_the_others_are_numbered_anew(folder: Path) -> None:
    for gone in random.Random(3).sample(range(1, COUNT + 1), 20):
        restored(folder)
        damage(
            folder,
            lambda entries, gone=gone: [  # type: ignore[misc]
                replace(entry, sequence=place)
                for place, entry in enumerate((e for e in entries if e.sequence != gone), start=1)
            ],
        )
        assert found(folder) == sorted({gone, COUNT})  # and the end, which the second file states


def test_each_of_20_swaps_is_found_at_its_entries(folder: Path) -> None:
    rng = random.Random(4)
    pairs = [(k, k + 1) for k in rng.sample(range(1, COUNT), 6)]
    pairs += [tuple(sorted(rng.sample(range(1, COUNT + 1), 2))) for _ in range(14)]  # type: ignore[misc]
    for a, b in pairs:
        restored(folder)
        places = {a: b, b: a}
        damage(
            folder,
            lambda entries, places=places: [  # type: ignore[misc]
                replace(entry, sequence=places.get(entry.sequence, entry.sequence)) for entry in entries
            ],
        )
        faults = checked(folder).faults
        assert {fault.sequence for fault in faults} in ({a}, {a, b})
        assert b - a > PLACES_NEAR or f"what was written as entry {b} stands at {a}" in faults[0].text


def test_each_of_10_cut_ends_is_found_at_the_first_entry_that_is_gone(folder: Path) -> None:
    for left in random.Random(5).sample(range(COUNT), 10):
        restored(folder)
        damage(folder, lambda entries, left=left: entries[:left])  # type: ignore[misc]
        assert found(folder) == [left + 1]


def test_an_inserted_entry_is_found_whether_its_hash_fits_or_not(folder: Path) -> None:
    for k in random.Random(6).sample(range(2, COUNT), 10):
        for fits in (True, False):
            restored(folder)

            def inserted(entries: list[Entry], k: int = k, fits: bool = fits) -> list[Entry]:
                made = replace(entries[k - 2], sequence=k, previous=entries[k - 2].sha256, content="{}")
                made = hashed(made) if fits else made
                return [*entries[: k - 1], made, *(replace(e, sequence=e.sequence + 1) for e in entries[k - 1 :])]

            damage(folder, inserted)
            assert found(folder)[0] == k


def test_an_entry_in_the_place_of_another_is_found_though_its_hash_fits(folder: Path) -> None:
    damage(folder, lambda entries: [hashed(replace(e, user="bob")) if e.sequence == 7 else e for e in entries])
    assert found(folder) == [7]


def test_a_file_that_ends_in_its_middle_is_said_to_have_no_further_entries(folder: Path) -> None:
    data = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(data[: len(data) // 2])
    assert "malformed" in checked(folder).faults[0].text


def test_a_rewritten_journal_is_found_by_the_head_of_a_ticket_that_was_made_before(folder: Path) -> None:
    with Journal(folder, read_only=True) as journal:
        before = journal.head_at(40)
    assert before is not None

    def rewritten(entries: list[Entry]) -> list[Entry]:
        head, made = START.sha256, []
        for entry in entries[:50]:
            made.append(hashed(replace(entry, user="bob", previous=head)))
            head = made[-1].sha256
        (folder / HEAD).write_text(f"{50:020d} {head}\n")
        return made

    damage(folder, rewritten)
    with Journal(folder, read_only=True) as journal:
        assert verify(journal).faults == ()
        (fault,) = verify(journal, {"trades.json": before}).faults
        (cut,) = verify(journal, {"trades.json": Head(55, before.sha256)}).faults
    assert (fault.sequence, cut.sequence) == (40, 51)
    assert fault.text == "Entry 40 is another than trades.json states: the journal was rewritten."


def test_nothing_is_appended_to_a_journal_whose_end_was_cut(folder: Path) -> None:
    damage(folder, lambda entries: entries[:-1])
    with pytest.raises(DataError, match=r"states 60 entries that are not these: journal.sqlite has 59 entries. Run:"):
        Journal(folder)


def test_a_head_that_a_killed_process_left_behind_is_no_fault_and_is_mended_at_the_next_opening(folder: Path) -> None:
    with Journal(folder, read_only=True) as journal:
        head, before = journal.head, journal.head_at(COUNT - 2)
    assert before is not None
    (folder / HEAD).write_text(f"{before.count:020d} {before.sha256}\n")
    with Journal(folder, read_only=True) as journal:
        assert verify(journal) == VerifiedChain(head, 2, ())
    Journal(folder).close()
    assert (folder / HEAD).read_text().split() == [f"{head.count:020d}", head.sha256]


def restored(folder: Path) -> None:
    """The copy as it was."""
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("sound"), folder)
