import sys

lines = []
try:
    while True:
        lines.append(input())
except EOFError:
    pass
print(sum(map(int, lines[0].split())))
print(sys.stdin.read(), end="")
