"""Portfolios in the database: who may see one, its versions, and its files in the folder of its tenant."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from desk.service.bodies import value_of_body
from desk.service.caller import APPROVALS, Caller, Service
from desk.service.folders import PORTFOLIOS
from desk.service.limited import limited
from desk.service.portfolios.mongodb import read_mongodb
from desk.service.portfolios.validation import MONGODB, POSITIONS, from_positions, read_sent, yaml_of
from desk.service.problems import FieldMistake, Problem, of_finding, refused
from desk.service.store.tables import PortfolioVersion, Share, StoredPortfolio, now
from foundation.arguments import shown
from foundation.dataclasses import dataclass
from foundation.errors import ConfigError
from foundation.files import work_folder, write_whole
from foundation.names import NAME_FIX, name_fault

FILE_ENDINGS = (".csv", ".csv.gz", ".parquet", ".yaml")  # of files that a portfolio names
MOST_BYTES, MOST_TEXT = 8_000_000, 400_000  # bytes of a portfolio with its files, and of its text alone
MAPPING = TypeAdapter(dict[str, Any])
CHANGED_SINCE = "Somebody changed the portfolio meanwhile: read it again, and make the change anew."


@dataclass(frozen=True)
class Content:
    """The content of a version.

    name  : name of the portfolio in its text.
    text  : YAML, as it was sent, or of the JSON that was.
    tree  : the mapping that it states.
    files : content of the files that it names, by name.
    """

    name: str
    text: str
    tree: dict[str, Any]
    files: Mapping[str, bytes]

    @property
    def packed(self) -> bytes:
        """All of it, to be sealed."""
        files = {name: b64encode(content).decode() for name, content in self.files.items()}
        return json.dumps({**vars(self), "files": files}).encode()

    @classmethod
    def of(cls, sealed: bytes) -> "Content":
        """The content of these bytes."""
        known = json.loads(sealed)
        return cls(**{**known, "files": {name: b64decode(content) for name, content in known["files"].items()}})


# -- who sees what -----------------------------------------------------------------------------------------------------


def seen_by(caller: Caller) -> ColumnElement[bool]:
    """The condition on portfolios that a caller sees: his own, and those that are shared with him."""
    shared = select(Share.portfolio).where(Share.user == caller.user)
    return (StoredPortfolio.tenant == caller.tenant) & or_(
        StoredPortfolio.owner == caller.user, StoredPortfolio.id.in_(shared)
    )


def seen(session: Session, caller: Caller, portfolio: str, *, for_change: bool = False) -> StoredPortfolio:
    """A portfolio that a caller sees.

    for_change : true if he wants to change it.
    Raises     : Problem 404 where it is not there for him, 403 where he may only read it, 410 where it was deleted.
    """
    found = session.scalar(select(StoredPortfolio).where(StoredPortfolio.id == portfolio, seen_by(caller)))
    if found is None:
        raise Problem(404, "There is no portfolio of this id. List yours: GET /api/portfolios")
    if for_change and found.deleted is not None:
        raise Problem(410, "The portfolio was deleted. Its versions can be read.")
    if for_change and found.owner != caller.user:
        share = session.get(Share, (portfolio, caller.user))
        if share is None or not share.writes:
            raise Problem(403, "The portfolio is shared with you to be read. Ask its owner for more.")
    return found


def found_portfolio(service: Service, caller: Caller, portfolio: str, *, for_change: bool = False) -> StoredPortfolio:
    """A portfolio that a caller sees, as it stands now. Raises Problem as `seen`."""
    with service.sessions() as session:
        return seen(session, caller, portfolio, for_change=for_change)


def found_content(service: Service, caller: Caller, portfolio: str, version: int | None = None) -> Content:
    """The content of a version of a portfolio that a caller sees. Raises Problem as `seen` and `content_of`."""
    with service.sessions() as session:
        return content_of(service, session, seen(session, caller, portfolio), version)[1]


def owned_portfolio(session: Session, caller: Caller, portfolio: str) -> StoredPortfolio:
    """A portfolio of the caller's own, to be changed. Raises Problem as `seen`, and 403 for a shared one."""
    found = seen(session, caller, portfolio, for_change=True)
    if found.owner != caller.user:
        raise Problem(403, "Only the owner of a portfolio shares and deletes it.")
    return found


