"""Notebooks are checked before a kernel starts, and what goes wrong in one is said in a sentence."""

import ast
import gc
import json
import math
import os
import random
import re
import signal
import threading
import time
import warnings
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from backtests.runs.notebook import DeadKernel, cache_folder, execute_notebook
from backtests.runs.parameters import (
    check_given,
    check_parameters,
    declared,
    parameters_of,
    parse_parameter,
    parse_parameters,
)
from foundation.errors import ConfigError, DataError
from research.portfolio.file.document import TRUST

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))
NOW = next(path for path in NOTEBOOKS if path.stem == "rebalance_now")
CHECK = "from backtests.runs.parameters import check_given\n\ncheck_given(globals())"


def notebook(folder: Path, *cells: tuple[str, str]) -> Path:
    """A notebook of code cells (tag, source)."""
    made = nbformat.v4.new_notebook()
    for tag, source in cells:
        cell = nbformat.v4.new_code_cell(source)
        cell["metadata"]["tags"] = [tag] if tag else []
        made["cells"].append(cell)
    path = folder / "story.ipynb"
    nbformat.write(made, path)
    return path


PARAMETERS = ("parameters", 'steps: int = 10  # a unit\nrate: float = 0.5\nname: str = "x"\nloud: bool = False')


def test_parameters_are_read_without_a_kernel(tmp_path: Path) -> None:
    assert parameters_of(notebook(tmp_path, PARAMETERS)) == {"steps": 10, "rate": 0.5, "name": "x", "loud": False}


