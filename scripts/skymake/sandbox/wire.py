"""What the grader, its zygote and a candidate say to each other: frames of bytes over a socket, notices over a pipe."""

import enum
import struct
from typing import BinaryIO, NamedTuple

# From the grader: a candidate as JSON (see `Zygote.begin`); inputs for it, or inputs for it in a new process; its end.
CANDIDATE, INPUTS, FRESH_INPUTS, END = b"C", b"I", b"F", b"E"
READY = b"R"  # a zygote, to the grader; a candidate's process, before it runs anything of the candidate's
MOST_INPUTS = 64  # of one frame
LONGEST_DETAIL = 300  # bytes
LONGEST_NOTICE = 1 + LONGEST_DETAIL
LONGEST_SIZES = 8 * MOST_INPUTS

_SIZE = struct.Struct("<Q")
_COUNT = struct.Struct("<I")
_REPLY = struct.Struct("<B?dH")  # ending, alive, CPU seconds, size of the detail; then the detail, then the outputs


class Ending(enum.IntEnum):
    """How one run ended. The first four are the candidate's own word; nothing rests on them but which failure it is."""

    FINISHED = 0
    COMPILE_ERROR = 1
    RUNTIME_ERROR = 2
    MEMORY_LIMIT = 3
    TIME_LIMIT = 4
    OUTPUT_LIMIT = 5


class Outcome(NamedTuple):
    """Of a run on some inputs, one after the other, up to the first that did not end well.

    ending: of the last run. alive: whether its process waits for more. cpu_seconds: of all runs. detail: the error,
    exit code, signal or time. outputs: of the runs that finished, in order: what was printed, or the value as JSON.
    """

    ending: Ending
    alive: bool
    cpu_seconds: float
    detail: str
    outputs: list[bytes]


class Gone(Exception):
    """The other side has closed the connection."""


def frame(*parts: bytes) -> bytes:
    return b"".join((_SIZE.pack(sum(map(len, parts))), *parts))


def receive(connection: BinaryIO) -> bytes:
    """The content of the next frame. connection: a buffered reader. Raises Gone at the end."""
    (size,) = _SIZE.unpack(_exactly(connection, _SIZE.size))
    return _exactly(connection, size)


def pack(items: list[bytes]) -> bytes:
    return b"".join((_COUNT.pack(len(items)), *(_SIZE.pack(len(item)) for item in items), *items))


def unpack(packed: bytes) -> list[bytes]:
    (count,) = _COUNT.unpack_from(packed)
    start, items = _COUNT.size + count * _SIZE.size, []
    for (size,) in _SIZE.iter_unpack(packed[_COUNT.size : start]):
        items.append(packed[start : start + size])
        start += size
    return items


def pack_outcome(outcome: Outcome) -> bytes:
    detail = outcome.detail.encode("utf-8", "replace")
    head = _REPLY.pack(outcome.ending, outcome.alive, outcome.cpu_seconds, len(detail))
    return head + detail + pack(outcome.outputs)


def unpack_outcome(packed: bytes) -> Outcome:
    ending, alive, cpu_seconds, size = _REPLY.unpack_from(packed)
    detail, outputs = packed[_REPLY.size : _REPLY.size + size], packed[_REPLY.size + size :]
    return Outcome(Ending(ending), alive, cpu_seconds, detail.decode("utf-8", "replace"), unpack(outputs))


def pack_notice(ending: Ending, detail: str) -> bytes:
    return bytes((ending,)) + detail.encode("utf-8", "replace")[:LONGEST_DETAIL]


def unpack_notice(packed: bytes) -> tuple[Ending, str]:
    """(ending, detail) of a notice from whoever has the pipe. What is no notice is a runtime error."""
    ending = Ending(packed[0]) if packed[0] <= Ending.MEMORY_LIMIT else Ending.RUNTIME_ERROR
    return ending, packed[1 : 1 + LONGEST_DETAIL].decode("utf-8", "replace")


def pack_size(size: int) -> bytes:
    return _SIZE.pack(size)


def unpack_sizes(packed: bytes) -> list[int]:
    """As many sizes as are whole."""
    whole = len(packed) // _SIZE.size * _SIZE.size
    return [size for (size,) in _SIZE.iter_unpack(packed[:whole])]


def _exactly(connection: BinaryIO, size: int) -> bytes:
    data = connection.read(size)
    if len(data) < size:
        raise Gone
    return data
