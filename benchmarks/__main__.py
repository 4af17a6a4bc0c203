"""Every benchmark, one after the other (`make bench`); the main job comes last, as it takes longest."""

from benchmarks import (
    allocations,
    batch,
    boosted,
    curves,
    destination,
    engine,
    environment,
    evidence,
    grid,
    hrp,
    laboratory,
    learning,
    limits,
    look_ahead,
    main_job,
    metrics,
    networks,
    placement,
    reconciliation,
    regimes,
    risk_sheet,
    sheet,
    start,
    tax,
    trades,
    universal,
)

if __name__ == "__main__":
    engine.main()
    grid.main()
    destination.main()
    placement.main()
    hrp.main()
    limits.main()
    allocations.main()
    tax.main()
    reconciliation.main()
    regimes.main()
    laboratory.main()
    learning.main()
    boosted.main()
    look_ahead.main()
    environment.main()
    universal.main()
    networks.main()
    evidence.main()
    curves.main()
    metrics.main()
    sheet.main()
    risk_sheet.main()
    start.main()
    trades.main()
    batch.main()
    main_job.main()
