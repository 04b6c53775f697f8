# A web server in Ruby whose TLS key is in Keyward. Against any other the line marked with <== is
# more, and web.pem holds a reference instead of a key.
# It needs OPENSSL_CONF in its environment. SIGHUP reads certificate and reference again.

require "openssl"
require "socket"

ADDRESS = ["127.0.0.1", 443]

def load_context
  key = OpenSSL::PKey.read(File.read("/etc/keyward/tls/web.pem"))
  # Ruby's own method looks into RSA and EC keys, and crashes where their private half is elsewhere.
  def key.private? = true # <==
  chain = OpenSSL::X509::Certificate.load_file("/etc/keyward/tls/web.crt")
  context = OpenSSL::SSL::SSLContext.new
  context.min_version = OpenSSL::SSL::TLS1_2_VERSION
  context.add_certificate(chain.first, key, chain.drop(1))
  context.setup
  context
end

def serve(socket, context)
  # In the thread of the connection, so that no client waits for another's handshake.
  tls = OpenSSL::SSL::SSLSocket.new(socket, context)
  tls.accept
  nil until tls.gets.to_s.strip.empty?
  tls.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHello from Ruby.\n")
  tls.close
rescue OpenSSL::SSL::SSLError, SystemCallError, IOError
  # The client has left.
ensure
  socket.close
end

context = load_context
trap("HUP") { context = load_context }
server = TCPServer.new(*ADDRESS)
server.listen(128)
loop do
  Thread.new(server.accept, context) { |socket, current| serve(socket, current) }
end
