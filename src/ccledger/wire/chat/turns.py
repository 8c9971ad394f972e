"""Turns a list of chat messages into Anthropic's turns: user first, alternating, every tool call answered next.

Anthropic's rules: https://platform.claude.com/docs/en/api/messages and, for instructions that come late,
https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ccledger.wire.chat.content import assistant_blocks, cached, text_blocks, thinking_blocks, user_blocks
from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.fields import Json, list_at, object_at, text_at

_OPENING: Json = {"type": "text", "text": "Begin."}
"""What a user says in a conversation that begins with the model: Anthropic wants the user to speak first."""
_CONTINUING: Json = {"type": "text", "text": "Continue."}
"""What a user says where the model spoke last and can't go on from its own words."""
_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")
"""What Anthropic takes in no id of a tool call."""
_EMPTY = msgspec.Raw(b"{}")
_LONGEST_ID = 64
"""Of an id that is repeated in a refusal."""


class Turn(NamedTuple):
    """One side's words until the other speaks."""

    role: str
    """`user` or `assistant`."""
    results: list[Json]
    """Results of tools, which Anthropic wants before anything else that the user says."""
    blocks: list[Json]
    asides: list[Json]
    """Instructions of the operator that came during this turn of the user."""

    @property
    def content(self) -> list[Json]:
        """Everything in this turn but the asides."""
        return self.results + self.blocks


class Conversation(NamedTuple):
    """The messages of a chat, sorted into what Anthropic keeps apart."""

    system: list[Json]
    turns: list[Turn]

    def tool_names(self) -> list[str]:
        """The names of the tools that were called, each once."""
        uses = (block for turn in self.turns for block in turn.blocks if block["type"] == "tool_use")
        return list(dict.fromkeys(block["name"] for block in uses))

    def answers_unthought_call(self) -> bool:
        """Whether the model would have to go on thinking in a turn whose first thoughts are not there.

        With a thinking budget Anthropic refuses results of a call whose turn begins without a thinking block.
        """
        if not self.turns[-1].results:
            return False
        return self.turns[-2].blocks[0]["type"] not in ("thinking", "redacted_thinking")


def read_messages(messages: object) -> Conversation:
    """The conversation in a request's `messages`."""
    told = [object_at(message, f"messages[{i}]") for i, message in enumerate(list_at(messages, "messages"))]
    reader = _Reader()
    for i, message in enumerate(told):
        reader.read(message, f"messages[{i}]")
    conversation = reader.finish()
    if not conversation.turns:
        raise ChatRefused("messages must hold something to answer.", "messages")
    return conversation


def written(conversation: Conversation, *, asides: bool, prefill: bool) -> tuple[list[Json], list[Json]]:
    """System blocks and messages as Anthropic takes them.

    `asides`: late instructions stay where they came, after the user's turn; otherwise they join the system blocks,
    which keeps their authority. `prefill`: a conversation may end with the model's words, to be continued.
    """
    system = [*conversation.system]
    messages: list[Json] = []
    for turn in _closed(conversation.turns, prefill=prefill):
        messages.append({"role": turn.role, "content": turn.content})
        if turn.asides and asides:
            messages.append({"role": "system", "content": turn.asides})
        elif turn.asides:
            system += turn.asides
    return system, messages


def _closed(turns: list[Turn], *, prefill: bool) -> Iterator[Turn]:
    """The turns, ending in a way that the model can answer."""
    last = turns[-1]
    if last.role != "assistant":
        yield from turns
        return
    yield from turns[:-1]
    if not prefill:
        yield Turn("assistant", [], last.blocks, [])
        yield Turn("user", [], [_CONTINUING], last.asides)
        return
    *before, end = last.blocks
    if end["type"] == "text":  # Anthropic refuses to go on from a blank
        end = {**end, "text": end["text"].rstrip()}
    yield Turn("assistant", [], [*before, end], last.asides)


