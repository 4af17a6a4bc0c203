"""What the command line says of itself, without a heavy import; what it does is tested with each command."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from commanded import rebalance as rebalance_here
from typer.main import get_command

from backtests.runs.folder import code_version
from backtests.runs.notebook import COMPARING
from backtests.runs.parameters import declared, parameters_of
from desk.cli import app, maintain
from desk.cli.command_types import SERVER_OPTIONS, unread
from desk.cli.former_names import FORMER_NAMES
from desk.cli.options import forms_of, sections_of, trusted, workers_of
from desk.service.routes import jobs
from foundation.errors import ConfigError

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "pandas", "numba", "torch", "scipy", "matplotlib", "vectorbt", "papermill", "distributed", "rich"}


def rebalance(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A light command: fails where it loads anything heavy."""
    script = (
        "import sys\nfrom desk.cli import main\n"
        f"sys.argv = ['rebalance', *{words}]\n"
        "try:\n    main()\nfinally:\n"
        f"    loaded = {HEAVY} & {{name.partition('.')[0] for name in sys.modules}}\n"
        "    assert not loaded, loaded\n"
    )
    given = {"COLUMNS": "120", "NO_COLOR": "1"} | environment
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT, env=os.environ | given, capture_output=True, text=True, check=False)


def test_version_and_code_are_named() -> None:
    done = rebalance("--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"rebalance {version('rebalance-workbench')}, code {code_version()}\n"


def test_help_of_report_explains_the_parameters_of_its_notebook() -> None:
    done = rebalance("report", "--help")
    assert done.returncode == 0, done.stderr
    said = {name: parameter.meaning for name, parameter in declared(COMPARING).items()}
    assert list(said) == list(parameters_of(COMPARING))
    for name in ("rl_steps", "rl_seeds", "draws"):
        assert f" {name} {' '.join(said[name].split())} " in " ".join(done.stdout.split())
    for name in ("portfolio", "run"):  # which the command sets itself
        assert said[name]
        assert said[name] not in done.stdout


KERNELS = {"numba", "scipy"}
TABLES, COMPUTED = {"pandas", *KERNELS}, {*KERNELS, "research.allocation", "research.portfolio"}
FILE = "data/portfolios/sixty_forty.yaml"


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        ("new HOME/my.yaml SPY=60 AGG=40 --nav 1000000", {*KERNELS, "research.portfolio.load", "research.orders"}),
        ("runs", {*TABLES, *COMPUTED, "backtests.engine"}),
        ("runs show none", TABLES),
        ("desk history", TABLES),
        ("desk journal", TABLES),
        ("desk history none --view why", TABLES),
        ("data list sources", COMPUTED),
        ("desk book show mine", {"desk.exchange", "desk.tickets", "research.orders.lots"}),
        ("research policies", {*TABLES, "backtests.engine", "research.learning.settings"}),
        ("serve user list", KERNELS),
        (f"trades {FILE} --as-of 2022-12-29", {"matplotlib", "scipy.optimize", "pyarrow.parquet", "backtests.engine"}),
        (f"risk {FILE} --paths 40", {"backtests.comparison", "backtests.sweeps", "backtests.batch"}),
        (f"desk history {FILE} --view live", {"scipy.stats"}),
        ("trades none.yaml", HEAVY),
        ("desk run none.yaml", HEAVY),
        ("report none.yaml", HEAVY),
    ],
)
def test_a_daily_command_imports_nothing_that_it_does_not_use(words: str, heavy: set[str], tmp_path: Path) -> None:
    given = ["rebalance", "--home", str(tmp_path), *words.replace("HOME", str(tmp_path)).split()]
    script = (
        f"import sys\nfrom desk.cli import main\nsys.argv = {given}\n"
        "try:\n    main()\nfinally:\n    print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2), done.stderr  # 2: there is no such run, order or journal
    loaded = set(done.stdout.split())
    assert "foundation.paper.wording" in loaded  # the command began
    assert heavy & loaded == set()


# -- the table of commands ---------------------------------------------------------------------------------------------

FIRST = ["new", "data", "report", "adopt", "trades", "risk", "plan", "allocate", "forecast"]
FIRST += ["research", "runs", "batch", "desk", "serve"]
TEXT = re.compile(r"[A-Z`].*\.( +\[[^]]+\])*")  # of an option: a sentence, then what it is by default
Found = tuple[tuple[str, ...], Any, Any]  # words of a command, itself, and its context


def commands() -> Iterator[Found]:
    """All commands, with that of no word first."""
    root = get_command(app)
    found: list[Found] = [((), root, root.make_context("rebalance", [], resilient_parsing=True))]
    while found:
        words, command, context = found.pop(0)
        yield words, command, context
        for name, each in getattr(command, "commands", {}).items():
            found.append(((*words, name), each, each.make_context(name, [], context, resilient_parsing=True)))


COMMANDS = {" ".join(words): (words, command, context) for words, command, context in commands()}


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("terminal")
def test_the_first_screen_names_fourteen_commands_in_a_line_each() -> None:
    _, root, context = COMMANDS[""]
    lines = root.get_help(context).splitlines()
    first = lines.index("Commands:") + 1
    assert [line.split()[0] for line in lines[first : first + len(FIRST)]] == FIRST
    assert lines[first + len(FIRST)] == ""
    assert len(lines) <= 24
    assert "`rebalance tour`" in lines[2]
    named = {param.opts[0] for param in root.get_params(context)} - {"--help"}  # which made this screen
    assert all(name in " ".join([lines[0], *lines[-4:]]) for name in named)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_screen_and_names_each_option(name: str) -> None:
    words, command, context = COMMANDS[name]
    text = command.get_help(context)
    lines = text.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    listed = text.partition("Commands:")[2].splitlines()
    assert not [line for line in listed if line.endswith("...")]  # as one that is cut
    for param in command.get_params(context) if words else ():
        if record := param.get_help_record(context):
            assert TEXT.fullmatch(record[1]), f"{record[0]}: {record[1]}"
            assert ("may be repeated" in record[1]) == bool(getattr(param, "multiple", False))
            assert param.param_type_name == "argument" or param.opts[0] in text


@pytest.mark.parametrize("name", [name for name in COMMANDS if name])
def test_help_ends_with_an_example_that_is_parsed(name: str) -> None:
    words, command, context = COMMANDS[name]
    heading, given = command.get_help(context).splitlines()[-2:]
    assert heading == "  Example:"
    first, *rest = shlex.split(given)
    assert first == "rebalance"
    assert tuple(rest[: len(words)]) == words
    rest = rest[len(words) :]
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest[0]]
        rest = rest[1:]
    for path in (word for word in rest if word.startswith("data/")):
        assert (ROOT / path).exists()
    command.make_context(first, rest)