@pytest.mark.parametrize(("cells", "message"), [
    ((PARAMETERS, PARAMETERS), "2 cells tagged `parameters`"),
    ((("", "x = 1"),), "0 cells tagged `parameters`"),
    ((("parameters", "x: int = 1\ny: int = x + 1"),), "'y: int = x + 1'"),
    ((("parameters", "x = 1"),), "'x = 1'"),
    ((("parameters", "x: int = 0.5"),), "'x: int = 0.5'"),
    ((("parameters", "x: dict = {}"),), "'x: dict = {}'"),
    ((("parameters", "import os"),), "'import os'"),
])  # fmt: skip
def test_a_notebook_with_unclear_parameters_is_refused(
    tmp_path: Path, cells: tuple[tuple[str, str], ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        execute_notebook(notebook(tmp_path, *cells), tmp_path / "out.ipynb", {})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(("given", "message"), [
    ({"stesp": 3}, "no parameter 'stesp'. It has steps, rate, name, loud, lags"),
    ({"steps": "3"}, "steps of story.ipynb is '3' (str), expected int"),
    ({"steps": 3.0}, "expected int"),
    ({"steps": True}, "(bool), expected int"),
    ({"loud": 1}, "expected bool"),
    ({"lags": 1}, "lags of story.ipynb is 1 (int), expected list[int], such as [0, 1]"),
    ({"lags": [1, 0.5]}, "(list), expected list[int]"),
    ({"lags": []}, "(list), expected list[int]"),
    ({"lags": [10**20]}, "expected a number of at most"),
])  # fmt: skip
def test_an_unknown_or_mistyped_parameter_is_refused_before_a_kernel_starts(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with_lags = (PARAMETERS[0], f"{PARAMETERS[1]}\nlags: list[int] = [0, 1]")
    with pytest.raises(ConfigError, match=re.escape(message)):
        execute_notebook(notebook(tmp_path, with_lags), tmp_path / "out.ipynb", given)  # type: ignore[arg-type]
    assert not (tmp_path / "out.ipynb").exists()


def test_a_whole_number_serves_where_a_fraction_is_meant(tmp_path: Path) -> None:
    assert check_parameters(notebook(tmp_path, PARAMETERS), {"rate": 2})["rate"] == 2


def test_a_parameter_on_the_command_line_takes_the_type_of_its_default(tmp_path: Path) -> None:
    path = notebook(tmp_path, PARAMETERS)
    assert parse_parameter(path, "name=7") == ("name", "7")
    assert parse_parameter(path, "steps=7") == ("steps", 7)
    with pytest.raises(ConfigError, match="write a value such as 10"):
        parse_parameter(path, "steps=many")
    with pytest.raises(ConfigError, match="write name=value"):
        parse_parameter(path, "steps")


def test_a_parameter_on_the_command_line_is_given_once(tmp_path: Path) -> None:
    path = notebook(tmp_path, PARAMETERS)
    assert parse_parameters(path, ["steps=7", "name=x"]) == {"steps": 7, "name": "x"}
    with pytest.raises(ConfigError, match="parameter steps is given twice: give it once"):
        parse_parameters(path, ["steps=7", "rate=1", "steps=8"])


DECLARES = {"steps": int, "rates": list[float], "name": str, "table": object}
HOLDS = {"__annotations__": DECLARES, "steps": 10, "rates": [1, 0.5], "name": "x", "table": None, "other": 3}


@pytest.mark.parametrize("changes", [
    {},
    {"In": ["", "the parameters", "check_given(globals())"]},
    {"In": ["", "the parameters", "# Parameters\nsteps = 10\nname = 'x'\n", "check_given(globals())"]},
    {"In": ["", "# Parameters\nother = 3\n", "more = 1", "check_given(globals())"]},  # another cell in between
    {"__annotations__": {}},
])  # fmt: skip
def test_a_notebook_takes_what_it_declares_and_what_a_reader_adds(changes: dict[str, object]) -> None:
    check_given(HOLDS | changes)


@pytest.mark.parametrize(("changes", "message"), [
    (
        {"In": ["# Parameters\nother = 3\n", "check"]},
        "this notebook has no parameter 'other'. It has steps, rates,",
    ),
    ({"steps": "many"}, "parameter steps of this notebook is 'many' (str), expected int."),
    ({"steps": True}, "(bool), expected int."),
    ({"rates": "[1]"}, "rates of this notebook is '[1]' (str), expected list[float]."),
    ({"rates": [float("nan")]}, "expected a number of at most 1e+15."),
    ({"name": 7}, "name of this notebook is 7 (int), expected str."),
    ({"name": "a\nb"}, "expected text on one line"),
])  # fmt: skip
def test_a_notebook_refuses_an_unknown_or_mistyped_parameter(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        check_given(HOLDS | changes)


def commanded(*words: str) -> Result:
    """The command of papermill in this process; kernels are processes of their own."""
    from papermill.cli import papermill

    return CliRunner().invoke(papermill, words)


@pytest.mark.parametrize(("given", "message"), [
    (["policy", "yearly", "portfolio", "data/portfolios/sixty_forty.yaml"], ""),
    (
        ["polcy", "monthly"],
        "this notebook has no parameter 'polcy'. "
        "It has portfolio, policy, out, positions, prices, prices_ok, not_held, as_of, stale_ok, deposit, withdraw, "
        "side, to_target.",
    ),
])  # fmt: skip
def test_papermill_itself_runs_a_notebook_from_another_folder_and_stops_at_a_wrong_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], message: str
) -> None:
    options = [word for pair in zip(given[::2], given[1::2], strict=True) for word in ("-p", *pair)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    done = commanded(os.path.relpath(NOW, tmp_path), "out.ipynb", *options)
    assert (done.exit_code == 0) is not bool(message), done.output
    assert message in str(done.exception)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4)["cells"]
    ran = [cell["id"] for cell in cells if cell.get("execution_count")]
    if message:
        assert ran[-1] == "check"
    else:
        assert ran[-1] == "answer"
        assert "no review is due today" in json.dumps(cells[-1]["outputs"])


def test_papermill_itself_lists_the_parameters_of_a_notebook_with_their_types() -> None:
    done = commanded("--help-notebook", str(NOW))
    assert 'policy: str (default "")' in done.output
    for name, parameter in declared(NOW).items():
        assert f"  {name}: {parameter.kind} (default " in done.output
        assert parameter.meaning in " ".join(done.output.split())


def test_caches_are_the_users_where_the_workbench_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "users"))
    assert cache_folder(tmp_path) == tmp_path / ".cache"
    (tmp_path / "file").touch()  # no folder can be made in it, whoever asks
    assert cache_folder(tmp_path / "file") == tmp_path / "users" / "rebalance-workbench"


def test_a_notebook_runs_with_its_parameters_and_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    path = notebook(tmp_path, PARAMETERS, ("", "print(steps * 2, name)"))
    for out in ("one.ipynb", "two.ipynb"):
        execute_notebook(path, tmp_path / out, {"steps": 21})
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    outputs = json.loads((tmp_path / "one.ipynb").read_text())["cells"][-1]["outputs"]
    assert outputs[0]["text"] in ("42 x\n", ["42 x\n"])


def test_a_failing_cell_is_said_in_a_sentence_and_trust_is_of_its_kernel_alone(tmp_path: Path) -> None:
    cell = f"import os\nraise ValueError('band is -1, trust is ' + os.environ[{TRUST!r}])"
    path = notebook(tmp_path, PARAMETERS, ("", cell))
    with pytest.raises(DataError, match=r"story\.ipynb failed in cell 2: ValueError: band is -1, trust is 1"):
        execute_notebook(path, tmp_path / "out.ipynb", {}, trust_code=True)
    assert TRUST not in os.environ


def test_an_error_in_a_file_of_the_user_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def decide(view):\n    return view.wieghts\n")
    path = notebook(tmp_path, PARAMETERS, ("", "import sys; sys.path.insert(0, '.'); import own; own.decide(1)"))
    said = r"AttributeError: 'int' object has no attribute 'wieghts' \(.*own\.py, line 2\)$"
    with pytest.raises(DataError, match=said):
        execute_notebook(path, tmp_path / "out.ipynb", {})


