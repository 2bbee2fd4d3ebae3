"""All kinds of input, by name."""

from __future__ import annotations

from tests.fuzz.kinds.archives import ARCHIVES
from tests.fuzz.kinds.commands import COMMAND_LINES
from tests.fuzz.kinds.folders import FOLDERS
from tests.fuzz.kinds.studies import STUDIES
from tests.fuzz.kinds.study_files import STUDY_FILES
from tests.fuzz.kinds.tables import TABLES
from tests.fuzz.kinds.weights import WEIGHTS

KINDS = {kind.name: kind for kind in (STUDY_FILES, FOLDERS, WEIGHTS, TABLES, ARCHIVES, STUDIES, COMMAND_LINES)}
