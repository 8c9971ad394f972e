"""The two forms in which clients speak to the gateway; each turns what an upstream says into its own, or leaves it."""

from typing import ClassVar, Protocol

from ccledger.wire.chat.answer import convert_answer
from ccledger.wire.chat.errors import AnswerUnreadable, convert_error
from ccledger.wire.chat.models import openai_model, openai_models
from ccledger.wire.chat.request import Ask
from ccledger.wire.chat.stream import ChunkWriter
from ccledger.wire.refusal import anthropic_error


class Translator(Protocol):
    """Turns a stream into the client's, piece by piece."""

    def feed(self, chunk: bytes) -> bytes:
        """What the client gets for these bytes; empty: nothing yet."""
        ...

    def finish(self) -> bytes:
        """What it gets when no more come."""
        ...


class Form(Protocol):
    """How one client wants to be answered."""

    is_native: ClassVar[bool]
    """Whether bodies pass as they are."""

    def refusal(self, status: int, text: str, identity: str) -> bytes:
        """The body of an error of our own."""
        ...

    def error(self, status: int, body: bytes) -> bytes:
        """The body of an upstream's error."""
        ...

    def whole(self, body: bytes) -> bytes:
        """The body of an answer. Raises `AnswerUnreadable` when it is none."""
        ...

    def translator(self) -> Translator:
        """What turns a stream; asked for only where bodies do not pass as they are."""
        ...


class Anthropic:
    """The upstream's own form."""

    is_native: ClassVar[bool] = True

    def refusal(self, status: int, text: str, identity: str) -> bytes:
        """See `Form.refusal`."""
        return anthropic_error(status, text, identity)

    def error(self, status: int, body: bytes) -> bytes:
        """See `Form.error`."""
        return body

    def whole(self, body: bytes) -> bytes:
        """See `Form.whole`."""
        return body

    def translator(self) -> Translator:
        """Never asked for."""
        raise NotImplementedError


class OpenAI:
    """Chat completions."""

    is_native: ClassVar[bool] = False

    def __init__(self, created: int) -> None:
        """`created` is in seconds since 1970."""
        self._created = created
        self.ask = Ask("")
        """What the answer has to know of the request, once it is read."""

    def refusal(self, status: int, text: str, identity: str) -> bytes:
        """See `Form.refusal`."""
        return convert_error(status, anthropic_error(status, text))

    def error(self, status: int, body: bytes) -> bytes:
        """See `Form.error`."""
        return convert_error(status, body)

    def whole(self, body: bytes) -> bytes:
        """See `Form.whole`."""
        return convert_answer(body, self.ask, self._created)

    def translator(self) -> Translator:
        """See `Form.translator`."""
        return ChunkWriter(self.ask, self._created)


class OpenAIModels(OpenAI):
    """The list of models, for clients that know OpenAI's."""

    def whole(self, body: bytes) -> bytes:
        """See `Form.whole`."""
        return openai_models(body)


class OpenAIModel(OpenAI):
    """One of them."""

    def whole(self, body: bytes) -> bytes:
        """See `Form.whole`."""
        return openai_model(body)


__all__ = ["AnswerUnreadable", "Anthropic", "Form", "OpenAI", "OpenAIModel", "OpenAIModels", "Translator"]
