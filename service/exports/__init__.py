"""Reports and data in forms that people take away; each is imported where it is asked for."""
