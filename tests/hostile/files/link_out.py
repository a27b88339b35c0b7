import os

for make in (os.symlink, os.link):
    try:
        make(HOME + "/.ssh/id_ed25519", "key")
    except OSError:
        continue
    refused_or_harm("read through a link", lambda: print(open("key").read()))
refused_or_harm("climbed", lambda: print(open("../" * 20 + HOME + "/.ssh/id_ed25519").read()))
