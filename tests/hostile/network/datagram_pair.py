import socket

one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
harm("made a datagram socket")
refused_or_harm("sent", one.sendto, b"secret", SOCKET)
