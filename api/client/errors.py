"""What can go wrong between a client and the service, each with the exit code of the commands."""

from typing import ClassVar

from service.contracts.problem import Problem


class ClientError(Exception):
    """The service did not do what was asked; ``lines`` say why, for people."""

    exit_code: ClassVar[int] = 4

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print, a line for each thing that is wrong."""
        return (str(self),)


class Unreachable(ClientError):
    """Nobody answers at the service's address."""

    exit_code = 3


class NotConfigured(ClientError):
    """It is not known where the service is, or with which key to ask."""

    exit_code = 3


class Unreadable(ClientError):
    """A file that was named cannot be read or written."""

    exit_code = 2


class ServerFailed(ClientError):
    """The service answered that it failed, or something that is no answer of it."""

    exit_code = 4


class Refused(ClientError):
    """The service refused the request; ``problem`` says why."""

    exit_code = 2

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each field that is wrong, or the refusal itself."""
        if not self.problem.errors:
            return (str(self),)
        return tuple(
            f"{error.field}: {error.message}"
            + (f" (allowed: {', '.join(error.allowed)})" if error.allowed else "")
            for error in self.problem.errors
        )


class NotAllowed(Refused):
    """The key is not valid, or may not do this."""

    exit_code = 3
