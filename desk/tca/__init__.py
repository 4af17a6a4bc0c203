"""Transaction cost analysis: what journalled orders cost, against which prices, and against the file's costs."""
