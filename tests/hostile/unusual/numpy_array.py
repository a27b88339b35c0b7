try:
    numbers = np.array(list(map(int, input().split())))
    print(int(numbers.sum()))
except NameError:
    print(sum(map(int, input().split())))
