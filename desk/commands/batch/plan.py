"""The runs planned for a batch: portfolio files or accounts times parameters, checked before any kernel starts."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

from backtests.runs.notebook import COMPARING, SET_BY_REPORT
from backtests.runs.parameters import Plain
from desk.commands.notebook_run import PORTFOLIO
from desk.commands.report import asked_parameters
from desk.tickets.accounts_file import ACCOUNT, ACCOUNTS, MODEL, AccountsFile, Row
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError

MOST_RUNS = 10_000  # runs of a batch


@dataclass(frozen=True)
class Job:
    """One run of a batch.

    file    : portfolio file.
    given   : parameters of the notebook as name=value.
    label   : name of the portfolio on the page: that of its file, with folders if two files have one name.
    account : row of a file of accounts, if the job is an account on the model `file`; else None.
    accounts : that file of accounts, or None.
    missing : reason why there is no such file, if the caller knows more than its path; or "".
    report  : name of the run whose comparison is shared with others, or "" for a comparison of its own.
    trust_code : true if the file may name rules by import path, as for `load_portfolio`.
    """

    file: Path
    given: tuple[str, ...]
    account: Row | None = None
    label: str = field(default="", compare=False)
    accounts: AccountsFile | None = field(default=None, compare=False, repr=False)
    missing: str = field(default="", compare=False)
    report: str = field(default="", compare=False)
    trust_code: bool | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The name of its failure's page, where the run has no name since its portfolio cannot be read."""
        made_from = json.dumps([str(self.file), self.given, *(self.account or ())])
        return f"{_plain(self.file.stem)}-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}"

    @property
    def portfolio(self) -> str:
        """The name of the portfolio on the page."""
        return self.label or self.file.stem

    @property
    def parameters(self) -> str:
        """All that are given, on one line."""
        return ", ".join(self.given)


def _plain(stem: str) -> str:
    """The name of a file, of which a pattern such as desks/*.yaml is none, as part of a name."""
    return re.sub(r"[*?\[\]/\\\x00]", "_", stem)


def planned_jobs(
    files: Sequence[Path],
    given: Sequence[str],
    axes: Sequence[Sequence[str]],
    notebook: Path,
    missing: Mapping[Path, str],
) -> list[Job]:
    """Every file with every combination of values, each once, in the order of the files.

    files    : portfolio files.
    given    : parameters of all runs, as name=value.
    axes     : values of each parameter that varies, as name=value.
    notebook : notebook that takes the parameters, and reads a portfolio.
    missing  : for each missing file, a sentence that says where it was looked for.
    Raises   : ConfigError for parameters that the notebook does not take, one that is given twice, and too many runs.
    """
    names = [text.partition("=")[0] for text in [*given, *(values[0] for values in axes)]]
    for name, times in Counter(names).items():
        if times > 1:
            raise ConfigError(f"parameter {name} is given {times} times: give it once, by -p or by --grid.")
    count = len(files) * math.prod(map(len, axes))
    if count > MOST_RUNS:
        raise ConfigError(
            f"the batch has {count:,} runs, and may have at most {MOST_RUNS:,}. Give fewer files or values."
        )
    for text in {text: None for text in [*given, *(value for values in axes for value in values)]}:
        parameters(notebook, [text])  # each alone: together they are as many as the runs
    chosen = [(*given, *point) for point in product(*axes)]
    once = {file.resolve(): file for file in reversed(files)}
    distinct = [file for file in dict.fromkeys(files) if once[file.resolve()] == file]
    labels = _labels(distinct)
    found = [
        job
        for file in distinct
        for each in chosen
        for job in (
            _of_accounts(file, each, notebook)
            if file.suffix.lower() == ACCOUNTS and file not in missing
            else [Job(file, each, label=labels[file], missing=missing.get(file, ""))]
        )
    ]
    found = [  # a model may also be given by another path
        job if job.missing else replace(job, file=once.setdefault(job.file.resolve(), job.file)) for job in found
    ]
    if len(once_each := list(dict.fromkeys(found))) > MOST_RUNS:
        raise ConfigError(
            f"the batch has {len(once_each):,} runs, and may have at most {MOST_RUNS:,}. Give fewer accounts."
        )
    return once_each


def _of_accounts(file: Path, given: tuple[str, ...], notebook: Path) -> Iterator[Job]:
    """The models of a file of accounts, and then its accounts; an account without a model fails alone."""
    if notebook != COMPARING:
        raise ConfigError(f"{file} is a file of accounts, which only {COMPARING.stem} reads: leave --notebook out.")
    accounts = AccountsFile.read(file)
    name, model = (accounts.columns.index(column) for column in (ACCOUNT, MODEL))
    jobs = list[Job]()
    for row in accounts.rows():
        cells = (*row[1], *[""] * len(accounts.columns))
        label = cells[name] or f"row {row[0]}"
        try:
            path, missing = accounts.model_path(cells[model]), ""
            yield Job(path, given, label=f"model {cells[model]}")
        except ConfigError as error:
            path, missing = (
                file.parent / cells[model],
                f"{file.name}, row {row[0]}, column {MODEL}: {error}. Correct it.",
            )
        jobs.append(Job(path, given, row, label, accounts, missing))
    yield from jobs


def axis(text: str) -> list[str]:
    """name=v1,v2 as name=v1 and name=v2; commas within brackets belong to a value."""
    name, _, values = text.partition("=")
    return list(dict.fromkeys(f"{name}={value}" for value in re.split(r",(?![^\[]*\])", values)))


def parameters(notebook: Path, given: Sequence[str]) -> dict[str, Plain]:
    """The parameters of a run, as its notebook takes them. Raises ConfigError as `asked_parameters` does."""
    return asked_parameters(notebook, given, SET_BY_REPORT if notebook == COMPARING else (PORTFOLIO,))


def _labels(files: Sequence[Path]) -> dict[Path, str]:
    """A name for each file: its own without the ending, and as many folders before it as tell it from the others.

    >>> list(_labels([Path("a/desk.yaml"), Path("b/desk.yaml"), Path("mine.yaml")]).values())
    ['a/desk', 'b/desk', 'mine']
    """
    parts = {file: (*file.resolve().parts[1:-1], file.stem) for file in files}
    labels, deep = dict[Path, str](), 1
    while len(labels) < len(parts):
        tails = {file: part[-deep:] for file, part in parts.items() if file not in labels}
        times = Counter(tails.values())
        labels |= {file: "/".join(tail) for file, tail in tails.items() if times[tail] == 1 or tail == parts[file]}
        deep += 1
    return {file: labels[file] for file in files}


def notebook_named(name: str, subject: str = "--notebook is") -> Path:
    """The notebook of the workbench with this name. Raises ConfigError where there is none."""
    known = {path.stem: path for path in sorted(COMPARING.parent.glob("*.ipynb"))}
    if name not in known:
        raise ConfigError(f"{subject} {name!r}: give one of {', '.join(known)}.")
    return known[name]
