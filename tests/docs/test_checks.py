"""The checks before a commit and on a host are those of the Makefile."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def recipe(target: str) -> list[str]:
    """The command lines of a target, as a shell would see them."""
    lines = iter((ROOT / "Makefile").read_text().splitlines())
    next(line for line in lines if line.startswith(f"{target}:"))
    found = []
    for line in lines:
        if not line.startswith("\t"):
            break
        found.append(
            line.strip().replace("$(BIN)", ".venv/bin").replace("$(wildcard notebooks/*.ipynb)", "notebooks/*.ipynb")
        )
    return found


def test_the_checks_before_a_commit_are_those_of_the_makefile():
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"].removeprefix('bash -c "').rstrip('"') for hook in repository["hooks"]]
    assert ["@.ci/setup all test", *entries] == recipe("check")
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in repository["hooks"])


def test_the_tests_run_beside_the_checks_and_coverage_is_that_of_the_same_tests():
    makefile = (ROOT / "Makefile").read_text()
    assert "\ncoverage: COVERAGE = --cov " in makefile
    assert "\ncoverage: test " in makefile
    prepare, beside = recipe("test")
    assert prepare == recipe("suite")[0] == "$(COMPILE) all test"
    assert beside.endswith('--jobs=2 check suite COVERAGE="$(COVERAGE)"')
    assert any("$(COVERAGE)" in line for line in recipe("suite"))


def test_both_hosts_run_the_tests_and_build_the_site():
    github = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["test"]
    gitlab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())["test"]
    commands = [step["run"] for step in github["steps"] if "run" in step]
    assert commands[-3:] == gitlab["script"] == ["make coverage", "make times", "make docs"]
    assert github["container"] == gitlab["image"] == "python:3.11-bookworm"


def test_both_kinds_of_hosted_ci_hold_the_locks_against_known_vulnerabilities() -> None:
    github = yaml.safe_load((ROOT / ".github/workflows/advisories.yml").read_text())["jobs"]["advisories"]
    gitlab = yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text())["advisories"]
    assert [github["steps"][-1]["run"]] == gitlab["script"] == ["make advisories"]
    assert any("for lock in requirements*.lock" in line for line in recipe("advisories"))
