"""Linear, quadratic and cone programmes: our compiled active sets, and the one door to each of HiGHS, Clarabel, SCS."""
