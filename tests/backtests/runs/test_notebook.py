"""Notebooks are checked before a kernel starts, and what goes wrong in one is said in a sentence."""

import ast
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

from backtests.runs.notebook import check_parameters, execute, parameters_of, parse_parameter
from research.errors import ConfigError, DataError

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))


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


PARAMETERS = ("parameters", 'steps = 10  # a unit\nrate = 0.5\nname = "x"\nloud = False')


def test_parameters_are_read_without_a_kernel(tmp_path: Path) -> None:
    assert parameters_of(notebook(tmp_path, PARAMETERS)) == {"steps": 10, "rate": 0.5, "name": "x", "loud": False}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ((PARAMETERS, PARAMETERS), "2 cells tagged `parameters`"),
        ((("", "x = 1"),), "0 cells tagged `parameters`"),
        ((("parameters", "x = 1\ny = x + 1"),), "'y = x + 1'"),
        ((("parameters", "import os"),), "'import os'"),
    ],
)
def test_a_notebook_with_unclear_parameters_is_refused(
    tmp_path: Path, cells: tuple[tuple[str, str], ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        execute(notebook(tmp_path, *cells), tmp_path / "out.ipynb", {})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stesp": 3}, "no parameter 'stesp'. It has steps, rate, name, loud"),
        ({"steps": "3"}, "steps of story.ipynb is '3' (str), expected int"),
        ({"steps": 3.0}, "expected int"),
        ({"steps": True}, "(bool), expected int"),
        ({"loud": 1}, "expected bool"),
    ],
)
def test_an_unknown_or_mistyped_parameter_is_refused_before_a_kernel_starts(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        execute(notebook(tmp_path, PARAMETERS), tmp_path / "out.ipynb", given)  # type: ignore[arg-type]
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


def test_a_notebook_runs_with_its_parameters_and_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    path = notebook(tmp_path, PARAMETERS, ("", "print(steps * 2, name)"))
    for out in ("one.ipynb", "two.ipynb"):
        execute(path, tmp_path / out, {"steps": 21})
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    outputs = json.loads((tmp_path / "one.ipynb").read_text())["cells"][-1]["outputs"]
    assert outputs[0]["text"] in ("42 x\n", ["42 x\n"])


def test_a_failing_cell_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = notebook(tmp_path, PARAMETERS, ("", "raise ValueError('band is -1')"))
    with pytest.raises(DataError, match=r"story\.ipynb failed in cell 2: ValueError: band is -1"):
        execute(path, tmp_path / "out.ipynb", {})


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
    with pytest.raises(DataError, match=r"the kernel that ran story\.ipynb died"):
        execute(path, tmp_path / "out.ipynb", {})
    thread.join()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_of_the_house_is_thin_and_tells_its_story(path: Path) -> None:
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    cells = content["cells"]
    assert len({c["id"] for c in cells}) == len(cells)
    assert cells[0]["cell_type"] == "markdown"
    assert cells[0]["source"].startswith("# ")
    assert "?" in cells[0]["source"]
    assert parameters_of(path)
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        assert not re.search(r"[\"']/\w", cell["source"]), "an absolute path"
        if cell["cell_type"] == "code" and "parameters" not in tags:
            lines = [line for line in cell["source"].splitlines() if line.strip() and not line.lstrip().startswith("#")]
            assert len(lines) <= 8
            assert not [line for line in lines if re.match(r"\s*(def|class|for|while|try)\b", line)]
            assert "keep_output" in tags or not (cell["outputs"] or cell["execution_count"])
        if "parameters" in tags:
            assert all("#" in line for line in cell["source"].splitlines()), "each parameter states its unit or meaning"


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
