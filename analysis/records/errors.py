"""What can be wrong with what a study left, or with the place that it is kept in.

RecordsError        a study, or a file in it, that cannot be read as one
 +-- StorageError   the place itself cannot be read or written just now
"""


class RecordsError(Exception):
    """A study directory, or a file in it, that cannot be read as one. The message is one line."""


class StorageError(RecordsError):
    """A place that cannot be read or written: not there, full, refused, or not to be reached for too long."""
