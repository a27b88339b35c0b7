import socket

refused_or_harm("connected", lambda: socket.socket(socket.AF_UNIX).connect(chr(0) + ABSTRACT))
