import socket

refused_or_harm("connected", socket.create_connection, ("127.0.0.1", PORT), 2)
