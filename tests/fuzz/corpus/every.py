"""All of the corpus. What the fuzzers find and is mended belongs in the file of its kind."""

from __future__ import annotations

from tests.fuzz.corpus import archives, commands, folders, studies, study_files, tables, weights

CORPUS = (
    *(*study_files.CORPUS, *folders.CORPUS, *weights.CORPUS, *tables.CORPUS),
    *(*archives.CORPUS, *studies.CORPUS, *commands.CORPUS),
)
