from rnn_lm.corpora.base import NamedCorpus, RawCorpus


def _read(_access):
    lines = [f"w{i % 7} w{i % 5} w{i % 3} ." for i in range(400)]
    return RawCorpus("Counting", lines[:300], lines[300:350], lines[350:], "made up", "public domain", "in order")


COUNTING = NamedCorpus(_read)