# -- versions ----------------------------------------------------------------------------------------------------------


def checked(service: Service, caller: Caller, text: str, is_yaml: bool, files: Mapping[str, bytes]) -> Content:
    """A portfolio that was sent, read in a limited process as the command line reads a file.

    text    : YAML, or JSON.
    Raises  : Problem 400 with all mistakes, 413 for too much.
    """
    if len(text) > MOST_TEXT or sum(map(len, files.values())) > MOST_BYTES:
        raise Problem(413, f"Send at most {MOST_TEXT:,} letters, with files of at most {MOST_BYTES:,} bytes.")
    if mistakes := [
        FieldMistake("", f"a file cannot be called so: it {fault}", name, NAME_FIX)
        for name in files
        if (
            fault := name_fault(name)
            or ("" if name.endswith(FILE_ENDINGS) else f"ends with none of {', '.join(FILE_ENDINGS)}")
        )
    ]:
        raise refused(mistakes)
    home, text = service.root(caller.tenant), text if is_yaml else yaml_of(value_of_body(text.encode(), MAPPING))
    with work_folder() as folder:
        for name, content in files.items():
            write_whole(folder / name, content)
        found = limited(read_sent, str(folder), text, is_yaml, home=home)
        if MONGODB in found.get("tree", ()):
            filled = yaml_of(read_mongodb(found["tree"], caller.tenant, folder))
            again = limited(read_sent, str(folder), filled, False, home=home)
            found = again if "mistakes" in again else found
    if "mistakes" in found:
        raise refused([FieldMistake(**each) for each in found["mistakes"]])
    return Content(found["name"], text, found["tree"], files)


def from_broker(
    service: Service,
    caller: Caller,
    name: str,
    positions: Any,
    asked: Mapping[str, Any],
    make: Callable[..., dict[str, Any]] = from_positions,
) -> dict[str, Any]:
    """A new portfolio with a broker's positions, made in a limited process as `rebalance new` makes it.

    make   : `from_positions`, `look_at_positions` or `from_table`, of which the other arguments and the result are.
    Raises : as `from_positions` does; Problem 400 for a name that is none, and with each mistake of the broker's file.
    """
    if fault := name_fault(name):
        raise refused([FieldMistake("/name", f"no name: it {fault}", name, NAME_FIX)])
    with work_folder() as folder:
        try:
            given = str(folder), name, positions, asked
            found: dict[str, Any] = limited(make, *given, home=service.root(caller.tenant))
        except ConfigError as error:
            if not all(each.place.startswith(POSITIONS) for each in error.findings):
                raise
            raise refused([of_finding(each, "/positions") for each in error.findings]) from None
    return found


def created(service: Service, caller: Caller, client: str, content: Content) -> str:
    """Store a new portfolio, and give its id. Raises Problem 409 where its name is taken."""
    stored = StoredPortfolio(tenant=caller.tenant, owner=caller.user, client=client, name=content.name)
    try:
        with service.sessions.begin() as session:
            session.add(stored)
            session.flush()
            session.add(_version(service, caller, stored.id, 1, content))
            return stored.id
    except IntegrityError:
        what = f"The name {shown(content.name)} is taken, and the journal knows portfolios by name: give another one."
        raise Problem(409, what) from None


def changed(service: Service, caller: Caller, portfolio: str, version: int, content: Content) -> int:
    """Store the next version of a portfolio, and give its number.

    version : number of the one that the caller has read.
    Raises  : Problem as `seen`; 412 where another one was stored since; 400 where the name is another one.
    """
    try:
        with service.sessions.begin() as session:
            found = seen(session, caller, portfolio, for_change=True)
            _check_persons(caller, content_of(service, session, found, version)[1], content)
            if content.name != found.name:
                fix = f"Keep {found.name!r}: the journal knows it so."
                raise refused([FieldMistake("/name", "not the name of this portfolio", content.name, fix)])
            _update(session, portfolio, version, version=version + 1)
            session.add(_version(service, caller, portfolio, version + 1, content))
    except IntegrityError:
        raise Problem(412, CHANGED_SINCE) from None
    return version + 1


