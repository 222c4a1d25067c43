"""Pages of an API from nginx on loopback: one worker, any free port, gone with the `with`."""
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import Failure, records

NEEDS = ["nginx"]


class Web:
    """Serves `pages` pages of `size` records of a folder's `www` as /items?page=1 and so on."""

    def __init__(self, folder, pages, size):
        self.folder, self.pages, self.size = folder, pages, size

    def __enter__(self):
        for name in ("www", "temporary"):
            os.makedirs(f"{self.folder}/{name}")
        records("pages", f"{self.folder}/www", self.pages, self.size)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        temporary = " ".join(f"{name}_temp_path {self.folder}/temporary/{name};"
                             for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{self.folder}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"""worker_processes 1;
pid {self.folder}/nginx.pid;
error_log {self.folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000; default_type application/json; {temporary}
    server {{ listen 127.0.0.1:{self.port}; root {self.folder}/www; location = /items {{ rewrite ^ /p$arg_page.json break; }} }}
}}
""")
        # It goes on in the background as soon as it listens. Ctrl-C is for us: we end it.
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        started = subprocess.run([nginx, "-c", f"{self.folder}/nginx.conf", "-e", f"{self.folder}/nginx.log"],
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        if started.returncode:
            raise Failure(f"nginx did not start: {started.stderr.strip()[-500:]}")
        return self

    def __exit__(self, *_):
        with open(f"{self.folder}/nginx.pid", encoding="ascii") as file:
            process = int(file.read())
        os.kill(process, signal.SIGTERM)
        while os.path.exists(f"{self.folder}/nginx.pid"):
            time.sleep(0.01)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def metadata(self, entity):
        """System `web` whose entity is `entity`, by pages."""
        systems = [{"id": "web", "name": "Web", "description": "Pages", "type": "rest", "connection": {"base_url": self.url}}]
        source = {"path": "items", "records_path": "/data", "pagination": {"type": "page", "total_pages_path": "/pages"}}
        plain = {key: value for key, value in entity.items() if key != "delta"}
        return systems, [dict(plain, name="items", system_id="web", load_type="full", source=source)]
