"""benchpeer.py - peers of bench-peers: which are here, and runs of them."""
import json
import os
import shutil
import subprocess
import sys

from benchlib import Run, fail, key_of

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "peer-worker.py")
LIBRARIES = ["faiss", "hnswlib"]
THREAD_VARIABLES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                    "MKL_NUM_THREADS"]


def held(threads):
    """Words before a command that hold it, and the libraries in it, to as many
    CPUs as threads."""
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    if len(cpus) < threads:
        fail("%d threads were asked for; this process may use %d CPUs"
             % (threads, len(cpus)))
    if not shutil.which("taskset"):
        fail("taskset is not here, and nothing else holds threads to CPUs; "
             "install util-linux")
    return ["taskset", "-c", ",".join(map(str, cpus)), "env",
            *["%s=%d" % (name, threads) for name in THREAD_VARIABLES]]


def find_python():
    """python3 of the PATH is often not the one with NumPy."""
    for program in ("python3", "/usr/bin/python3"):
        if imports(program, "numpy"):
            return program
    return None


def imports(program, module):
    try:
        done = subprocess.run([program, "-c", "import " + module],
                              capture_output=True)
    except OSError as e:
        fail("%s: %s; --python names a Python" % (program, e.strerror))
    return done.returncode == 0


class Peer:
    """A build of a library: installed, or in a directory of its own."""

    def __init__(self, program, library, python, folder):
        self.program = program
        self.library = library
        self.python = python and os.path.abspath(python)
        self.folder = folder  # for specs and answers
        self.name = "%s (%s)" % (library, python or "installed")
        said = self.run("about", 1, {})[0]
        self.about, self.file = said["about"], said["file"]
        # Python looks further where a directory has none.
        if python and not os.path.realpath(self.file).startswith(
                os.path.realpath(python) + os.sep):
            fail("%s: no %s in it; expected the directory that 'import %s' "
                 "finds it in" % (python, library, library))

    def run(self, do, threads, spec):
        """The worker's answer, and the Run."""
        path = os.path.join(self.folder, "spec.json")
        answer = os.path.join(self.folder, "answer.json")
        spec = dict(spec, do=do, threads=threads, library=self.library,
                    python=self.python, answer=answer)
        with open(path, "w") as out:
            json.dump(spec, out)
        run = Run([*held(threads), self.program, WORKER, path])
        with open(answer) as f:
            return json.load(f), run

    def built(self, spec, threads, cache):
        """A file of the cache, built if it is not there, and what the build
        took."""
        name = os.path.join(cache, "peer-" + key_of(
            self.file, self.about, spec["index"], spec["base"],
            spec["learn"] or "", spec["metric"]))
        told = name + ".json"
        if not os.path.exists(told):
            print("building %s of %s" % (spec["index"], self.name),
                  file=sys.stderr)
            made, _ = self.run("build", threads,
                               dict(spec, file=name + ".index"))
            made.update(threads=threads)
            with open(told, "w") as out:
                json.dump(made, out)
        with open(told) as f:
            made = json.load(f)
        n_bytes = os.path.getsize(name + ".index")
        return dict(made, file=name + ".index",
                    bytes_per_vector=n_bytes / made["rows"])


def find_peers(args, folder):
    """Those that can be imported; of a directory that was named, it is a fault
    if it has none."""
    program = args.python or find_python()
    wanted = [(library, python) for library in LIBRARIES
              for python in getattr(args, library + "_python") or []]
    if program is None:
        if wanted:
            fail("no Python with NumPy is here; --python names one")
        print("no Python with NumPy, so no peers", file=sys.stderr)
        return []
    peers = []
    for library in [] if args.skip_installed else LIBRARIES:
        if imports(program, library):
            peers.append(Peer(program, library, None, folder))
        else:
            print("%s is not installed for %s; it is left out"
                  % (library, program), file=sys.stderr)
    return peers + [Peer(program, library, python, folder)
                    for library, python in wanted]
