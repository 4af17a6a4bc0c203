"""Charts that several pictures share. A picture gives them its data and axes, and adds its caption and words.

panel : a rectangle with a side across and one up, in which every chart is drawn; `plotted` makes a picture of one.
curves : curves with a label where each ends, and panels of them through time.
interval_rows : a row an estimate, with its interval.
plane : points between two measures, with lines of equal loss.  heat_map : coloured cells over two parameters.
"""
