"""What the service does: each public method opens one unit of work, or a few in a row."""
