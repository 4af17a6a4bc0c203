"""The exports of brokers: tables in a file, their columns, its day, the assets that rows name, and positions."""
