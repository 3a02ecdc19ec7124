"""Containers by what they carry rather than by what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from netwright.errors import InvalidValue
from netwright.spec.fields import LabelField, NameField, OneOrList
from netwright.spec.part import Part

PROJECT, SERVICE, ONE_OFF = "com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.oneoff"
"""The labels by which Compose knows its containers; those of `docker compose run` are one-offs."""


class LabelSelector(Part):
    """Every container that carries all of this, now and later. At least one of the keys is required."""

    label: Annotated[list[LabelField], OneOrList()] | None = Field(None, description="KEY=VALUE, or KEY for any value; a list: all of them")
    service: NameField | None = Field(None, description="the containers of this service of Compose's, but those of docker compose run")
    project: NameField | None = Field(None, description="of this project of Compose's; absent: of any")

    @field_validator("label")
    @classmethod
    def _some(cls, label: list[str] | None) -> list[str] | None:
        if label is not None and not label:
            raise InvalidValue("an empty list means no container", hint="write KEY=VALUE, or KEY for any value")
        return label

    @model_validator(mode="after")
    def _anything(self) -> LabelSelector:
        if self.label is None and self.service is None and self.project is None:
            raise InvalidValue("it says nothing of the container", hint="say label: KEY=VALUE, or service: NAME with project: NAME")
        return self

    def __str__(self) -> str:
        labels = self.label or []
        words = [f"label{'s' * (len(labels) > 1)} {', '.join(labels)}"] if labels else []
        words += [f"service {self.service}"] if self.service else []
        words += [f"project {self.project}"] if self.project else []
        return " and ".join(words)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a container with these labels is meant."""
        wanted = (label.partition("=") for label in self.label or ())
        return (
            all(key in labels and (not equals or labels[key] == value) for key, equals, value in wanted)
            and self.service in (None, labels.get(SERVICE))
            and self.project in (None, labels.get(PROJECT))
            and (self.service is None or labels.get(ONE_OFF) != "True")
        )
