"""The holdings of a desk today: positions, prices, exchange rates, tax lots, from files of brokers or its own."""