def test_a_killed_kernel_ends_the_run(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    path = notebook(
        tmp_path, PARAMETERS, ("", f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)")
    )

    def kill() -> None:
        while not pid.exists() or not pid.read_text():
            time.sleep(0.05)
        os.kill(int(pid.read_text()), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(DeadKernel, match=r"the kernel that ran story\.ipynb died"):
        execute_notebook(path, tmp_path / "out.ipynb", {})
    thread.join()


LEFT_ALONE = """import pathlib, time
kernel = get_ipython().kernel
ends = kernel.do_shutdown
kernel.do_shutdown = lambda restart: time.sleep(1) or ends(restart)  # so that the cell's error arrives before
pathlib.Path({!r}).touch()
time.sleep(300)"""


def test_an_interrupted_run_tells_nothing_of_the_cell_that_it_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = tmp_path / "begun"
    path = notebook(tmp_path, PARAMETERS, ("", LEFT_ALONE.format(str(begun))))

    def interrupt() -> None:
        while not begun.exists():
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread, before = threading.Thread(target=interrupt), signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            execute_notebook(path, tmp_path / "out.ipynb", {})
    finally:
        signal.signal(signal.SIGINT, before)
    thread.join()
    gc.collect()  # asyncio tells what a task was left with when the task is deleted
    assert not caplog.records


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_of_the_house_is_thin_and_tells_its_story(path: Path) -> None:
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    cells = content["cells"]
    assert (len({c["id"] for c in cells}), cells[0]["cell_type"]) == (len(cells), "markdown")
    assert cells[0]["source"].startswith("# ")
    assert "?" in cells[0]["source"]
    assert parameters_of(path)
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        assert not re.search(r"[\"']/\w", cell["source"]), "an absolute path"
        if cell["cell_type"] == "code" and "parameters" not in tags:
            beside = ("#", "import ", "from ")
            lines = [
                line for line in cell["source"].splitlines() if not line.lstrip().startswith(beside) and line.strip()
            ]
            assert len(lines) <= 8
            assert not [line for line in lines if re.match(r"\s*(def|class|for|while|try)\b", line)]
            assert "keep_output" in tags or not (cell["outputs"] or cell["execution_count"])
        if "parameters" in tags:
            assert all("#" in line for line in cell["source"].splitlines()), "each parameter states its unit or meaning"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert "parameters" in code[0]["metadata"]["tags"]
    assert code[1]["source"] == CHECK, "the cell after the parameters checks what papermill put in"
    for name, parameter in declared(path).items():  # papermill does not read such a line
        assert "=" not in f"{parameter.default}{parameter.meaning}", name


VALUES = (
    "", "0", "-1", "7", "1_000", "007", "1e3", "1e300", "1e309", "-1e309", "nan", "inf", "9" * 400, "9" * 5_000, "0x10",
    "1j", "True", "true", "None", "'x'", "b'x'", "x", "()", "[]", "{}", "{[]: 1}", "{1: 2}", "[1, 2]", "1,", "1 2",
    "1=2",
    "(" * 300, "-" * 5_000 + "1", "[" * 90 + "]" * 90, "1 is 1", "0in[]", "'\\d'", "\x00", "\x1b[31m", "'\x1b[31m'",
    "a\nb",
    "\u202e", "\ud800", "__import__('os').system('x')", "f'{1}'", "1 if 1 else 2", "é", " 7", "7 ", "7#", "10**10",
    "...",
)  # fmt: skip


def drawn(rng: random.Random) -> str:
    """A parameter as someone may write it on a command line."""
    name, value = rng.choice(["steps", "rate", "name", "loud", "", "stesp", "x" * 5_000, "\x1b[2J"]), rng.choice(VALUES)
    kind = rng.randrange(8)
    if kind == 0:
        return name + value
    if kind == 1:
        text = f"{name}={value}"
        return text[: rng.randrange(len(text) + 1)] + rng.choice(["", "=", "\x00", "'", "("])
    return f"{name}={value}"


def test_a_malformed_parameter_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path, rng, found = notebook(tmp_path, PARAMETERS), random.Random(1), {"taken": 0, "refused": 0}
    for text in (drawn(rng) for _ in range(100)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                name, value = parse_parameter(path, text)
                taken = check_parameters(path, {name: value})[name]
            except ConfigError as error:
                found["refused"] += 1
                said = str(error)
                if not (said.isprintable() and len(said) < 1_000 and "story.ipynb" in said and said.endswith(".")):
                    pytest.fail(f"{text!r} is refused with {said!r}")
            else:
                found["taken"] += 1
                written = text.partition("=")[2]
                assert taken == (written if name == "name" else ast.literal_eval(written))
                assert isinstance(taken, str) or math.isfinite(taken)
    assert found["refused"] > 50
    assert found["taken"] > 5
