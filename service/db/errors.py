"""Why a database cannot be used; loads nothing, so that every command can name it."""


class SchemaMismatch(Exception):
    """The database cannot be opened or has another schema; the message says what to do."""


class ArchiveRefused(Exception):
    """A backup cannot be restored; the message says why."""
