"""Why `service up` does not start."""


class CannotStart(Exception):
    """Something is in the way; the message is one line that says what."""
