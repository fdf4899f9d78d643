"""Layers of recurrent networks, for any model: nothing in here knows what a word is."""
