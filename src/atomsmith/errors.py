"""Errors that a user can cause or must know of: each message is one clear sentence with the mend."""


class AtomsmithError(Exception):
    """Base of all errors that the command line prints as one sentence (exit code 2)."""


class InputError(AtomsmithError):
    """Bad input: names the file, key or atom, what was found, what was expected and the mend."""


class LabelError(AtomsmithError):
    """A reference calculation failed or did not converge; carries its reason."""


class RunLockedError(AtomsmithError):
    """Another process holds the run folder."""


class LabelWarning(UserWarning):
    """Labels seem to have another unit or sign than they are read with."""
