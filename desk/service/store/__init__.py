"""The database of the service: users, portfolios with their versions, jobs; in SQLite or PostgreSQL."""
