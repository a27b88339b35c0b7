import sys

sys.setrecursionlimit(1 << 30)
value = []
for _ in range(10_000_000):
    value = [value]
print(repr(value) == value)
