"""The database: tables, queries and transactions, on SQLite and PostgreSQL alike."""
