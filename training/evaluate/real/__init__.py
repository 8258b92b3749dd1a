"""Scores on real recordings of others, each by a stated protocol beside a plain baseline."""
