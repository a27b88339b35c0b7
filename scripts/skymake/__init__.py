"""skymake: what the rules' scripts share. Each module is named for the one thing it holds."""


class UserError(Exception):
    """Something the user can mend: bad input, a missing file, a server that died. Its text says what to do.

    A rule that raises it ends with this text alone, without a traceback.
    """
