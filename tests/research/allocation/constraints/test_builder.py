"""Constraints as a file names them: what each means as a limit, and what is refused, all of it at once."""

import copy
import pickle

import numpy as np
import pytest
from cases import cases

from foundation.errors import ConfigError
from research.allocation.constraints.builder import build
from research.allocation.constraints.lookup import Known
from research.allocation.constraints.records import (
    Bounds,
    Cardinality,
    Constraints,
    CVaRLimit,
    Exclusions,
    Exposure,
    Group,
    Liquidity,
    Most,
    TrackingErrorLimit,
)

NAMES = ("SPY", "QQQ", "AGG", "GLD")
COLUMNS = {"region": ["us", "us", "us", ""], "kind": ["stock", "stock", "bond", "gold"], "esg": [6.0, 8.0, 4.0, 2.0]}
KNOWN = Known(
    NAMES,
    COLUMNS,
    np.diag([0.04, 0.09, 0.01, 0.0225]),
    np.array([[-0.02, -0.03, 0.0, 0.01], [0.01, 0.02, 0.0, 0.0], [-0.01, -0.04, 0.001, 0.0], [0.03, 0.03, 0.0, 0.0]]),
    np.array([0.5, 0.0, 0.5, 0.0]),
    np.array([5e6, 1e6, 2e6, 4e5]),
)


def outside(asked, weights):
    """By how much weights are outside of each limit that they miss."""
    limits = build(asked, KNOWN)
    by = limits.outside(np.array(weights, dtype=float))
    return {
        limit.key: pytest.approx(x, abs=1e-12) for limit, x in zip(limits.limits, by.tolist(), strict=True) if x > 1e-9
    }


@cases(
    "asked, weights, missed",
    ({}, [0.4, 0.3, 0.4, -0.1], {"every_line.least": 0.1}),
    ({}, [0.4, 0.3, 0.1, 0.1], {"net": 0.1}),
    ({"net": Bounds(least=0.8, most=1.0)}, [0.4, 0.3, 0.1, 0.1], {}),
    ({"every_line": Bounds(least=0.0, most=0.3)}, [0.4, 0.2, 0.2, 0.2], {"every_line.most": 0.1}),
    ({"lines": {"AGG": Bounds(least=0.3, most=0.3)}}, [0.4, 0.3, 0.2, 0.1], {"lines.AGG": 0.1}),
    (
        {"groups": {"us stocks": Group(where={"region": "us", "kind": "stock"}, most=0.5)}},
        [0.4, 0.3, 0.2, 0.1],
        {"groups.us stocks.most": 0.2},
    ),
    (
        {"groups": {"safe": Group(where={"kind": ("bond", "gold")}, least=0.5, most=0.6)}},
        [0.4, 0.3, 0.2, 0.1],
        {"groups.safe.least": 0.2},
    ),
    ({"exclude": Exclusions(where={"kind": "gold"}, lines=("QQQ",))}, [0.4, 0.3, 0.2, 0.1], {"exclude.most": 0.3}),
    ({"exposures": {"esg": Exposure(column="esg", least=6.0)}}, [0.25] * 4, {"exposures.esg.least": 1.0}),
    ({"exposures": {"size": Exposure(values={"SPY": 2.0}, most=0.4)}}, [0.25] * 4, {"exposures.size.most": 0.1}),
    (
        {"exposures": {"beta": Exposure(to={"SPY": 1.0}, least=0.5)}},
        [0.3, 0.7, 0.0, 0.0],
        {"exposures.beta.least": 0.2},
    ),
    ({"gross": Most(most=1.5)}, [0.8, 0.6, -0.2, -0.2], {"gross.most": 0.3}),
    ({"turnover": Most(most=0.2)}, [0.4, 0.3, 0.2, 0.1], {"turnover.most": 0.2}),
    ({"turnover": Most(most=0.2), "net": Bounds(least=0.0)}, [0.2, 0.1, 0.2, 0.0], {"turnover.most": 0.4}),
    ({"cardinality": Cardinality(most=2)}, [0.5, 0.3, 0.2, 0.0], {"cardinality.most": 1.0}),
    ({"cardinality": Cardinality(if_held=0.2)}, [0.5, 0.45, 0.05, 0.0], {"cardinality.if_held": 0.15}),
    (
        {"liquidity": Liquidity(days=2.0, nav=8e6)},
        [0.25] * 4,
        {"liquidity.QQQ": 0.2, "liquidity.AGG": 0.15, "liquidity.GLD": 0.23},
    ),
    ({"volatility": Most(most=0.1)}, [1.0, 0.0, 0.0, 0.0], {"volatility.most": 0.1}),
    (
        {"tracking_error": TrackingErrorLimit(most=0.1, benchmark={"SPY": 1.0})},
        [0.0, 1.0, 0.0, 0.0],
        {"tracking_error.most": 0.13**0.5 - 0.1},
    ),
    ({"cvar": CVaRLimit(most=0.01, level=0.5)}, [0.0, 1.0, 0.0, 0.0], {"cvar.most": 0.025}),
    (
        {"cvar": CVaRLimit(most=0.01, level=0.7)},
        [0.0, 1.0, 0.0, 0.0],
        {"cvar.most": (0.04 * 0.25 + 0.03 * 0.05) / 0.3 - 0.01},
    ),
)
def test_a_constraint_says_what_its_name_says(asked, weights, missed):
    assert outside(Constraints(**asked), weights) == missed


