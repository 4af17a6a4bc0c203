"""The page of policies that were backtested in Python on one market, without a portfolio: no limits, and no orders."""

from functools import cached_property
from pathlib import Path

from backtests.comparison.paired import PairedBacktests
from backtests.evaluation.policy_risk import policy_risk
from backtests.sheets.parts import FilledTemplate, Folded, Part, Words, facts_blocks, section_blocks, sheet_pictures
from backtests.sheets.pictures.comparison.timeline import trading_picture
from backtests.sheets.pictures.comparison.weights import weights_picture
from backtests.sheets.pictures.comparison.years import year_table, years_picture
from backtests.sheets.render import render
from backtests.sheets.sections.conventions import execution_words, measure_terms
from backtests.sheets.sections.first_screen import paired_screen
from backtests.sheets.sections.played import WEIGHTS_WORDS, costs_table
from backtests.sheets.sections.risk import policies_risk_parts
from backtests.sheets.tables import Block, Looks, day
from foundation.dataclasses import dataclass
from foundation.files import write_whole
from foundation.paper.files import write_pictures
from foundation.paper.render import Running
from foundation.paper.wording import listed
from research.market.quality import check_market

PAIRED_PAGE = "comparison.html"


@dataclass(frozen=True, eq=False, repr=False)
class PairedSheet:
    """The sheet of paired backtests."""

    paired: PairedBacktests

    @cached_property
    def content(self) -> Block:
        """Every block of the page."""
        screen, paired = paired_screen(self.paired), self.paired
        one = paired.backtests[paired.reference]
        market = one.market
        facts = {
            "Universe": listed(market.assets, most=12),
            "Execution": execution_words(one.lag),
            "Accounting": paired.accounting,
            "Data": check_market(market).line(),
        }
        looks = Looks({column["name"]: column["look"] for column in screen["columns"]})
        return screen | {
            "title": market.name,
            "eyebrow": "Comparison of policies",
            "lead": paired.sentences[0],
            "reasons": [*paired.sentences[1:], *([paired.searched] if paired.searched else [])],
            "sections": section_blocks(
                (key, title, title, parts) for key, title, parts in self._sections(screen, looks)
            ),
            "facts": facts_blocks(facts),
        }

    def write(self, folder: str | Path) -> Path:
        """Write comparison.html, and each picture as figures/<name>.csv and .svg, into a folder; gives the page.

        folder : folder of the sheet, made if it does not exist.
        """
        place, played = Path(folder), self.paired.backtests[self.paired.reference]
        place.mkdir(parents=True, exist_ok=True)
        write_pictures(place, [self.content["growth"], *sheet_pictures(self.content)])
        paper = Running(f"{self.content['title']}: comparison of policies", f"closes of {day(played.dates[-1])}", "")
        write_whole(place / PAIRED_PAGE, render("single_sheet.html.j2", paper, sheet=self.content))
        return place / PAIRED_PAGE

    def _repr_html_(self) -> str:
        """The page as a block that brings its own style."""
        return render("single_cell.html.j2", sheet=self.content)

    def __repr__(self) -> str:
        """One line."""
        return f"Sheet of {listed(list(self.paired.scores))}: `sheet.write(folder)` writes it as a page."

    def _sections(self, screen: Block, looks: Looks) -> list[tuple[str, str, list[Part]]]:
        paired, benchmark = self.paired, self.paired.benchmark
        played, name, styles = paired.backtests, paired.reference, looks.styles
        drawn = {each: weights_picture(one, styles[each]) for each, one in played.items()}
        others = [Folded(f"Weights of {each}", [picture]) for each, picture in drawn.items() if each != name]
        risk = {each: policy_risk(one, benchmark) for each, one in played.items()}
        terms = measure_terms(paired) | {"target": f"the target of {name}"}
        trading = trading_picture(played, styles, name, benchmark.periods_per_year)
        return [
            ("differences", f"Differences to {name}", screen["differences"]),
            ("weights", "Weights", [Words(WEIGHTS_WORDS, "intro"), drawn[name], *others]),
            ("risk", "Risk", policies_risk_parts(risk, looks)),
            ("years", "Years", [years_picture(year_table(played), styles, name)]),
            ("costs", "Costs", [trading, costs_table(paired, looks)]),
            ("conventions", "Conventions", [FilledTemplate("single_terms.html.j2", terms)]),
        ]


def paired_sheet_of(paired: PairedBacktests) -> PairedSheet:
    """The sheet of paired backtests."""
    return PairedSheet(paired)
