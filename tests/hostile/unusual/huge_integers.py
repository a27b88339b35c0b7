a, b = map(int, input().split())
big = 10**20_000
print(int(str(big + a + b)) - big)
