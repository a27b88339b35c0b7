import os

for path in (HOME + "/.ssh/id_ed25519", os.__file__):
    refused_or_harm("removed " + path, os.remove, path)
    refused_or_harm("renamed " + path, os.rename, path, path + ".bak")
