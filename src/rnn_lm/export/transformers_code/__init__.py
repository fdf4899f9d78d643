"""What an exported folder brings along for Hugging Face transformers, copied as it stands: these files know nothing of
rnn_lm, so that a folder works without it. That they compute what rnn_lm computes is for the tests to say."""