BODIES = {"report": jobs.ReportBody, "research backtest": jobs.BacktestBody, "desk run": jobs.CycleBody}


@pytest.mark.parametrize("name", BODIES)
def test_a_server_is_asked_for_what_its_body_has_and_a_command_for_the_same(name: str) -> None:
    own = BODIES[name].model_fields.keys() - jobs.Work.model_fields.keys()
    assert {"parameters" if each == "parameter" else each for each in SERVER_OPTIONS[name]} == own
    assert SERVER_OPTIONS[name] <= {each.name for each in COMMANDS[name][1].params}


def test_an_option_of_a_group_before_its_command_is_refused() -> None:
    done = rebalance("runs", "--json", "show", "x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("Error: --json comes after show, or without it.\n")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_option_of_the_command_line_may_stand_anywhere(place: int, tmp_path: Path) -> None:
    words = ["runs", "show", "none"]
    done = rebalance(*words[:place], "--home", str(tmp_path), *words[place:])
    assert f"in {tmp_path / 'reports'} or" in done.stderr
    done = rebalance(*words[:place], "--server", "http://127.0.0.1:1", *words[place:])
    assert done.stderr.startswith("runs show is done here alone: leave --server out")


def test_a_value_that_looks_as_an_option_of_the_command_line_is_a_value() -> None:
    _, command, context = COMMANDS["research backtest"]
    made = command.make_context("backtest", [FILE, "--policy", "--trust-code"], context.parent)
    assert (made.params["policy"], trusted()) == ("--trust-code", None)
    command.make_context("backtest", [FILE, "--policy", "yearly", "--trust-code"], context.parent)
    assert trusted()
    get_command(app).make_context("rebalance", ["runs"])  # the next command line
    assert trusted() is None


FILES = {"adopt", "allocate", "batch", "data check", "desk book open", "desk history", "desk run", "desk tca"}
FILES |= {"desk watch", "forecast", "plan", "report", "research audit", "research backtest", "risk", "runs replay"}
FILES |= {"trades"}  # the commands that read portfolio files
LEAVES = [name for name, (_, command, _) in COMMANDS.items() if not getattr(command, "no_args_is_help", False)]
READ_BY = {
    "--trust-code": FILES,
    "--as-known-on": FILES | {"research sweep"},
    "--home": {*LEAVES} - {"research trials"},
}


@pytest.mark.parametrize("option", READ_BY)
@pytest.mark.parametrize("name", LEAVES)
def test_an_option_of_the_command_line_that_a_command_does_not_read_is_refused(name: str, option: str) -> None:
    assert (option in unread(COMMANDS[name][1].callback)) == (name not in READ_BY[option])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_it_is_refused_before_the_command_does_anything(place: int, tmp_path: Path) -> None:
    words = ["desk", "install", FILE]
    for option in ("--trust-code", "--as-known-on=2022-12-29"):
        done = rebalance_here(*words[:place], option, *words[place:], "--home", tmp_path)
        said = f"desk install does not read {option.partition('=')[0]}: leave it out.\n"
        assert (done.status, done.out, done.err) == (2, "", said)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("option", ["--trust-code", "--as-known-on=2022-12-29", "--home=here"])
@pytest.mark.parametrize("words", [("runs",), ("report", FILE)])
def test_what_a_server_does_not_read_is_refused_beside_one(words: tuple[str, ...], option: str) -> None:
    done = rebalance_here(*words, option, "--server", "http://127.0.0.1:1")
    said = f"{option.partition('=')[0]} is for this machine alone: leave it, or --server, out.\n"
    assert (done.status, done.out, done.err) == (2, "", said)


@pytest.mark.parametrize(
    ("option", "such_as"),
    [
        ("--home", "a folder, such as ~/desk"),
        ("--server", "the address of a service, such as https://desk.example.com"),
        ("--as-known-on", "a day, such as 2026-11-25, or a moment in UTC"),
    ],
)
def test_an_empty_option_of_the_command_line_is_refused(option: str, such_as: str) -> None:
    done = rebalance("runs", option, "")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{option} is empty: give {such_as}, or leave it out.\n"


@pytest.mark.parametrize(
    ("words", "now"),
    [
        ("verify x", "rebalance runs show RUN --verify"),
        ("runs verify x", "rebalance runs show RUN --verify"),
        ("history", "rebalance desk history"),
        ("governance x.yaml", "rebalance desk history FILES --view governance"),
        ("data update my.yaml", "rebalance data fetch FILE"),
        ("desk alerts test", "rebalance desk watch test"),
        ("desk journal export --out x.csv", "rebalance desk journal --out FILE"),
        ("compile", "python -m desk.cli.maintain compile"),
    ],
)
def test_a_former_name_is_answered_with_that_of_today(words: str, now: str) -> None:
    done = rebalance(*words.split())
    former = words.partition(" x")[0].partition(" my")[0].partition(" --")[0].removesuffix(" test")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"Error: `rebalance {former}` is now `{now}`.\n")


