"""The risk questionnaire: thirteen questions of a published scale, and the profile to which their score leads.

It measures the willingness to take risk. How much loss a client can bear (when he needs the money, other income, debts)
is judged beside it.

Source : J. E. Grable and R. H. Lytton (1999), Financial risk tolerance revisited: the development of a risk assessment
         instrument, Financial Services Review 8, 163–181; points and bands as Rutgers Cooperative Extension gives them,
         Investment Risk Tolerance Quiz. S. Kuzniak et al. (2015), Financial Services Review 24, 177–192, report a
         Cronbach's alpha of 0.77 over 160,279 answers to the authors' own words; ours were not measured.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml

from desk.commands.portfolio_file.new_settings import settings_of_profile
from desk.service.problems import FieldMistake, pointer, refused
from foundation.arguments import did_you_mean
from foundation.dataclasses import dataclass

BANDS = (  # highest score of each, its name, and the preset of `--profile`: between two presets the more cautious one
    (18, "low", "conservative"),
    (22, "below average", "conservative"),
    (28, "average", "moderate"),
    (32, "above average", "moderate"),
    (47, "high", "aggressive"),
)
ALIKE_QUESTIONS = (  # questions about one thing: answers at opposite ends contradict each other
    ("friend", "word"), ("windfall", "comfort"), ("windfall", "inheritance"), ("windfall", "mix"),
    ("game_show", "best_and_worst"), ("mix", "best_and_worst"),
)  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A choice of a question, with its points."""

    points: int
    text: str


@dataclass(frozen=True)
class Question:
    """A question. number : from 1; choices : by letter."""

    number: int
    text: str
    choices: Mapping[str, Choice]

    @property
    def ends(self) -> tuple[int, int]:
        """The least and the most points."""
        points = [choice.points for choice in self.choices.values()]
        return min(points), max(points)


@dataclass(frozen=True)
class Assessment:
    """The result of the answers.

    score          : sum of the points, 13 to 47.
    band           : willingness to take risk, in the words of the scale.
    profile        : preset of `rebalance new --profile`.
    reasons        : sentences on how the answers lead to the profile.
    contradictions : sentences, each on two answers that contradict each other.
    """

    score: int
    band: str
    profile: str
    reasons: tuple[str, ...]
    contradictions: tuple[str, ...]


@cache
def questions() -> Mapping[str, Question]:
    """The questions by key, in their order."""
    table = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {
        key: Question(number, each["text"], {letter: Choice(*choice) for letter, choice in each["choices"].items()})
        for number, (key, each) in enumerate(table.items(), 1)
    }


def assessed(answers: Mapping[str, str]) -> Assessment:
    """The result of the letters chosen, by question. Raises Problem 400 with each that is missing or unknown."""
    asked = questions()
    if mistakes := [*_mistakes(answers)]:
        raise refused(mistakes)
    points = {key: each.choices[answers[key]].points for key, each in asked.items()}
    score = sum(points.values())
    _, band, profile = next(each for each in BANDS if score <= each[0])
    first, last = (
        ", ".join(str(each.number) for key, each in asked.items() if points[key] == each.ends[end]) or "none"
        for end in (0, 1)
    )
    reasons = (
        f"The answers have {score} points, of 13 to 47: the willingness to take risk is {band}. "
        f"{', '.join(f'{name} ends at {highest}' for highest, name, _ in BANDS).capitalize()}.",
        f"Questions with the most cautious choice: {first}; with the boldest: {last}.",
        "Five bands lead to three presets; a band between two presets leads to the more cautious one.",
        settings_of_profile(profile)[1],
        "A preset says how close the portfolio stays to its targets. What it holds, its targets, is not changed.",
    )
    return Assessment(score, band, profile, reasons, tuple(_contradictions(answers, points)))


def _mistakes(answers: Mapping[str, str]) -> Iterator[FieldMistake]:
    asked = questions()
    for key, each in asked.items():
        if (given := answers.get(key)) not in each.choices:
            what = "missing" if given is None else "no choice of this question"
            mend = f"Answer question {each.number} with one of {', '.join(each.choices)}."
            yield FieldMistake(pointer((key,)), what, given, mend)
    for key in answers.keys() - asked.keys():
        yield FieldMistake(pointer((key,)), "unknown", None, did_you_mean(key, asked))


def _contradictions(answers: Mapping[str, str], points: Mapping[str, int]) -> Iterator[str]:
    asked = questions()
    for pair in ALIKE_QUESTIONS:
        if {asked[key].ends.index(points[key]) for key in pair if points[key] in asked[key].ends} == {0, 1}:
            first, second = (f"question {asked[k].number} (“{asked[k].choices[answers[k]].text}”)" for k in pair)
            yield f"The answers to {first} and {second} contradict each other: talk them over, and answer anew."
