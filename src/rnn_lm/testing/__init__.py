"""What every entry of a registry must do, as functions: run them on an entry of your own, in your own tests.

    from rnn_lm.testing import check_cell, check_corpus, check_model, check_suite, check_tokenization

    def test_my_cell():
        check_cell(MyCell)

Each takes an entry, or the name under which it is registered; with a name, what ``rnn-lm`` does with it by that name is
checked as well. They return nothing, and raise ``AssertionError`` with a line that says what does not hold.
"""

from rnn_lm.testing.cells import check_cell
from rnn_lm.testing.corpora import check_corpus
from rnn_lm.testing.models import check_model
from rnn_lm.testing.suites import check_suite
from rnn_lm.testing.tokenizations import check_tokenization

__all__ = ["check_cell", "check_corpus", "check_model", "check_suite", "check_tokenization"]
