"""ComponentSearchDisplay."""

from numpy.testing import assert_array_equal
from plots import component_search, search
import pytest

from skae.plotting import ComponentSearchDisplay


def test_scores_errors_and_the_chosen_number_are_drawn():
    display, fitted = ComponentSearchDisplay.from_estimator(component_search()), component_search()
    assert_array_equal(display.n_components, [1, 2, 4])
    means = fitted.cv_results_["mean_test_score"]
    assert_array_equal(display.scores_[0].get_data(), [[1, 2, 4], means])
    (marked,), (score,) = display.chosen_.get_data()
    assert (marked, score) == (fitted.n_components_, fitted.best_score_)
    best = means.argmax()
    assert display.limit_.get_ydata()[0] == means[best] - fitted.standard_errors_[best]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"chosen: {fitted.n_components_}" in labels


def test_another_search_is_sent_elsewhere():
    with pytest.raises(TypeError, match=r"got GridSearchCV\. DistortionDisplay\.from_cv_results"):
        ComponentSearchDisplay.from_estimator(search())
