"""How a job can end other than well: blocked by a checkpoint, or with nothing left to do."""


class Blocked(Exception):
    """A rule keeps the data from being released. The text is the sentence that people read."""

    exit_code = 3


class Settled(Exception):
    """There is nothing to do: the window is released already, or another attempt has taken over."""

    exit_code = 4
