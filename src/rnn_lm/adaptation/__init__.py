"""Models that go on learning from the text they are tested on: the neural cache and dynamic evaluation."""
