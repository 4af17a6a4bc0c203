"""The risk questionnaire: scores and bands as published, versions, and the preset in the text of a portfolio."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from people import SIXTY_FORTY, SignedIn, stored

from desk.commands.portfolio_file.apply_profile import changes_by, with_profile
from desk.service.questionnaire import ALIKE_QUESTIONS, assessed, questions
from research.portfolio.file.strict_yaml import read_yaml

# Points of the choices a, b, c and d, as Rutgers Cooperative Extension prints them with the scale.
PUBLISHED = ("4321", "1234", "1234", "123", "123", "1234", "1234", "1234", "13", "13", "1234", "123", "1234")
PUBLISHED_BANDS = {
    "low": range(13, 19),
    "below average": range(19, 23),
    "average": range(23, 29),
    "above average": range(29, 33),
    "high": range(33, 48),
}
PRESETS = {
    **dict.fromkeys(("low", "below average"), "conservative"),
    **dict.fromkeys(("average", "above average"), "moderate"),
    "high": "aggressive",
}
CAUTIOUS = {key: min(each.choices, key=lambda a: each.choices[a].points) for key, each in questions().items()}
BOLD = {key: max(each.choices, key=lambda a: each.choices[a].points) for key, each in questions().items()}
LETTERS = st.tuples(*(st.sampled_from(sorted(each.choices)) for each in questions().values()))


def test_points_are_those_published() -> None:
    found = ["".join(str(choice.points) for choice in each.choices.values()) for each in questions().values()]
    assert tuple(found) == PUBLISHED
    assert (assessed(CAUTIOUS).score, assessed(BOLD).score) == (13, 47)


@given(LETTERS)
def test_every_score_lies_in_its_published_band(letters: tuple[str, ...]) -> None:
    found = assessed(dict(zip(questions(), letters, strict=True)))
    assert found.score == sum(int(of["abcd".index(one)]) for of, one in zip(PUBLISHED, letters, strict=True))
    assert found.score in PUBLISHED_BANDS[found.band]
    assert found.profile == PRESETS[found.band]


def test_every_end_of_a_band_is_told() -> None:
    """From the most cautious answers on, one more question at a time is answered a step bolder."""
    answers, seen = dict(CAUTIOUS), dict[int, Any]()
    for key, each in questions().items():
        for letter in sorted(each.choices, key=lambda a, each=each: each.choices[a].points):
            answers[key] = letter
            found = assessed(answers)
            seen[found.score] = found
    assert {seen[score].band for score in (13, 18)} == {"low"}
    for last, band, after in (
        (22, "below average", "average"),
        (28, "average", "above average"),
        (32, "above average", "high"),
    ):
        assert (seen[last].band, seen[last + 1].band) == (band, after)
        assert f"{band} ends at {last}," in seen[last].reasons[0]


def test_answers_at_opposite_ends_about_one_thing_are_named() -> None:
    assert assessed(BOLD).contradictions == assessed(CAUTIOUS).contradictions == ()
    for first, second in ALIKE_QUESTIONS:
        told = assessed({**CAUTIOUS, first: BOLD[first]}).contradictions
        numbers = {questions()[key].number for key in (first, second)}
        assert any(all(f"question {number} (" in each for number in numbers) for each in told)


@pytest.fixture
def manager(signed_in: SignedIn) -> TestClient:
    return signed_in("manager")


@pytest.fixture
def path(manager: TestClient) -> str:
    return f"/api/portfolios/{stored(manager)}/risk-profile"


def test_every_answer_is_needed_and_must_be_one_of_the_choices(manager: TestClient, path: str) -> None:
    answer = manager.post(path, json={**CAUTIOUS, "sure_gain": "d", "hobby": "a"})
    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == ["/sure_gain", "/hobby"]
    answer = manager.post(path, json={})
    assert [each["field"] for each in answer.json()["errors"]] == [f"/{key}" for key in questions()]
    assert manager.get(path).json()["versions"] == []


def test_answers_are_versions_and_their_preset_is_applied_when_asked(manager: TestClient, path: str) -> None:
    portfolio = path.removesuffix("/risk-profile")
    tag = manager.get(portfolio).headers["ETag"]
    assert manager.put(path, headers={"If-Match": tag}).status_code == 409
    assert manager.post(path, json=BOLD).json()["result"]["profile"] == "aggressive"
    assert manager.post(path, json=CAUTIOUS).json()["number"] == 2
    found = manager.get(path).json()
    assert [(each["number"], each["result"]["score"]) for each in found["versions"]] == [(2, 13), (1, 47)]
    assert manager.get(portfolio).json()["version"] == 1  # nothing was applied yet
    assert {tuple(each["key"]): (each["before"], each["after"]) for each in found["changes"]} == {
        ("tracking_penalty",): (5, 10.0),
        ("limits", "max_drawdown"): (None, 0.15),
        ("lines", "SPY", "range"): ([0.55, 0.65], [0.57, 0.63]),
        ("lines", "AGG", "range"): ([0.35, 0.45], [0.37, 0.43]),
    }
    assert manager.put(path).status_code == 428
    applied = manager.put(path, headers={"If-Match": tag})
    assert (applied.status_code, applied.json()["version"]) == (200, 2)
    assert manager.put(path, headers={"If-Match": tag}).status_code == 412
    assert manager.get(path).json()["changes"] == []
    text = manager.get(portfolio, headers={"Accept": "text/yaml"}).text
    assert text == (
        SIXTY_FORTY.replace("[0.55, 0.65]", "[0.57, 0.63]")
        .replace("[0.35, 0.45]", "[0.37, 0.43]")
        .replace("tracking_penalty: 5", "tracking_penalty: 10")
        .replace("limits: {", "limits: {max_drawdown: 0.15, ")
    )


def test_a_viewer_reads_answers_and_writes_none(signed_in: SignedIn, manager: TestClient, path: str) -> None:
    viewer = signed_in("viewer")
    user = viewer.get("/api/users/profile").json()["id"]
    assert manager.put(path.replace("risk-profile", f"shares/{user}"), json={}).status_code == 204
    assert viewer.get(path).status_code == 200
    assert viewer.post(path, json=CAUTIOUS).status_code == 403


RANGE, LIMITS = "[0.45, 0.55]", "{tracking_error: 0.015, max_drawdown: 0.25}"
MODERATE = {  # the text of a file, and what the preset moderate makes of it
    '# kept\nname: A\nlines:\n  "A":\n    target: 0.5\n    range:\n    - 0.1  # kept\n    - 0.9\n  B: {target: 0}\n': (
        f"# kept\ntracking_penalty: 5\nlimits: {LIMITS}\nname: A\n"
        'lines:\n  "A":\n    target: 0.5\n    range:\n    - 0.45  # kept\n    - 0.55\n  B: {target: 0}\n'
    ),
    '{"name": "A", "limits": {}, "lines": {"A": {"target": 0.5, "range": [0.1, 0.9]}}, "tracking_penalty": 2}': (
        '{"name": "A", "limits": {tracking_error: 0.015, max_drawdown: 0.25, }, '
        '"lines": {"A": {"target": 0.5, "range": [0.45, 0.55]}}, "tracking_penalty": 5}'
    ),
    "limits:\n  max_drawdown: 0.25  # kept\nlines: {A: {range: [0, 1], target: 0.5}}\ntracking_penalty: 5": (
        "limits:\n  tracking_error: 0.015\n  max_drawdown: 0.25  # kept\n"
        f"lines: {{A: {{range: {RANGE}, target: 0.5}}}}\ntracking_penalty: 5"
    ),
    "tracking_penalty: 1e1\r\nlimits:\r\nlines: {A: {target: 0.5}}\r\n": (
        f"tracking_penalty: 5\r\nlimits: {LIMITS}\r\nlines: {{A: {{target: 0.5}}}}\r\n"
    ),
}


def test_a_penalty_that_a_preset_sets_is_no_longer_assumed() -> None:
    text = "tracking_penalty: 5\nassumed: [costs, tracking_penalty]    # nobody stated these\n"
    tree = {"tracking_penalty": 5, "assumed": ["costs", "tracking_penalty"]}
    changed = with_profile(text, tree, "aggressive")
    assert changed.endswith("tracking_penalty: 2\nassumed: [costs]    # nobody stated these\n")


@pytest.mark.parametrize("text", MODERATE)
def test_a_preset_is_written_into_every_form_of_yaml_once_and_nothing_else_changes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text, newline="")
    changed = with_profile(text, read_yaml(str(file))[0], "moderate")
    assert changed == MODERATE[text]
    file.write_text(changed, newline="")
    assert changes_by("moderate", read_yaml(str(file))[0]) == ()
