"""What the tests of clusters share: the command line, from the tests of the study package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))  # for commands and study_files
