"""A trained model, looked into while it reads: what ``rnn-lm explore`` shows in a browser, as functions first.

reading.py     per token: surprisal, entropy, rank, what was expected in its place
seen.py        what an n-gram had seen of the words before it
sample.py      states over a sample of the corpus, and over a text
patterns.py    units that are on over a phrase, and other places where they are (LSTMVis)
tracked.py, probing.py   what units track: linear probes against a control task
ablation.py    a unit switched off
flow.py        how much each earlier word mattered to a prediction, and by which path
answers.py     all of it as answers to the page's questions
server.py, page.py, web/   the page: served, or written as one file
"""
