"""The approaches by name. To add one: write its file, and name it here."""

from trainables.approach import Approach
from trainables.approaches.better_cnn import BetterCNN
from trainables.approaches.feature_svm import FeatureSVM
from trainables.approaches.fine_tune import FineTune

APPROACHES: dict[str, type[Approach]] = {kind.name: kind for kind in (BetterCNN, FineTune, FeatureSVM)}
