import socket

one, other = socket.socketpair()
refused_or_harm("sent to a path", one.sendto, b"secret", SOCKET)
refused_or_harm("reconnected", one.connect, SOCKET)
refused_or_harm("passed a descriptor", socket.send_fds, one, [b"x"], [0])
