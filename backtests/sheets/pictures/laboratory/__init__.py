"""The pictures of the laboratory's sheet: rules beside the optimum, its region, its laws, and other markets."""
