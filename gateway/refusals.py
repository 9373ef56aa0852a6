"""Why a request is not done: what the intake and the code engine raise, and what each way in turns into its own words.

RefusedError
├── InvalidInput     fields that cannot be used; every one of them is named
├── Forbidden        a destination that is not allowed
├── NotFound         no such thing, or another client's
├── Conflict         the state of the thing forbids it
├── TooMany          a limit; carries when to try again
└── Unavailable      not now; carries when to try again
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that cannot be used."""

    field: str
    message: str


class RefusedError(Exception):
    """A request that is not done. `code` is stable, `str()` is for people and carries no secret."""

    code = "refused"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class InvalidInput(RefusedError):
    """Fields that cannot be used."""

    code = "invalid_input"

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """One field."""
        return cls([FieldError(field, message)])


class Forbidden(RefusedError):
    """A destination or an option that is not allowed."""

    code = "forbidden"

    def __init__(self, message: str, code: str | None = None, errors: list[FieldError] | None = None) -> None:
        super().__init__(message, code)
        self.errors = errors or []


class NotFound(RefusedError):
    """No such thing, or another client's."""

    code = "not_found"


class Conflict(RefusedError):
    """The state of the thing forbids it."""

    code = "conflict"


class TooMany(RefusedError):
    """A limit is reached; `retry_after` is in seconds."""

    code = "too_many_requests"

    def __init__(self, message: str, retry_after: float, code: str | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after


class Unavailable(RefusedError):
    """Nothing can be taken now; `retry_after` is in seconds."""

    code = "unavailable"

    def __init__(self, message: str, retry_after: float, code: str | None = None) -> None:
        super().__init__(message, code)
        self.retry_after = retry_after