def test_names_of_today_that_hints_give_are_commands_with_these_options() -> None:
    maintained = {each.name for each in maintain.app.registered_commands}
    for former, now in FORMER_NAMES.items():
        assert former not in COMMANDS
        program, *words = now.split()
        if program == "python":
            assert words[:2] == ["-m", "desk.cli.maintain"]
            assert words[2] in maintained
            continue
        name = max((each for each in COMMANDS if f"{' '.join(words)} ".startswith(f"{each} ")), key=len)
        rest = words[len(name.split()) :]
        assert name
        options = {option for param in COMMANDS[name][1].params for option in param.opts}
        assert {word for word in rest if word.startswith("-")} <= options
        assert "commands" not in vars(COMMANDS[name][1]) or not rest


@pytest.mark.parametrize(
    ("given", "meant"),
    [(None, (1, "")), ("3", (3, "")), ("-3", (-3, "")), ("tls://10.0.0.1:8786", (1, "tls://10.0.0.1:8786"))],
)
def test_workers_are_a_number_or_an_address(given: str | None, meant: tuple[int, str]) -> None:
    assert workers_of(given) == meant


@pytest.mark.parametrize(("given", "found"), [("two", "two"), ("", "empty")])
def test_workers_that_are_neither_are_refused(given: str, found: str) -> None:
    with pytest.raises(ConfigError, match=f"--workers is {found}: give a number of workers, or the address"):
        workers_of(given)


def test_a_page_or_all_of_it_is_printed_alone_or_its_sections_are() -> None:
    assert [sections_of(given) for given in ("", "page", "all", " all ", "risk", "verdict, risk,")] == [
        *([[]] * 4), ["risk"], ["verdict", "risk"],
    ]  # fmt: skip
    for wrong in ("verdict,all", "page,verdict", "page,all", "all,all", ","):
        said = f"--pdf is '{wrong}': write `page` or `all` alone, or sections, such as verdict,risk."
        with pytest.raises(ConfigError, match=f"^{re.escape(said)}$"):
            sections_of(wrong)
    done = rebalance_here("report", FILE, "--pdf", "verdict,all")  # before the work
    assert (done.status, done.out, done.said.startswith("--pdf is 'verdict,all': write")) == (2, "", True)


def test_a_form_is_stated_in_parts_and_a_comma_may_be_its_value() -> None:
    names = ("units", "price", "zone", "dates", "decimal")
    stated = ["units=Filled,price=Px, net,decimal=,", "zone=America/New_York", "dates=dmy"]
    assert forms_of(stated, names) == {
        "units": "Filled", "price": "Px, net", "decimal": ",", "zone": "America/New_York", "dates": "dmy",
    }  # fmt: skip
    for wrong in ("units", "units=", "size=Number", "=x"):
        with pytest.raises(ConfigError, match=f"--form is '{wrong}': write NAME=VALUE; the names are units, price"):
            forms_of([wrong], names)


# -- completion --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_be_taught_to_complete(shell: str) -> None:
    done = rebalance("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0, done.stderr
    assert "_REBALANCE_COMPLETE" in done.stdout


def test_commands_are_completed() -> None:
    words = {"_REBALANCE_COMPLETE": "complete_bash", "COMP_WORDS": "rebalance research la", "COMP_CWORD": "2"}
    done = rebalance(**words)
    assert done.stdout.split() == ["laboratory"], done.stderr
