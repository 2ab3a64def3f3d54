# Its library lies in a mapped zip file: every import reads it.
import collections, json, os, sys, textwrap

print("python", sys.version_info[:3], [path for path in sys.path if path])
print("library", textwrap.__file__, collections.Counter("mississippi").most_common(2))
print("mapped", sorted(os.listdir("/")), os.path.getsize("/usr/local/lib/python311.zip"))
print(json.dumps({"floats": [0.1 + 0.2, 1e23, 2.0**-1074], "note": open("/data/note.txt").read()}, indent=1))
print(textwrap.fill("A sentence that is wrapped by a library that nobody here wrote.", 24))
