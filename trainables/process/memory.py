"""Freed memory stays in the process.

A training step allocates the same hundreds of megabytes as the step before. By default glibc maps every block of some
megabytes by itself and gives it back when it is freed, so that each step fetches its activations from the kernel anew,
zeroed, page by page: 41,000 page faults a step of BetterCNN (128 images of 30 x 100), more than half of the step's
time. The numbers that are computed are the same to the bit; a process holds on to the most memory it ever used.
"""

from __future__ import annotations

import ctypes

# Of mallopt(3), by the numbers that glibc's malloc.h gives them.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
LARGEST = 2**31 - 1  # bytes; mallopt takes an int
GROWTH = 64 * 2**20  # bytes that are fetched beyond what is asked for


def keep_freed_memory() -> bool:
    """Take all memory from the heap from now on, and give none of it back to the kernel before the process ends.

    Returns:
        Whether it took effect: only where the C library is glibc (not on macOS, nor with musl).
    """
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - nobody else has it
    except (OSError, TypeError, AttributeError):  # TypeError: Windows wants a name
        return False
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST, M_TOP_PAD: GROWTH}
    return all(library.mallopt(name, value) == 1 for name, value in settings.items())
