"""The one exception that a person sees as a plain sentence."""


class Failure(Exception):
    """Something the person at the terminal can understand and act on; its text is the whole message."""
