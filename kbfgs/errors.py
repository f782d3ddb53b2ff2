"""The error tree of kbfgs: every error the library raises on purpose is a `KBFGSError`."""


class KBFGSError(Exception):
    """Base of all errors raised by kbfgs."""


class ConfigurationError(KBFGSError, ValueError):
    """An option has a value that is not allowed, or is not supported."""


class UnsupportedModelError(KBFGSError, RuntimeError):
    """The model, or the way it is called, cannot be handled; the message names the module."""


class ClosureError(KBFGSError, RuntimeError):
    """The closure does not do what `KBFGS.step` needs of it."""


class NonFiniteLossError(KBFGSError, ArithmeticError):
    """The closure returned a loss that is NaN or infinite; no weight has been changed."""


class IndefiniteFactorError(KBFGSError, ArithmeticError):
    """A factor is not finite, or not positive definite with its damping."""


class StateError(KBFGSError, ValueError):
    """A state_dict does not fit this optimizer."""


class DistributedError(KBFGSError, RuntimeError):
    """Several ranks are used in a way that would give a wrong result."""
