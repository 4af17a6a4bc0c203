"""Pictures of the study say what its table says."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from backtests.sheets.pictures.real_markets import frontier_picture, frontier_rows, ratio_picture
from backtests.studies import real_markets
from backtests.studies.real_markets import Study, run_case
from backtests.studies.real_markets.findings import TUNED
from foundation.errors import DataError
from research.allocation import FixedWeights
from research.learning.checksummed import checksum_of
from research.learning.universal.rule import FOLDER


def test_each_case_has_its_ratio_and_each_seed_its_dot(made: Study) -> None:
    picture = ratio_picture(made, "ppo")
    assert "0.80, with its 95 % interval, 0.80 to 0.80" in picture.caption
    assert "below 1 in 3 of 3" in picture.caption
    assert "the 3 seeds" in picture.caption
    assert picture.alt == "funds-2-2010 0.80; funds-2-2013 0.80; funds-2-2016 0.80"
    found = picture.data.sort_values(["case", "seed"])["ratio"].to_numpy()
    assert found == pytest.approx(np.tile(0.8 * np.exp([-0.1, 0.0, 0.1]), 3))
    assert ratio_picture(made, "ppo").wide == picture.wide


def test_what_is_made_of_several_rules_can_be_drawn_too(made: Study) -> None:
    picture = ratio_picture(made, TUNED, over="better calendar")
    assert picture.data["ratio"].to_numpy() == pytest.approx(1 / 3)
    assert "seeds" not in picture.caption


def test_cases_of_one_window_are_not_drawn_as_if_they_were_many(made: Study) -> None:
    one = Study(made.table[made.table["window"] == 2010], made.manifest)
    with pytest.raises(DataError, match="at least two windows"):
        ratio_picture(one, "ppo")


def test_the_frontier_is_a_geometric_mean_at_one_price(made: Study) -> None:
    """The trades of a rule that would cost 8, 2 and 4 bp at 10 bp a side in three cases cost 4 in the mean."""
    costs = np.resize([2.0, 8.0, 4.0], len(made.table))  # 11 rules a case: each has all three
    at = [made.table.assign(cost_multiple=m, cost=m * costs) for m in (0.2, 1.0, 5.0)]
    table = pd.concat(at, ignore_index=True)
    found = frontier_rows(Study(table, made.manifest)).set_index(["rule", "cost_multiple"])
    assert found["paid"]["band to edge"].to_numpy() == pytest.approx([4.0, 4.0, 4.0])
    assert found["strays"].to_numpy() == pytest.approx(1.0)
    assert "never" not in found.index.get_level_values("rule")
    learned_once = table[(table["rule"] != "ppo") | (table["cost_multiple"] == 1.0)]
    assert "ppo" not in set(frontier_rows(Study(learned_once, made.manifest))["rule"])


def test_the_study_that_is_kept_says_what_it_was_made_from() -> None:
    kept = Study.load(real_markets.STUDY_FOLDER)
    assert re.fullmatch(r"[0-9a-f]{12}", kept.manifest["made_from"]["code"])  # a commit, and nothing on top of it
    assert set(kept.manifest["cases"]) == set(kept.table["case"])
    assert kept.table["case"].nunique() == len(real_markets.all_cases()) >= 72
    everywhere = {
        *run_case.EVERYWHERE,
        "universal",
        run_case.BEST_POINT,
        *run_case.FAMILY_CHOICES,
        *run_case.CALENDAR_SCHEDULES,
    }
    assert everywhere <= set.intersection(*kept.table.groupby("case")["rule"].agg(set))
    for learner in run_case.EVERYWHERE:
        own = kept.table[(kept.table["rule"] == learner) & (kept.table["cost_multiple"] == 1.0)]
        assert (own.groupby("case")["seed"].nunique() == len(run_case.SEEDS)).all()
    assert set(run_case.LEARNER_STEPS) <= set(kept.table[kept.table["case"] == real_markets.NAMED_CASES[0]]["rule"])


def test_the_studies_that_are_kept_had_the_settings_of_today() -> None:
    for folder, budget, named in (
        (real_markets.STUDY_FOLDER, real_markets.Budget(), real_markets.NAMED_CASES[0]),
        (
            real_markets.KEPT_EXPOSURE,
            real_markets.Budget(run_case.EXPOSURE_STEPS, run_case.EXPOSURE_SEEDS),
            run_case.exposure_cases()[0].name,
        ),
    ):
        manifest, steps = Study.load(folder).manifest, budget.steps
        assert manifest["cases"][named]["steps"] == steps
        learners = {by: run_case.spec(FixedWeights((0.6, 0.4)), by, budget).settings() for by in steps}
        assert manifest["learners"] == json.loads(json.dumps(learners))


def test_learned_policies_are_compared_with_the_thresholds_that_their_own_study_tuned() -> None:
    """The rules are of a newer study than the policies: what neither changed has the same J in both."""
    rules, same = (
        Study.load(real_markets.KEPT_RULES),
        [*run_case.FAMILY_CHOICES, *run_case.CALENDAR_SCHEDULES, run_case.BETTER_CALENDAR, run_case.UNTRAINED],
    )
    assert re.fullmatch(r"[0-9a-f]{12}", rules.manifest["made_from"]["code"])
    assert rules.manifest["made_from"]["settings"]["universal"] == checksum_of(FOLDER)  # of today's network
    new, old = (study.table[study.table["rule"].isin(same)] for study in (rules, Study.load(real_markets.STUDY_FOLDER)))
    both = new.merge(old, on=["case", "rule", "cost_multiple"], validate="1:1")
    assert len(both) == len(real_markets.all_cases()) * len(same) * 3
    np.testing.assert_allclose(both["loss_x"], both["loss_y"], rtol=1e-9)
    found = real_markets.kept_study().table
    assert set(found["rule"]) == {*rules.table["rule"], *run_case.LEARNER_STEPS}
    assert len(found[found["cost_multiple"] == 1.0].query("stands and rule == 'gradient'")) == len(
        real_markets.all_cases()
    )


def test_the_study_that_is_kept_can_be_drawn() -> None:
    kept = real_markets.kept_study()
    assert "below 1 in" in ratio_picture(kept, "closed form").caption
    assert frontier_picture(kept).data.groupby("rule").size().max() == 3
