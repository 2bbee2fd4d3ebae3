"""What can be wrong with what the user gave. Every message is one line: the cause, the value seen, the mend.

InputError
 +-- DataError              images, folders, splits, archives
 +-- BackboneError          networks and weights
 +-- HyperparameterError    values that an approach cannot use
 +-- ApproachError          approaches that are not there, or are none
 +-- CacheError             (in cache.py) what cannot be dropped from the cache
 +-- StateError             (in checkpoints.py) what an approach hands over and cannot be kept
"""

FEWER = "have fewer trials at once (a larger slot.cpus), or smaller batches or images"  # where memory runs out


class InputError(Exception):
    """The user's input cannot be used; the message is one line that names the cause and the mend."""


class DataError(InputError):
    """Images, folders, splits or archives that cannot be used."""


class BackboneError(InputError):
    """An unknown network, or weights that cannot be read or do not fit."""


class HyperparameterError(InputError):
    """A value that an approach cannot use, for example an image too small for its layers."""


class ApproachError(InputError):
    """An approach that is not there, cannot be imported, or is none."""


class UnreachableError(Exception):
    """Something that a trial needs cannot be had just now. That says nothing about the trial: it is started again."""


def one_line(error: BaseException) -> str:
    """The kind of an error and the first line of its message; where memory ran out, that first."""
    lines = str(error).strip().splitlines()
    told = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return f"out of memory ({told})" if is_out_of_memory(error) else told


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the machine or of a GPU ran out, by Python's, NumPy's, PyTorch's or Ray's own error.

    PyTorch raises a bare RuntimeError where it is the CPU's memory, or that of a library on the GPU.
    """
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in str(error) for words in ("can't allocate memory", "STATUS_ALLOC_FAILED"))


def cause(error: BaseException) -> str:
    """What went wrong without the file's name, which the message around it has: the system's words, or `first_line`."""
    return getattr(error, "strerror", None) or first_line(error)


def first_line(error: BaseException) -> str:
    """The first line of an error's message without the stop at its end, or its kind where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def shown(value: object, most: int = 120) -> str:
    """A name from data as a message shows it: what cannot be printed is escaped, the middle of what is long left out.

    A byte that is no UTF-8 is shown as `\\xe9`, a line break as `\\n`.
    """
    text = "".join(map(_escaped, str(value)))
    return text if len(text) <= most else f"{text[: most // 3]}...{text[3 + most // 3 - most :]}"


def _escaped(sign: str) -> str:
    if sign.isprintable():
        return sign
    if "\udc80" <= sign <= "\udcff":  # as Python holds a byte of a name that is not UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
