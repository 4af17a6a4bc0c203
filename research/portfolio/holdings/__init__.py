"""What a desk holds today: positions, prices, exchange rates, tax lots, from files of brokers or its own."""
