"""A file that describes a batch, such as nightly.yaml, for a machine that starts it every night."""

import glob
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import check_parameters
from backtests.runs.tasks import check_workers
from desk.commands.batch.plan import Job, axis, jobs, notebook_named
from desk.commands.notebook_run import check_reads_portfolio
from foundation.arguments import cut, did_you_mean, shown
from foundation.errors import ConfigError
from foundation.files import ROOT
from foundation.names import check_name
from foundation.table_files import is_below
from research.portfolio.file.strict_yaml import Lines, read_yaml

BEGINS = re.compile(rb"^files[ \t]*:", re.MULTILINE)  # the key that every such file has, and no portfolio
LOOKED = 100_000  # bytes of a file, in which that key stands
USUAL = "batch"


@dataclass(frozen=True)
class Plan:
    """The runs of a batch, and the machines that make them.

    name     : name of its folder beside its runs.
    notebook : notebook that is executed.
    jobs     : jobs of the batch, one a run.
    workers  : number of processes of this machine.
    cluster  : address of a Dask scheduler instead, or "".
    """

    name: str
    notebook: Path
    jobs: Sequence[Job]
    workers: int = 1
    cluster: str = ""


class _File(BaseModel, strict=True, extra="forbid"):
    """The keys of the file; `docs/batches.md` explains them."""

    files: list[str] = Field(min_length=1)
    name: str = ""
    notebook: str = COMPARING.stem
    parameters: dict[str, Any] = {}
    grid: dict[str, list[Any]] = {}
    workers: int = 1
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
) -> Plan:
    """The plan of a batch, from options or from one file that describes it.

    files    : portfolio files; or one file that describes the batch.
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
    check_name("--name is", name if name is not None else USUAL)
    path = notebook_named(notebook if notebook is not None else COMPARING.stem)
    missing = {file: _absent(str(file), [Path.cwd(), ROOT]) for file in files if not _is_there(file)}
    check_reads_portfolio(path)
    runs = jobs(files, given, [axis(text) for text in grid], path, missing)
    return Plan(name or USUAL, path, runs, workers or 1, cluster)


def says_what_to_run(file: Path) -> bool:
    """True for a file that describes a batch, and not a portfolio."""
    try:
        with open(file, "rb") as opened:
            return BEGINS.search(opened.read(LOOKED)) is not None
    except (OSError, ValueError):
        return False


def read_plan(file: Path) -> Plan:
    """The plan of a batch that a file describes.

    file   : path of the file; relative paths in it are looked for from its own folder, then from the current one, then
             from the workbench's.
    Raises : ConfigError, naming file, line, value and fix, for an unknown key, a value of another type, a parameter
             that the notebook does not have or take, and too many runs. A portfolio that is missing is no error: its
             runs fail, and say where it was looked for.
    """
    tree, lines = read_yaml(str(file))
    try:
        stated = _File.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_fault(file, lines, error)) from error
    name = stated.name or file.stem
    check_name(f"{_at(file, lines, ('name',))}: name is", name)
    notebook = notebook_named(stated.notebook, f"{_at(file, lines, ('notebook',))}: notebook is")
    check_workers(stated.workers)
    check_reads_portfolio(notebook)
    given = [_given(file, lines, notebook, ("parameters", key), value) for key, value in stated.parameters.items()]
    axes = []
    for key, values in stated.grid.items():
        if not values:
            raise ConfigError(f"{_at(file, lines, ('grid', key))}: grid.{cut(key)} has no values. Give one at least.")
        axes.append([_given(file, lines, notebook, ("grid", key), value) for value in values])
    files, missing = _files(file, stated.files)
    return Plan(name, notebook, jobs(files, given, axes, notebook, missing), stated.workers, stated.cluster)


def _given(file: Path, lines: Lines, notebook: Path, key: tuple[str, ...], value: object) -> str:
    """A parameter as name=value, checked as a value of its type: text that looks like a number is none."""
    try:
        check_parameters(notebook, {key[-1]: value})
    except ConfigError as error:
        raise ConfigError(f"{_at(file, lines, key)}: {error}") from error
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


def _at(file: Path, lines: Lines, key: tuple[str, ...]) -> str:
    """The file, and the line of a key if the file has it."""
    return f"{file}, line {lines[key]}" if key in lines else str(file)


def _fault(file: Path, lines: Lines, error: ValidationError) -> str:
    """The first of pydantic's findings as a sentence."""
    first: Mapping[str, Any] = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in first["loc"])
    where = next((_at(file, lines, path[:deep]) for deep in range(len(path), 0, -1) if path[:deep] in lines), str(file))
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key {shown(path[-1])}. {did_you_mean(path[-1], _File.model_fields)}"
    if first["type"] == "missing":
        return f"{where}: {path[-1]} is missing. Name the portfolio files that it runs."
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{where}: {cut('.'.join(path))} is {shown(first['input'])}: {message}."
