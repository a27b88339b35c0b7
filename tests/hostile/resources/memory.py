hoard = []
while True:
    hoard.append(bytes(200 << 20))
