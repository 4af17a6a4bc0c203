"""Registration by e-mail link, where the operator has opened it: account and tenant begin once the link is used.

Before, nobody can sign in, and the address stays free for an invitation: who does not own it gains nothing by asking.
"""

from datetime import timedelta

from desk.service.caller import Service
from desk.service.notify import Message, mail
from desk.service.problems import Problem
from desk.service.users.accounts import checked_email, link_of, network_of_address, user_of
from desk.service.users.one_time import SIGN_UP, issue_secret, sha256_of

LINK_LIFE = timedelta(days=1)
HOUR, DAY = 3_600, 86_400  # seconds
OF_ADDRESS, OF_EMAIL, OF_ALL = (5, HOUR), (3, DAY), (500, DAY)  # links, and the seconds in which they may be asked for
LINK = "Open the link to set your password. It serves once, within a day. If you did not ask for it, do nothing."
HAS_ACCOUNT = "You have an account already: sign in, or set a new password by one of your recovery codes."


def begin_sign_up(service: Service, email: str, address: str) -> None:
    """Mail a link by which the owner of an e-mail address registers; that he has an account is told him alone.

    address : of the network that it is asked from.
    Raises  : Problem 404 where registration is by invitation, 429; ConfigError for an e-mail address that is none.
    """
    if not service.settings.open_registration:
        raise Problem(404, "This server is entered by invitation: ask an admin for a link.")
    email = checked_email(email)
    limits = {network_of_address(address): OF_ADDRESS, sha256_of(email): OF_EMAIL, "all": OF_ALL}
    for key, (most, period) in limits.items():
        events, left = service.shared.count(f"sign-up:{key}", period)
        if events > most:
            raise Problem(429, "Too many links were asked for: try again later.", retry_after=int(left) + 1)
    with service.sessions.begin() as session:  # both cases write: the time of the answer tells nothing
        link = link_of("", issue_secret(session, SIGN_UP, LINK_LIFE, content={"email": email}))
        is_known = user_of(session, email) is not None
    told = Message("Your account", HAS_ACCOUNT, "/sign-in") if is_known else Message("Your new account", LINK, link)
    mail(service, email, told)
