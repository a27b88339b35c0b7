import os
import tempfile

with open("notes.txt", "w") as file:
    file.write(input())
with tempfile.TemporaryFile("w+") as file:
    file.write(open("notes.txt").read())
    file.seek(0)
    print(sum(map(int, file.read().split())))
assert os.listdir(".") == ["notes.txt"]
