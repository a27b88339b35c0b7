"""What the grader and its zygote say to each other: frames of bytes over a socket."""

import enum
import socket
import struct

# From the grader: a candidate as JSON (see `Zygote.begin`); an input for it, or one for a fresh process; its end.
CANDIDATE, INPUT, FRESH_INPUT, END = b"C", b"I", b"F", b"E"
READY = b"R"

_SIZE = struct.Struct("<Q")
_REPLY = struct.Struct("<BdH")  # ending, CPU seconds, bytes of the detail; then the detail, then the output
_LARGEST_PIECE = 1 << 20


class Ending(enum.IntEnum):
    """How one run ended. The first four are the candidate's own word; nothing rests on them but which failure it is."""

    FINISHED = 0
    COMPILE_ERROR = 1
    RUNTIME_ERROR = 2
    MEMORY_LIMIT = 3
    TIME_LIMIT = 4
    OUTPUT_LIMIT = 5


class Gone(Exception):
    """The other side has closed the connection."""


def send(connection: socket.socket, *parts: bytes) -> None:
    connection.sendall(b"".join((_SIZE.pack(sum(map(len, parts))), *parts)))


def receive(connection: socket.socket) -> bytes:
    """The next frame; raises Gone when there is none to come, TimeoutError as the socket is set to."""
    (size,) = _SIZE.unpack(_exactly(connection, _SIZE.size))
    return _exactly(connection, size)


def send_reply(connection: socket.socket, ending: Ending, cpu_seconds: float, detail: bytes, output: bytes) -> None:
    send(connection, _REPLY.pack(ending, cpu_seconds, len(detail)), detail, output)


def receive_reply(connection: socket.socket) -> tuple[Ending, float, str, bytes]:
    """(ending, CPU seconds, detail, output)."""
    frame = receive(connection)
    ending, cpu_seconds, size = _REPLY.unpack_from(frame)
    detail, output = frame[_REPLY.size : _REPLY.size + size], frame[_REPLY.size + size :]
    return Ending(ending), cpu_seconds, detail.decode("utf-8", "replace"), output


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), _LARGEST_PIECE))
        if not piece:
            raise Gone
        data += piece
    return bytes(data)
