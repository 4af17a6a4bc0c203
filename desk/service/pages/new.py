"""A new portfolio: from a broker's positions, from a portfolio file, or from an example."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response

from desk.commands.new import CLASS_COSTS
from desk.commands.new_settings import PROFILES, USUAL_PROFILE
from desk.service.caller import Caller, needs
from desk.service.pages.page import PageRoute, shown
from desk.service.portfolios.validation import SHIPPED
from research.market.store import store_names

router = APIRouter(prefix="/new", include_in_schema=False, route_class=PageRoute)
Writer = Annotated[Caller, Depends(needs("manager", "portfolios"))]
EXAMPLES = {  # shipped files that name no other one
    "sixty_forty": "two funds, shares and bonds",
    "global_multi_asset": "eight funds and bitcoin",
    "five_targets": "eight funds, five targets compared",
    "under_limits": "limits of orders and turnover",
}


@router.get("")
def new(request: Request, caller: Writer, example: Literal["", *EXAMPLES] = "") -> Response:  # type: ignore[valid-type]
    """Show the forms. example : a shipped file, whose text stands in the second one."""
    text = (SHIPPED / "portfolios" / f"{example}.yaml").read_text() if example else ""
    content = {"profiles": [*PROFILES], "usual": USUAL_PROFILE, "classes": [*CLASS_COSTS], "stores": store_names()}
    return shown(request, "new.html.j2", caller, examples=EXAMPLES, text=text, **content)
