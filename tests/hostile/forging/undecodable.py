import sys

print(str(sum(map(int, input().split()))) + chr(0))
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff\xfe\xed\xa0\x80")
