"""Trained models for other programs: a target for each kind of file or folder that these read (``base.py``)."""
