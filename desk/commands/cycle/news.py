"""News for the assets of a portfolio file, scored by hand, and by a watcher from the feeds that the file names."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from desk.cycle.monitor import risk_words
from desk.language.news import items_of, read_news, score_news
from desk.language.providers import configured_model
from foundation.errors import ConfigError, DataError
from foundation.paper.wording import counted
from research.allocation import NewsTilt
from research.allocation.wrapper import each_of
from research.forecast.news import Scores
from research.portfolio import Portfolio
from research.portfolio.file.document import read_document

ITEMS_SHOWN = 30  # items left out, on a terminal


def news_text(file: Path, sources: Sequence[str], out: Path, *, by_model: bool) -> tuple[str, bool]:
    """The report on news that was scored for the assets of a file; and true where an item is left out.

    Raises : ConfigError where no language model is configured and one is asked for; as `score_news`.
    """
    model = configured_model() if by_model else None
    if by_model and model is None:
        raise ConfigError("--model asks a language model, and none is configured. Set REBALANCE_MODEL_PROVIDER.")
    assets = list(read_document(file, trust_code=False).mapping("lines"))
    found = [each for source in sources for each in read_news(source)]
    items, left_out = items_of(found, assets, datetime.now(UTC))
    count = score_news(out, items, model)
    lines = [
        f"{counted(len(found), 'item')} read, {len(items)} for the assets; {counted(count, 'new score')} in {out}.",
        *left_out[:ITEMS_SHOWN],
    ]
    more = len(left_out) - ITEMS_SHOWN
    return "\n".join(lines + ([f"{more} more are left out."] if more > 0 else [])), bool(left_out)


def fetch_news(portfolio: Portfolio, now: datetime) -> Iterator[str]:
    """Score what is new in the feeds of a portfolio's scores, by the model of the environment or else the lexicon.

    Gives a sentence on each feed that cannot be read, on what is left out, and on new scores.

    now    : moment from which the items are known.
    Raises : as `configured_model` and `score_news`, once all feeds of a file of scores were read.
    """
    tables = dict[str, list[Scores]]()  # by file of scores
    for policy in portfolio.policies.values():
        for part in each_of(policy):  # type: ignore[arg-type]  # a policy holds an allocation as a wrapper does
            if isinstance(part, NewsTilt) and part.scores.feeds:
                tables.setdefault(part.scores.file, []).append(part.scores)
    folder = Path(portfolio.file).parent
    for file, scores in tables.items():
        found = []
        for source in dict.fromkeys(feed for each in scores for feed in each.feeds):
            try:
                found += read_news(source, folder)
            except DataError as error:
                yield f"no news: {error}"
        items, left_out = items_of(found, portfolio.market.assets, now)
        if left_out:
            yield f"{counted(len(left_out), 'item')} of news left out, such as: {left_out[0]}"
        scored = {(row.item, row.asset) for row in scores[0].rows}  # by whichever model
        new = [replace(each, fetched=now) for each in items if (each.id, each.asset) not in scored]
        model = configured_model() if new else None
        if count := score_news(folder / file, new, model, risk_words(portfolio) if model else ()):
            yield f"{counted(count, 'new score')} of news in {file}."
