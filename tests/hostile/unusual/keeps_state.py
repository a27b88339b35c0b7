import builtins

calls = vars(builtins).setdefault("calls", [])
calls.append(1)
print(sum(map(int, input().split())) if len(calls) == 1 else "again")
