"""What every answer is made of, and the answers of health and errors."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """Root of all answers: what describes them and does not make them, so that it is built only when somebody asks."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, defer_build=True)


class Live(Shape):
    """The process answers."""

    status: Literal["live"]


class Ready(Shape):
    """Whether messages can be taken and sent."""

    status: Literal["ready", "not_ready"]
    database: bool
    """Messages can be stored."""
    modems: int
    """Modems that can send now."""


class FieldProblem(Shape):
    """One field that cannot be used."""

    field: str
    message: str


class ProblemShape(Shape):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldProblem] | None = None
