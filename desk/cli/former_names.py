"""The names that commands had before version 0.6, by which none is called: a hint says the one of today."""

_MOVED = {  # below a group, under the same name
    "research": "audit backtest cluster laboratory policies study sweep trials",
    "runs": "replay show",
    "desk": "approve book execute history journal run tca watch",
    "serve": "mcp store user worker",
}
_MERGED = {
    "data update": "data fetch FILE",
    "data revisions": "data check FILE --revisions all",
    "data sources": "data list sources",
    "runs diff": "runs show RUN OTHER",
    "runs verify": "runs show RUN --verify",
    "runs pdf": "runs show RUN --pdf page",
    "runs note": "runs show RUN --note TEXT",
    "desk uninstall": "desk install FILE --remove",
    "desk why": "desk history ORDER --view why",
    "desk live": "desk history FILE --view live",
    "desk governance": "desk history FILES --view governance",
    "desk alerts": "desk watch test",
    "desk book resolve": "desk book settle BOOK ITEM",
    "desk book reconcile": "desk book show BOOK --positions FILE",
    "desk journal show": "desk journal",
    "desk journal verify": "desk journal --verify",
    "desk journal export": "desk journal --out FILE",
}
_NOW = (
    _MERGED
    | {words.split()[1]: now for words, now in _MERGED.items() if words.count(" ") == 1 and words[:5] != "data "}
    | {name: f"{group} {name}" for group, names in _MOVED.items() for name in names.split()}
)
FORMER_NAMES = {words: f"rebalance {now}" for words, now in _NOW.items()} | {
    "compile": "python -m desk.cli.maintain compile",
    "train": "python -m desk.cli.maintain train",
    "research train": "python -m desk.cli.maintain train",
}
