"""The second factor of the user who calls: he sets up an authenticator app, confirms it by a code, and removes it."""

from fastapi import APIRouter
from pydantic import BaseModel

from desk.service.bodies import Body, JsonRoute
from desk.service.caller import InService
from desk.service.problems import refused
from desk.service.routes.sign_in import Code
from desk.service.routes.users import Recent, RecoveryCodes
from desk.service.store.tables import User
from desk.service.users.accounts import new_recovery_codes
from desk.service.users.second_factor import CODE_WANTED, begin_second_factor, remove_second_factor, takes_code

router = APIRouter(prefix="/api/users/second-factor", tags=["users"], route_class=JsonRoute)


class AppKey(BaseModel):
    """The key of an authenticator app, which is shown only now. link : by which an app of this device takes it."""

    key: str
    link: str


class AppCode(Body):
    """A code that the app shows."""

    code: Code


@router.post("/key", status_code=201, responses={409: {}})
def new_key(caller: Recent, service: InService) -> AppKey:
    """Make the key of an authenticator app; codes are asked for once one of them has confirmed it."""
    with service.sessions.begin() as session:
        key, link = begin_second_factor(session, service.keys, session.get_one(User, caller.user))
    return AppKey(key=key, link=link)


@router.post("")
def confirm_app(body: AppCode, caller: Recent, service: InService) -> RecoveryCodes:
    """Confirm the app by a code: from now on a sign-in by password asks for one. New recovery codes stand in for it."""
    with service.sessions.begin() as session:
        if not takes_code(session, service.keys, caller.user, body.code):
            raise refused([CODE_WANTED])
        return RecoveryCodes(recovery_codes=new_recovery_codes(session, session.get_one(User, caller.user)))


@router.delete("", status_code=204)
def remove_app(caller: Recent, service: InService) -> None:
    """Ask for no codes any more."""
    with service.sessions.begin() as session:
        remove_second_factor(session, caller.user)
