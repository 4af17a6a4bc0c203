"""The page of a batch: one row a run, with verdict, figures, warnings, trades and links."""

from urllib.parse import quote

import pandas as pd

from backtests.evaluation.metrics import METRICS
from backtests.pages.render import Running, render
from backtests.wording import counted

FIGURES = ("growth", "sharpe", "max_drawdown", "cost", "loss")


def batch_html(name: str, notebook: str, table: pd.DataFrame) -> str:
    """The page of a batch, in one file.

    name     : of the batch.
    notebook : name of the one that was executed.
    table    : a row a run, with the columns of `backtests.commands.batch.Outcome` but its failure.
    """
    shown = [METRICS[figure] for figure in FIGURES if table[figure].notna().any()]
    rows = [
        {
            "portfolio": row["portfolio"],
            "parameters": row["parameters"],
            "failed": row["status"] == "failed",
            "page": quote(row["page"]),
            "verdict": row["verdict"],
            "cells": [metric.text(None if pd.isna(row[metric.key]) else row[metric.key]) for metric in shown],
            "warnings": [warning.removesuffix(".") for warning in row["warnings"].splitlines()],
            "trades": row["trades"],
        }
        for row in table.to_dict("records")
    ]
    count = table["status"].value_counts()
    said = ", ".join(f"{count[status]} {status}" for status in ("made", "found", "failed") if status in count)
    return render(
        "batch.html.j2",
        Running(f"{name}: batch"),
        name=name,
        subtitle=f"{counted(len(table), 'run')} of {notebook}: {said}",
        heads=[{"words": metric.short or metric.label, "unit": metric.unit} for metric in shown],
        rows=rows,
        warnings=bool((table["warnings"] != "").any()),
        trades=bool((table["trades"] != "").any()),
    )