def test_all_that_the_market_does_not_have_is_said_at_once():
    asked = Constraints(
        lines={"SPX": Bounds(most=0.1)},
        groups={"a": Group(where={"regoin": "us"}, most=0.1), "b": Group(where={"kind": "stonk"}, most=0.1)},
        exposures={"x": Exposure(column="kind", most=1.0)},
        exclude=Exclusions(lines=("TLT",)),
    )
    with pytest.raises(ConfigError) as refused:
        build(asked, KNOWN)
    for said in (
        "lines.SPX: unknown asset: found 'SPX'. Did you mean 'SPY'?",
        "groups.a.where.regoin: the assets have no regoin. Did you mean 'region'?",
        "groups.b.where.kind: no asset has this kind: found 'stonk'. Did you mean 'stock'? Use bond, gold, stock.",
        "exposures.x.column: kind has words. Give a column of numbers.",
        "exclude.lines: unknown asset: found 'TLT'.",
    ):
        assert said in str(refused.value)


def test_a_group_without_members_and_facts_that_are_missing_are_refused():
    with pytest.raises(ConfigError, match=r"groups\.none: no asset fits region us and kind gold together"):
        build(Constraints(groups={"none": Group(where={"region": "us", "kind": "gold"}, most=0.1)}), KNOWN)
    bare = Known(NAMES, {"esg": [1.0, np.nan, 2.0, 3.0]})
    with pytest.raises(ConfigError) as refused:
        build(
            Constraints(
                volatility=Most(most=0.1), cvar=CVaRLimit(most=0.1), liquidity=Liquidity(days=1.0, nav=1e6),
                exposures={"esg": Exposure(column="esg", least=1.0), "beta": Exposure(to={"SPY": 1.0}, most=1.0)},
            ),
            bare,
        )  # fmt: skip
    for said in (
        "volatility: no covariance is known", "cvar: no returns of a window are known", "the market has no volumes",
        "esg is not known for QQQ", "exposures.beta.to: no covariance is known",
    ):  # fmt: skip
        assert said in str(refused.value)


def test_what_is_about_lines_without_a_window_does_not_apply_and_says_so():
    some = Known(NAMES[:2], {"kind": ["stock", "stock"]}, absent=("AGG", "GLD"), elsewhere={"kind": ["bond", "gold"]})
    groups = {"safe": Group(where={"kind": "bond"}, least=0.2)}
    found = build(Constraints(lines={"GLD": Bounds(least=0.1)}, groups=groups), some)
    assert [limit.key for limit in found.limits] == ["every_line.least", "every_line.most", "net"]
    assert found.notes == (
        "lines.GLD does not apply: none of its assets has a complete window.",
        "groups.safe does not apply: none of its assets has a complete window.",
    )
    first = build(Constraints(turnover=Most(most=0.1)), some)
    assert first.notes == ("turnover does not apply: there is no previous target.",)


