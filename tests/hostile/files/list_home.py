import os

refused_or_harm("listed", lambda: print(os.listdir(HOME)))
refused_or_harm("listed", lambda: print(os.listdir("/etc")))
