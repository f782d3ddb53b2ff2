"""Reports and results in forms that people take away: text, HTML."""