def test_a_limit_about_a_line_that_may_be_held_applies_though_its_number_is_zero():
    some = Known(NAMES[:2], {"esg": [0.0, 0.0]}, absent=("AGG",), elsewhere={"esg": [6.0]})
    by_name = {"clean": Exposure(values={"SPY": 0.0, "AGG": 6.0}, least=6.0)}
    for exposures in ({"clean": Exposure(column="esg", least=6.0)}, by_name):
        found = build(Constraints(exposures=exposures), some)
        assert found.notes == ()
        assert found.outside(np.array([0.5, 0.5])).max() == 6.0
    found = build(Constraints(exposures={"clean": Exposure(values={"AGG": 6.0}, least=6.0)}), some)
    assert found.notes == ("exposures.clean does not apply: none of its assets has a complete window.",)


def test_a_portfolio_is_taken_without_lines_that_have_no_window_and_its_sum_stays():
    some = Known(NAMES[:2], covariance=KNOWN.covariance[:2, :2], absent=NAMES[2:])
    balanced = {"SPY": 0.45, "QQQ": 0.15, "AGG": 0.4}
    found = build(
        Constraints(
            tracking_error=TrackingErrorLimit(most=0.02, benchmark=balanced),
            exposures={"beta": Exposure(to=balanced, most=1.0), "gold": Exposure(to={"GLD": 1.0}, most=0.1)},
        ),
        some,
    )
    by_key = {limit.key: limit for limit in found.limits}
    assert by_key["tracking_error.most"].centre == pytest.approx([0.75, 0.25])
    assert (by_key["exposures.beta.most"].rows["weights"] @ [0.75, 0.25]).item() == pytest.approx(1.0)
    assert found.notes == (
        "exposures.beta.to is taken without AGG, which have no complete window.",
        "exposures.gold does not apply: none of its assets has a complete window.",
        "tracking_error.benchmark is taken without AGG, which have no complete window.",
    )
    none = build(Constraints(tracking_error=TrackingErrorLimit(most=0.02, benchmark={"GLD": 1.0})), some)
    assert none.notes == ("tracking_error does not apply: none of its assets has a complete window.",)


@pytest.mark.parametrize("more", [{}, {"gross": Most(most=1.5)}, {"cardinality": Cardinality(most=2)}])
def test_a_number_of_a_line_that_may_not_be_held_need_not_be_known(more):
    bare = Known(NAMES, {"esg": [1.0, np.nan, 2.0, 3.0]}, traded=np.array([5e6, np.nan, 2e6, 4e5]))
    asked = {
        "exposures": {"esg": Exposure(column="esg", least=1.5)}, "liquidity": Liquidity(days=2.0, nav=8e6), **more
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"esg is not known for QQQ.*no volume is known for QQQ"):
        build(Constraints(**asked), bare)
    found = build(Constraints(**asked, exclude=Exclusions(lines=("QQQ",))), bare)
    assert found.outside(np.array([0.12, 0.0, 0.88, 0.0])).max() == pytest.approx(0.78)
    with pytest.raises(ConfigError, match="no volume is known for QQQ"):
        build(Constraints(**asked, exclude=Exclusions(lines=("QQQ",), price=0.1)), bare)


