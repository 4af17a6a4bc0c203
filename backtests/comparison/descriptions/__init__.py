"""What a comparison describes beside its verdict: attribution, behaviour, capacity, stress."""
