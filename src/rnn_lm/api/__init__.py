"""What Python calls: ``rnn_lm.load``, ``train``, ``compare``, ``evaluate``, and what they give back.

Each is found in ``rnn_lm`` itself, which imports nothing of it before it is asked for. The library does the work; here
keyword arguments become settings, what it finds gets a face in notebooks, and errors name settings where the command
line names flags.
"""
