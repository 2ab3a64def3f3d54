# What scripts do with time, links and dates.
import errno, io, os, select, sys, time, zipfile

start, wall = time.monotonic(), time.time()
for wait in (0.001, 3600, 0):
    time.sleep(wait)
    print("waited", wait, round(time.monotonic() - start, 3), round(time.time() - wall, 3))

def deadline(seconds):
    until, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(0.25)
        rounds += 1
    return rounds
print("rounds", deadline(2))

print("real", os.path.realpath("/data/deep/../deep/er/./leaf.txt"), os.path.realpath("/data/none"))

def error(action):
    try:
        action()
    except OSError as e:
        return errno.errorcode[e.errno]
print("link", error(lambda: os.readlink("/data/note.txt")), error(lambda: os.readlink("/data/none")))
print("gone", error(lambda: os.remove("/data/none")), error(lambda: os.rmdir("/data/none")),
    error(lambda: os.rename("/data/none", "/data/other")))

archive = io.BytesIO()
with zipfile.ZipFile(archive, "w") as z:
    for directory, _, files in sorted(os.walk("/data")):
        for name in sorted(files):
            z.write(os.path.join(directory, name))
with zipfile.ZipFile(archive) as z:
    print("zip", z.namelist(), z.testzip(), all(i.date_time >= (1980, 1, 1, 0, 0, 0) for i in z.infolist()))
    print("zip", z.read("data/note.txt").decode())
print("dated", os.stat("/data").st_mtime >= 315532800)
