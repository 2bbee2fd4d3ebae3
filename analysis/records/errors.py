"""What can be wrong with what is analysed, or with the place that it is kept in. Every message is one line.

RecordsError               a study, a file in it or a table of predictions that cannot be used
 +-- StorageError          the place itself cannot be read or written just now
 +-- PublishedTableError   a published table that cannot be read, or whose rows cannot be compared
"""


class RecordsError(Exception):
    """A study, a file in it or a table of predictions that cannot be used. The message is one line."""


class StorageError(RecordsError):
    """A place that cannot be read or written: not there, full, refused, or not to be reached for too long."""


class PublishedTableError(RecordsError):
    """A published table that cannot be read, or whose rows cannot be compared."""
