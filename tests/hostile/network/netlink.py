import socket

refused_or_harm("opened", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)
