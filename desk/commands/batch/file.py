"""A file that describes a batch, such as nightly.yaml, for a machine that starts it every night."""

import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import check_parameters
from backtests.runs.tasks import MOST_WORKERS, check_workers
from desk.commands.batch.plan import Job, axis, notebook_named, planned_jobs
from desk.commands.notebook_run import check_reads_portfolio
from foundation.arguments import cut
from foundation.dataclasses import dataclass, field, replace
from foundation.errors import ConfigError
from foundation.files import ROOT
from foundation.names import check_name
from foundation.table_files import is_below
from research.portfolio.file.document import Document, read_document
from research.portfolio.file.kinds import Name, Text, record
from research.portfolio.file.settings import names_of, read
from research.portfolio.file.strict_yaml import KeyPath

FILES_KEY = re.compile(rb"^files[ \t]*:", re.MULTILINE)  # the key that every such file has, and no portfolio
LOOKED = 100_000  # bytes of a file, in which that key stands
USUAL_NAME = "batch"


@dataclass(frozen=True)
class BatchPlan:
    """The runs of a batch, and the machines that make them.

    name     : name of its folder beside its runs.
    notebook : notebook that is executed.
    jobs     : jobs of the batch, one a run.
    workers  : number of processes of this machine.
    cluster  : address of a Dask scheduler instead, or "".
    file     : file that describes the batch, or its first file, or None for that of the first job:
               its runs lie beside it.
    """

    name: str
    notebook: Path
    jobs: Sequence[Job]
    workers: int = 1
    cluster: str = ""
    file: Path | None = None


@record
class BatchKeys:
    """The keys of the file; `docs/runs.md#batches-many-runs-at-once` explains them."""

    files: Annotated[Sequence[Text], Field(min_length=1)]
    name: Name | None = None
    notebook: Text = COMPARING.stem
    parameters: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Annotated[list[Any], Field(min_length=1)]] = field(default_factory=dict)
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
    cluster: str = ""


def plan_of(
    files: Sequence[Path],
    given: Sequence[str] = (),
    grid: Sequence[str] = (),
    *,
    notebook: str | None = None,
    name: str | None = None,
    workers: int | None = None,
    cluster: str = "",
) -> BatchPlan:
    """The plan of a batch, from options or from one file that describes it.

    files    : portfolio files and files of accounts; or one file that describes the batch.
    given    : parameters of all runs, as name=value.
    grid     : parameters that vary, as name=v1,v2.
    notebook : name of the notebook to execute, or None for the comparing one.
    name     : name of the batch's folder, or None for "batch".
    workers  : number of processes, or None for what the file says, else one.
    cluster  : address of a Dask scheduler, or "" for what the file says, else none.
    Raises   : ConfigError for a fault in any of these, and for an option besides a file that describes the batch.
    """
    if workers is not None:
        check_workers(workers)
    stated = [file for file in files if says_what_to_run(file)]
    if stated:
        options = {"-p": given, "--grid": grid, "--notebook": notebook, "--name": name, "another file": files[1:]}
        for option, there in options.items():
            if there:
                raise ConfigError(f"{stated[0]} says what to run, and {option} is given too. State all in the file.")
        plan = read_plan(stated[0])
        plan = replace(plan, cluster="" if workers is not None else plan.cluster)
        return replace(plan, workers=workers or plan.workers, cluster=cluster or plan.cluster)
    check_name("--name is", name if name is not None else USUAL_NAME)
    path = notebook_named(notebook if notebook is not None else COMPARING.stem)
    missing = {file: _absent(str(file), [Path.cwd(), ROOT]) for file in files if not _is_there(file)}
    check_reads_portfolio(path)
    runs = planned_jobs(files, given, [axis(text) for text in grid], path, missing)
    return BatchPlan(name or USUAL_NAME, path, runs, workers or 1, cluster, files[0])


def says_what_to_run(file: Path) -> bool:
    """True for a file that describes a batch, and not a portfolio."""
    try:
        with open(file, "rb") as opened:
            return FILES_KEY.search(opened.read(LOOKED)) is not None
    except (OSError, ValueError):
        return False


def read_plan(file: Path) -> BatchPlan:
    """The plan of a batch that a file describes.

    file   : path of the file; relative paths in it are looked for from its own folder, then from the current one, then
             from the workbench's.
    Raises : ConfigError, naming file, line, value and fix, for an unknown key, a value of another type, a parameter
             that the notebook does not have or take, and too many runs. A portfolio that is missing is no error: its
             runs fail, and say where it was looked for.
    """
    document = read_document(file, known=names_of(BatchKeys), bare=("parameters", "grid"))
    keys = read(document, (), BatchKeys)
    notebook = notebook_named(keys.notebook, f"{document.place(('notebook',))}: notebook is")
    check_reads_portfolio(notebook)
    given = [_given(document, notebook, ("parameters", key), value) for key, value in keys.parameters.items()]
    axes = [[_given(document, notebook, ("grid", key), value) for value in values] for key, values in keys.grid.items()]
    files, missing = _files(file, keys.files)
    runs = planned_jobs(files, given, axes, notebook, missing)
    return BatchPlan(keys.name or file.stem, notebook, runs, keys.workers, keys.cluster, file)


def _given(document: Document, notebook: Path, key: KeyPath, value: object) -> str:
    """A parameter as name=value, checked as a value of its type: text that looks like a number is none."""
    try:
        check_parameters(notebook, {key[-1]: value})
    except ConfigError as error:
        raise ConfigError(f"{document.place(key)}: {error}") from error
    return f"{key[-1]}={value}"


def _files(file: Path, stated: Sequence[str]) -> tuple[list[Path], dict[Path, str]]:
    """The files that are meant, patterns expanded, and for each that is missing where it was looked for."""
    places = list(dict.fromkeys([file.resolve().parent, Path.cwd(), ROOT]))
    found: list[Path] = []
    missing: dict[Path, str] = {}
    for one in stated:
        here = next((paths for place in places if (paths := _matching(place, one))), [])
        found += here or [places[0] / one]
        if not here:
            missing[places[0] / one] = f"{_absent(one, places)} It is named in {file}."
    return found, missing


def _matching(place: Path, stated: str) -> list[Path]:
    """The files that match a path or a pattern from a folder, in order, without those that describe a batch."""
    if "\0" in stated:
        return []
    if (place / stated).is_file():
        return [place / stated]
    fixed = re.split(r"[*?[]", stated)[0]
    goes_up = ".." in Path(stated.removeprefix(fixed)).parts or not is_below(place / fixed, place)
    if glob.has_magic(str(Path(stated).parent)) and goes_up:
        raise ConfigError(f"files has the pattern {cut(stated)}: only folders below the file's own may be a pattern.")
    paths = (place / path for path in sorted(glob.glob(stated, root_dir=place, recursive=True)))
    return [path for path in paths if path.is_file() and not says_what_to_run(path)]


def _absent(stated: str, places: Sequence[Path]) -> str:
    """A sentence that there is no such file, with the places where it was looked for."""
    where = " and ".join(map(str, dict.fromkeys(places))) if not Path(stated).is_absolute() else "that place alone"
    what = f"file matches {cut(stated)}" if glob.has_magic(stated) else f"file {cut(stated)}"
    return f"no {what}; it was looked for in {where}. Correct the path."


def _is_there(file: Path) -> bool:
    try:
        return file.exists() or (ROOT / file).is_file()
    except ValueError:  # a path with NUL
        return False
