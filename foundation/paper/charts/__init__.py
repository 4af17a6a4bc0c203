"""Charts that several pictures share. A picture gives them its data and axes, and adds its caption and words.

panel : a rectangle with an axis across and one up, its gridlines, numbers and titles; every chart is drawn in one.
curves : curves with a label where each ends.  interval_rows : a row an estimate, with its interval.
plane : points between two measures, with lines of equal loss.  heat_map : coloured cells over two parameters.
"""
