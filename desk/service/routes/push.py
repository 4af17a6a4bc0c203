"""Messages to a person: the browsers that they are pushed to, and whether they come by e-mail."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from desk.service.bodies import Body, Id, JsonRoute
from desk.service.caller import PERSON, Caller, InService, Service, needs
from desk.service.notify import BY_EMAIL
from desk.service.problems import FieldMistake, Problem, refused
from desk.service.store.tables import PushSubscription
from desk.service.users.one_time import sha256_of
from desk.service.web_push import Browser, push_keys

router = APIRouter(prefix="/api/push", tags=["users"], route_class=JsonRoute)
Person = Annotated[Caller, Depends(needs("viewer", PERSON))]
MOST_BROWSERS = 10  # of a user: the oldest is forgotten


class PushKey(BaseModel):
    """The public key by which a browser knows the messages of this server: `applicationServerKey`, in base64url."""

    key: str


class Subscribed(BaseModel):
    """A browser that takes messages.  id : by which it is deleted."""

    id: str


class EmailWanted(Body):
    """True to get messages by e-mail."""

    wanted: bool = False


@router.get("/key")
def push_key(caller: Person, service: InService) -> PushKey:
    """Give the key with which a browser subscribes to messages."""
    return PushKey(key=next(iter(push_keys(service.keys))))


@router.post("/subscriptions", status_code=201)
def subscribe(body: Browser, caller: Person, service: InService) -> Subscribed:
    """Push messages to a browser from now on; one that another user had is yours."""
    if body.key not in push_keys(service.keys):
        raise refused([FieldMistake("/key", "no key of this server", body.key, "GET /api/push/key gives it.")])
    with service.sessions.begin() as session:
        row = _kept(session, service, caller, sha256_of(body.endpoint), body.model_dump_json().encode())
        is_mine = (PushSubscription.user == caller.user) & (PushSubscription.sha256 != sha256_of(caller.user))
        mine = select(PushSubscription.id).where(is_mine)
        older = mine.order_by(PushSubscription.created.desc(), PushSubscription.id).offset(MOST_BROWSERS)
        session.execute(delete(PushSubscription).where(PushSubscription.id.in_(session.scalars(older).all())))
        return Subscribed(id=row.id)


@router.delete("/subscriptions/{id}", status_code=204)
def unsubscribe(id: Id, caller: Person, service: InService) -> None:
    """Push no more messages to a browser."""
    is_mine = (PushSubscription.id == id) & (PushSubscription.user == caller.user)
    with service.sessions.begin() as session:
        if session.scalar(delete(PushSubscription).where(is_mine).returning(PushSubscription.id)) is None:
            raise Problem(404, "You have no browser of this id.")


@router.put("/email", status_code=204, responses={409: {}})
def choose_email(body: EmailWanted, caller: Person, service: InService) -> None:
    """Send messages by e-mail to the address of your account, too, or no more."""
    if body.wanted and service.settings.email is None:
        raise Problem(409, "This server sends no e-mail: its operator sets SMTP_HOST.")
    with service.sessions.begin() as session:
        if body.wanted:
            _kept(session, service, caller, sha256_of(caller.user), BY_EMAIL)
        else:
            session.execute(delete(PushSubscription).where(PushSubscription.sha256 == sha256_of(caller.user)))


def message_choices(service: Service, caller: Caller) -> dict[str, Any]:
    """The names of the template `phone_settings.html.j2`, for a page that includes it."""
    with service.sessions() as session:
        found = session.scalar(select(PushSubscription.id).where(PushSubscription.sha256 == sha256_of(caller.user)))
    key = push_key(caller, service).key
    return {"push_key": key, "by_email": found is not None, "sends_email": service.settings.email is not None}


def _kept(session: Session, service: Service, caller: Caller, hashed: str, content: bytes) -> PushSubscription:
    """The row of a hash, made or changed."""
    session.execute(delete(PushSubscription).where(PushSubscription.sha256 == hashed))
    row = PushSubscription(user=caller.user, sha256=hashed, sealed=service.keys.seal(content))
    session.add(row)
    session.flush()
    return row
