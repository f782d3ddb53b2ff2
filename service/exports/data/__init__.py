"""A comparison's trials and curves as files, written piece by piece."""