@cases(
    "make, message",
    (lambda: Bounds(), "neither `least` nor `most`"),
    (lambda: Bounds(least=0.3, most=0.2), "least is 0.3, above most, 0.2"),
    (lambda: Bounds(least="x"), "least is 'x': give a number"),
    (lambda: Bounds(most=1.0, price=0.0), "price is 0.0: give a number above 0"),
    (lambda: Bounds(most=1.0, price=1.0, gives_way=1), "a price and a place in the order"),
    (lambda: Bounds(most=1.0, gives_way=0), "gives_way is 0: give a whole number"),
    (lambda: Group(most=0.1), "neither `where` nor `lines`"),
    (lambda: Group(most=0.1, where={"a": "b"}, lines=("SPY",)), "`where` and `lines`: keep one"),
    (lambda: Group(most=0.1, where={"a": ()}), "where.a has no words"),
    (lambda: Exposure(most=0.1), "its numbers by none"),
    (lambda: Exposure(most=0.1, column="a", to={"SPY": 1.0}), "its numbers by column and to"),
    (lambda: Most(most=-1.0), "most is -1.0: give a number above 0"),
    (lambda: CVaRLimit(most=0.1, level=1.0), "level is 1.0"),
    (lambda: TrackingErrorLimit(most=0.1, benchmark={}), "benchmark has no assets"),
    (lambda: Exposure(most=0.1, values={"A": np.nan, "B": "x"}), "values is nan for A, 'x' for B: give a number"),
    (lambda: Exposure(most=0.1, to={"A": np.inf}), "to is inf for A: give a number"),
    (lambda: TrackingErrorLimit(most=0.1, benchmark={"A": np.nan}), "benchmark is nan for A: give a number"),
    (lambda: Cardinality(), "neither `most` nor `if_held`"),
    (lambda: Cardinality(most=0), "most is 0: give a whole number of assets"),
    (lambda: Cardinality(least=2), "least is 2 without `if_held`"),
    (lambda: Cardinality(least=3, most=2, if_held=0.1), "least is 3, above most, 2"),
    (lambda: Liquidity(days=0.0, nav=1.0), "days is 0.0: give a number above 0"),
    (lambda: Exclusions(), "neither `where` nor `lines`"),
    (lambda: Constraints(every_line=Bounds(least=-0.1)), "every_line.least is -0.1, so the asset may be short"),
    (lambda: Constraints(net=Bounds(most=1.3)), "net.most is 1.3, which is leverage"),
    (
        lambda: Constraints(volatility=Most(most=12)),
        "volatility.most is 12, which is 1,200 %: give a fraction, such as 0.12",
    ),
    (lambda: Constraints(turnover=Most(most=10)), "turnover.most is 10, which is 1,000 %"),
    (lambda: Constraints(groups={"us": Group(lines=("A",), most=30)}), "groups.us.most is 30, which is 3,000 %"),
    (
        lambda: Constraints(gross=Most(most=1.3), lines={"A": Bounds(least=-20)}),
        "lines.A.least is -20, which is −2,000 %",
    ),
    (lambda: Constraints(gross=Most(most=1.5), cardinality=Cardinality(if_held=0.1)), "known for long assets only"),
)
def test_a_constraint_without_sense_is_refused_with_a_mend(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_equal_constraints_are_one_and_can_be_hashed():
    one = Constraints(lines={"A": Bounds(most=0.1), "B": Bounds(most=0.2)})
    other = Constraints(lines={"B": Bounds(most=0.2), "A": Bounds(most=0.1)})
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1


def test_a_mapping_that_is_changed_later_changes_no_constraint():
    lines, where, weights = {"A": Bounds(most=0.9)}, {"kind": "stock"}, {"A": 1.0}
    asked = Constraints(
        lines=lines, exclude=Exclusions(where=where), exposures={"beta": Exposure(to=weights, most=1.0)},
        tracking_error=TrackingErrorLimit(most=0.1, benchmark=weights),
    )  # fmt: skip
    before = repr(asked)
    lines["A"], where["kind"], weights["A"] = Bounds(most=0.1), "bond", 0.5
    assert repr(asked) == before
    assert "lines={'A': Bounds(most=0.9)}" in before
    for mapping in (asked.lines, asked.exclude.where, asked.exposures["beta"].to):
        with pytest.raises(TypeError):
            mapping["A"] = None


def test_constraints_that_were_pickled_or_copied_are_equal():
    asked = Constraints(
        lines={"A": Bounds(most=0.9)}, groups={"g": Group(where={"kind": "stock"}, most=0.5)},
        tracking_error=TrackingErrorLimit(most=0.1, benchmark={"A": 1.0}),
    )  # fmt: skip
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert copy.deepcopy(asked) == asked