def check_version(service: Service, caller: Caller, portfolio: str, version: int | None) -> None:
    """Raise Problem 403 for lists of an older version that asks fewer persons to approve them than the newest."""
    if version is not None:
        _check_persons(caller, *(found_content(service, caller, portfolio, each) for each in (None, version)))


def _check_persons(caller: Caller, before: Content, after: Content) -> None:
    """Raise Problem 403 where a content asks fewer persons to approve its lists, and the caller is no approver."""
    earlier, later = ((each.tree.get("ticket") or {}).get("approvals") or 0 for each in (before, after))
    if later < earlier and not caller.may("approver", APPROVALS):
        raise Problem(
            403, f"It asks {later} persons to approve its lists, not {earlier}: only an approver allows that."
        )


def deleted(service: Service, caller: Caller, portfolio: str, version: int) -> None:
    """Mark a portfolio deleted; its versions stay. Raises Problem as `owned_portfolio`, and 412 as `changed`."""
    with service.sessions.begin() as session:
        owned_portfolio(session, caller, portfolio)
        _update(session, portfolio, version, deleted=now())


def _update(session: Session, portfolio: str, newest: int, **values: Any) -> None:
    """Change a portfolio whose newest version has this number. Raises Problem 412."""
    mine = StoredPortfolio.id == portfolio, StoredPortfolio.version == newest
    if session.scalar(update(StoredPortfolio).where(*mine).values(**values).returning(StoredPortfolio.id)) is None:
        raise Problem(412, CHANGED_SINCE)


def content_of(
    service: Service, session: Session, stored: StoredPortfolio, version: int | None = None
) -> tuple[PortfolioVersion, Content]:
    """A version of a portfolio, the newest for None. Raises Problem 404 for one that is not there."""
    found = session.get(PortfolioVersion, (stored.id, version or stored.version))
    if found is None:
        raise Problem(404, f"The portfolio has no version {version}: give one of 1 to {stored.version}.")
    return found, Content.of(service.keys.unseal(found.sealed))


def _version(service: Service, caller: Caller, portfolio: str, number: int, content: Content) -> PortfolioVersion:
    return PortfolioVersion(
        portfolio=portfolio,
        number=number,
        sealed=service.keys.seal(content.packed),
        sha256=sha256(content.packed).hexdigest(),
        author=caller.user,
    )


# -- files -------------------------------------------------------------------------------------------------------------


def written_out(service: Service, caller: Caller, portfolio: str, version: int | None = None) -> Path:
    """The file of a version of a portfolio, for commands: `portfolios/<id>/<version>/<name>.yaml` in the tenant's root.

    Files that it names stand beside it. Holdings in MongoDB are read anew each time, and are written into it.
    version : its number, None for the newest.
    Raises  : Problem as `seen` and `content_of`, and 410 for a portfolio that was deleted; ConfigError and DataError as
              `read_mongodb` does.
    """
    with service.sessions() as session:
        stored = seen(session, caller, portfolio)
        if stored.deleted is not None:
            raise Problem(410, "The portfolio was deleted. Its versions can be read.")
        kept, content = content_of(service, session, stored, version)
    folder = service.root(stored.tenant) / PORTFOLIOS / stored.id / str(kept.number)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, each in content.files.items():
        _write_once(folder / name, each)
    is_filled = MONGODB in content.tree
    text = yaml_of(read_mongodb(content.tree, stored.tenant, folder)) if is_filled else content.text
    return _write_once(folder / f"{content.name}.yaml", text.encode())


def _write_once(path: Path, content: bytes) -> Path:
    """Write a file whole, but where it is so already: whoever reads it is not disturbed."""
    return path if path.is_file() and path.read_bytes() == content else write_whole(path, content)
