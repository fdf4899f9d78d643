"""What readers meet: the surprisal of every word as it was written, and how well it predicts reading times.

words.py         a line's words, and the model's tokens of each
surprisal.py     a row per word, streaming
sources.py       lines of a text, or a column of a table, in
tables.py        rows out: TSV, CSV, JSON lines, Parquet
times.py         reading times in: Natural Stories, or a table
regression.py    the gain of a regression of reading time by surprisal, held out by story
study.py         the two together: a study
"""
