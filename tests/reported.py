"""A run of the tests says first how long all of them take, and prints each failure when it comes, not at its end."""

import re
from pathlib import Path

import pytest

from foundation.paper.wording import counted

TIMES = Path(__file__).with_name("times.csv")


def pytest_report_header(config: pytest.Config) -> str | None:
    """A line before a run of all tests: what the last one took here, or where `TIMES` was measured."""
    selected = config.option.keyword or config.option.markexpr or not {*config.getini("testpaths")} <= {*config.args}
    if selected:
        return None
    return _last(Path(config.option.xmlpath or "")) or _measured(config.option.numprocesses or 1)


def _last(results: Path) -> str:
    """What the last run took, by the results that it wrote as JUnit XML; "" where there are none."""
    if not results.is_file():
        return ""
    with results.open(encoding="utf-8") as file:
        said = dict(re.findall(r' (tests|time)="([\d.]+)"', file.read(1_000).partition("<testcase")[0]))
    return f"{int(said['tests']):,} tests took {_minutes(float(said['time']))} here the last time." if said else ""


def _measured(workers: int) -> str:
    seconds = [float(line.rpartition(",")[2]) for line in TIMES.read_text().splitlines()[1:]]
    return (
        f"{len(seconds)} files of tests took one processor {_minutes(sum(seconds))} where tests/times.csv is from: "
        f"{_minutes(sum(seconds) / workers)} for {counted(workers, 'processor')} as fast."
    )


def _minutes(seconds: float) -> str:
    return counted(max(round(seconds / 60), 1), "minute")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Print failures as they come where workers run tests: pytest would print letters alone until the end."""
    if config.option.numprocesses and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(config))


class _Failures:
    def __init__(self, config: pytest.Config) -> None:
        self.config, self.terminal = config, config.pluginmanager.getplugin("terminalreporter")

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Print a failure with what the test wrote."""
        if report.failed:
            self.terminal.write_line("")
            self.terminal.write_sep("_", report.nodeid, red=True, bold=True)
            self.terminal.write_line(report.longreprtext)
            for title, text in report.sections:
                self.terminal.write_sep("-", title)
                self.terminal.write_line(text)

    pytest_collectreport = pytest_runtest_logreport

    def pytest_sessionfinish(self) -> None:
        """Leave out pytest's own section of failures, which are printed: a line for each follows."""
        self.config.option.tbstyle = "no"
