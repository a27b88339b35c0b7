refused_or_harm("read the key", lambda: print(open(HOME + "/.ssh/id_ed25519").read()))
