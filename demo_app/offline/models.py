"""Lists the models of the offline service: there is one."""

from typing import Final, Literal

from msgspec import Struct

from demo_app.offline.chat_completions import MODEL
from jero import Endpoint

# OpenAI's API requires a time. This is when the model was first part of the demo, in Unix seconds.
CREATED: Final = 1_767_225_600


class Model(Struct):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int = CREATED
    owned_by: str = "jero"


class ModelList(Struct):
    """The list of models."""

    data: tuple[Model, ...]
    object: Literal["list"] = "list"


class ModelsEndpoint(Endpoint, path="/models"):
    """The models that answer."""

    async def get(self) -> ModelList:
        """Lists the models."""
        return ModelList((Model(MODEL),))
