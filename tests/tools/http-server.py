#!/usr/bin/env python3
"""http-server.py - a web server with the faults that downloads meet.

    http-server.py DIR PORT-FILE LOG

Serves DIR on a free port of 127.0.0.1, which it writes to PORT-FILE; LOG gets
"STATUS PATH RANGE" for each request.  The first part of a path is a manner:

    ok       Range is honoured          norange  Range is ignored
    cut      half of the answer comes   dead     none of the answer comes
    short    half is the whole answer   page     a web page, as if it were it
    moved    redirects to ok            busy     503 at first, then as ok
"""
import http.server
import os
import re
import sys

HOME, PORT_FILE, LOG = sys.argv[1:4]
PAGE = b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n"
refused = set()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body=b"", sent=None, **headers):
        with open(LOG, "a") as log:
            log.write("%d %s %s\n" % (status, self.path,
                                      self.headers.get("Range", "-")))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body if sent is None else body[:sent])

    def do_GET(self):
        manner, _, name = self.path[1:].partition("/")
        path = os.path.join(HOME, os.path.basename(name))
        if manner == "moved":
            return self.answer(302, Location="/ok/" + name)
        if manner == "page":
            return self.answer(200, PAGE)
        if manner == "busy" and name not in refused:
            refused.add(name)
            return self.answer(503)
        if not os.path.isfile(path):
            return self.answer(404, PAGE)
        with open(path, "rb") as f:
            body = f.read()
        if manner == "short":
            return self.answer(200, body[:len(body) // 2])
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if asked is None or manner == "norange":
            first, part = 0, body
        else:
            first = int(asked[1])
            part = body[first:int(asked[2] or len(body)) + 1]
        if first and not part:
            return self.answer(416)
        sent = {"cut": (len(part) + 1) // 2, "dead": 0}.get(manner)
        if part is body:
            return self.answer(200, part, sent)
        self.answer(206, part, sent, Content_Range="bytes %d-%d/%d" % (
            first, first + len(part) - 1, len(body)))

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT_FILE + ".new", "w") as out:
    out.write("%d\n" % server.server_port)
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
