// A web server in Node.js whose TLS key is in Keyward.
//
// Nothing here differs from any other server but what web.pem holds: a reference instead of a
// key. It needs OPENSSL_CONF in its environment. SIGHUP reads certificate and reference again.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [host, port] = ["127.0.0.1", 443];

const load = () => ({
  minVersion: "TLSv1.2",
  cert: readFileSync("/etc/keyward/tls/web.crt"),
  key: readFileSync("/etc/keyward/tls/web.pem"),
});

const server = createServer(load(), (_request, response) => {
  response.end("Hello from Node.js.\n");
});
process.on("SIGHUP", () => server.setSecureContext(load()));
server.listen(port, host);
