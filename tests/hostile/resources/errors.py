import sys

line = "e" * (1 << 20)
for _ in range(100):
    sys.stderr.write(line)
print(sum(map(int, input().split())))
