"""The error that a user can act on."""


class FoveaError(Exception):
    """Something the user can mend.

    The message is one line: what is wrong, where, and what to do. It is the last line of the
    rule's log and is shown in the terminal; the traceback goes to the log only.
    """
