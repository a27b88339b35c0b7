print(*range(100))
