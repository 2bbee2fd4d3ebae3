"""Sentences that explain a loss say its numbers."""

from analysis.report import wording


def test_the_sentence_explains_the_loss_of_the_seed_study():
    # ln(e + 15) - 0.872 = 2.0026; 0.128 ln(1e7) + 0.872 * 1e-7 = 2.0631; ln(e + 15) - 1 = 1.8746
    sentence = wording.hard_decision_sentence("the SVM", 0.872, 16)
    assert "every error of the SVM costs the maximum" in sentence
    assert all(figure in sentence for figure in ("2.003", "2.063", "1.875", "clipped at 1e-7"))


def test_without_probabilities_the_consequence_is_said():
    sentence = wording.no_probabilities_sentence("the SVM")
    assert "the SVM gives no probabilities" in sentence
    assert "named conventions" in sentence
