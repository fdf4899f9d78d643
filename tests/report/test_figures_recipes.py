"""A recipe's figure holds the run's curve and the paper's figure."""

from __future__ import annotations

import json
import math

from rnn_lm.report.figures_recipes import recipe_figure
from rnn_lm.report.style import chart_spec
from rnn_lm.training.log import ValidationRecord


def test_the_curve_and_the_published_figure_are_both_in_it():
    validations = [ValidationRecord(10 * e, float(e), 100, 1.0, 1.0, None, math.log(300 / e)) for e in (1, 2)]
    spec = json.dumps(chart_spec(recipe_figure("zaremba-small", validations)))
    assert '"perplexity": 114.5' in spec
    assert '"epoch": 2.0' in spec
    assert "Zaremba et al. 2014" in spec
