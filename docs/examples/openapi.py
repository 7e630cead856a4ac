"""An OpenAPI document, written from the signatures, with notes for what they do not say."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from jero import BaseApp, Endpoint, HTTPError, SSEResponse, operation_notes
from jero.openapi.info import Contact, License, Tag


class Full(HTTPError, type="full", title="Full", status=409):
    """The course has no place left."""


class CoursePath(Struct):
    course_id: Annotated[int, Meta(ge=1, description="The number in the programme.")]


class Booking(Struct):
    """A place in a course."""

    name: Annotated[str, Meta(min_length=1)]
    places: Annotated[int, Meta(ge=1, le=4)] = 1


class BookingsEndpoint(Endpoint, path="/courses/{course_id}/bookings"):
    errors: ClassVar = [Full]
    tags: ClassVar = ["bookings"]

    async def get(self, path: CoursePath) -> SSEResponse[Booking]:
        """Follows the bookings of a course.

        Each one is an event, *as it is made*.
        """
        return SSEResponse(stream=self._bookings())

    @operation_notes(summary="Books a place", tags=["bookings", "office"])
    async def post(self, path: CoursePath, json: Booking) -> Booking:
        if path.course_id > 100:
            raise Full
        return json

    async def _bookings(self) -> AsyncIterator[Booking]:
        for name in ("Ada", "Grace"):
            yield Booking(name)
            await asyncio.sleep(0.1)


class App(BaseApp):
    async def _wire(self) -> None:
        self._include_endpoint(BookingsEndpoint())
        self._include_openapi(
            title="Courses",
            version="1.0.0",
            description="What can be learned, and who learns it.",
            contact=Contact(email="office@example.com"),
            license=License(name="MIT", identifier="MIT"),
            servers=["https://courses.example.com"],
            tags=[Tag(name="bookings", description="Places in courses.")],
        )


app = App()
