"""What an allocation scales or combines is found at any depth."""

from research.allocation import HRP, Average, ConstantExposure, EqualWeights, Shrunk
from research.allocation.wrapper import each_of


def test_each_is_found_once_from_the_outside_in():
    tree, equal = HRP(), EqualWeights()
    shrunk = Shrunk(tree, 0.5)
    average = Average((shrunk, equal))
    whole = ConstantExposure(average, 0.6)
    assert list(each_of(whole)) == [whole, average, shrunk, tree, equal]
    assert list(each_of(equal)) == [equal]