class _Reader:
    """Walks through the messages; holds the turns so far and the calls that wait for their results."""

    def __init__(self) -> None:
        self._system: list[Json] = []
        self._turns: list[Turn] = []
        self._waiting: dict[str, str] = {}
        """Ids of calls as the client knows them, to the ids as Anthropic will."""
        self._called: dict[str, deque[str]] = {}
        """Names of functions called in the old form, which has no ids, to the ids they were given."""
        self._ids: dict[str, int] = {}
        """Ids as Anthropic will know them, and how often each was wanted."""

    def read(self, message: Json, where: str) -> None:
        """Takes in the next message."""
        role = message.get("role")
        if role in ("system", "developer"):
            self._instruct(message, where)
        elif role == "user":
            self._say("user", _with_breakpoint(user_blocks(message.get("content"), f"{where}.content"), message))
        elif role == "assistant":
            self._answer(message, where)
        elif role == "tool":
            self._result(text_at(message.get("tool_call_id"), f"{where}.tool_call_id"), message, where)
        elif role == "function":
            self._function_result(message, where)
        else:
            roles = "developer, system, user, assistant, tool, function"
            raise ChatRefused(f"{where}.role must be one of {roles}.", f"{where}.role")

    def finish(self) -> Conversation:
        """The whole conversation; refused when a call still waits for its result."""
        self._expect_no_call("messages")
        if not self._turns and self._system:
            return Conversation([], [Turn("user", [], self._system, [])])
        return Conversation(self._system, self._turns)

    def _instruct(self, message: Json, where: str) -> None:
        blocks = _with_breakpoint(text_blocks(message.get("content"), f"{where}.content"), message)
        (self._turns[-1].asides if self._turns else self._system).extend(blocks)

    def _say(self, role: str, blocks: list[Json]) -> None:
        if blocks:
            self._turn(role).blocks.extend(blocks)

    def _turn(self, role: str) -> Turn:
        """The turn of this side: the running one, or a new one."""
        if self._turns and self._turns[-1].role == role:
            return self._turns[-1]
        if not self._turns and role == "assistant":
            self._turns.append(Turn("user", [], [_OPENING], []))
        late: list[Json] = []
        if self._turns and role == "user":  # what came after the model spoke belongs to the user's turn
            late = [*self._turns[-1].asides]
            self._turns[-1].asides.clear()
        self._turns.append(Turn(role, [], [], late))
        return self._turns[-1]

    def _answer(self, message: Json, where: str) -> None:
        blocks = thinking_blocks(message) + assistant_blocks(message.get("content"), f"{where}.content")
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal.strip():
            blocks.append({"type": "text", "text": refusal})
        if self._turns and self._turns[-1].role == "user":
            self._expect_no_call(where)
        blocks += self._calls(message, where)
        self._say("assistant", _with_breakpoint(blocks, message))

    def _calls(self, message: Json, where: str) -> Iterator[Json]:
        for i, call in enumerate(list_at(message.get("tool_calls"), f"{where}.tool_calls")):
            here = f"{where}.tool_calls[{i}]"
            told = object_at(call, here)
            if "function" not in told:
                raise ChatRefused(f"{here} must be a call of a function.", here)
            id_ = text_at(told.get("id"), f"{here}.id")
            yield self._use(id_, object_at(told["function"], f"{here}.function"), f"{here}.function")
        if message.get("function_call") is not None:
            called = object_at(message["function_call"], f"{where}.function_call")
            id_ = f"call_{len(self._ids)}"
            use = self._use(id_, called, f"{where}.function_call")
            self._called.setdefault(use["name"], deque()).append(id_)
            yield use

    def _use(self, id_: str, function: Json, where: str) -> Json:
        if id_ in self._waiting:
            raise ChatRefused(f"{where}: two calls have the id {_short(id_)}.", where)
        name = text_at(function.get("name"), f"{where}.name")
        own = self._own_id(id_)
        self._waiting[id_] = own
        arguments = _arguments(function.get("arguments"), f"{where}.arguments")
        return {"type": "tool_use", "id": own, "name": name, "input": arguments}

    def _own_id(self, id_: str) -> str:
        """The id in Anthropic's letters, and another one each time: some clients count calls anew in each turn."""
        plain = own = _FOREIGN.sub(lambda found: f"_{ord(found[0]):x}_", id_)
        while own in self._ids:
            self._ids[plain] += 1
            own = f"{plain}-{self._ids[plain]}"
        self._ids[own] = 1
        return own

    def _function_result(self, message: Json, where: str) -> None:
        waiting = self._called.get(text_at(message.get("name"), f"{where}.name"))
        if not waiting:
            raise ChatRefused(f"{where} must follow an assistant message that calls this function.", where)
        self._result(waiting.popleft(), message, where)

    def _result(self, id_: str, message: Json, where: str) -> None:
        own = self._waiting.pop(id_, None)
        if own is None:
            wanted = f"must follow an assistant message whose tool_calls have the id {_short(id_)}"
            raise ChatRefused(f"{where} {wanted}.", where)
        block: Json = {"type": "tool_result", "tool_use_id": own}
        content = user_blocks(message.get("content"), f"{where}.content")
        if content:
            block["content"] = content
        if message.get("is_error") is True:
            block["is_error"] = True
        self._turn("user").results.append(cached(block, message))

    def _expect_no_call(self, where: str) -> None:
        if self._waiting:
            first = _short(next(iter(self._waiting)))
            raise ChatRefused(
                f"{where}: every tool call needs a tool message that answers it; {first} has none.", where
            )


def _short(id_: str) -> str:
    return repr(id_[:_LONGEST_ID])


def _arguments(value: object, where: str) -> msgspec.Raw:
    """The input of a call, byte for byte as the client wrote it."""
    if value is None:
        return _EMPTY
    if isinstance(value, dict):
        return msgspec.Raw(msgspec.json.encode(value))
    if not isinstance(value, str):
        raise ChatRefused(f"{where} must be a text that holds a JSON object.", where)
    if not value.strip():
        return _EMPTY
    try:
        told: Any = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ChatRefused(f"{where} must be a text that holds a JSON object.", where)
    return msgspec.Raw(value.encode())


def _with_breakpoint(blocks: list[Json], message: Json) -> list[Json]:
    """The blocks with the message's own cache breakpoint on the last one."""
    if not blocks or not isinstance(message.get("cache_control"), dict):
        return blocks
    return [*blocks[:-1], cached(blocks[-1], message)]
