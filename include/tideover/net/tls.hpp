// TLS settings as shared OpenSSL contexts: one per trust setting or certificate, made at start.
// Not per connection: net/stream holds the SSL object. A context with the system's store takes tens of milliseconds.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>

#include "tideover/net/stream.hpp"

namespace tideover::net {

struct ssl_ctx_deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ssl_context = std::shared_ptr<SSL_CTX>;

/// For upstreams: TLS 1.2 or newer, the peer is always verified. `ca_file` empty: the system's store.
/// Throws std::runtime_error with a sentence that names the file.
ssl_context make_client_context(const std::string& ca_file);

/// For listeners: TLS 1.2 or newer. With `client_ca_file` the peer must show a certificate of one of the authorities in
/// it. Throws std::runtime_error with a sentence that names the file and what is wrong with it.
ssl_context make_server_context(const std::string& certificate_file, const std::string& key_file,
                                const std::string& client_ca_file = {});

/// The last session of one upstream, offered at the next handshake. Belongs to one worker.
class session_slot {
 public:
  session_slot() = default;
  session_slot(const session_slot&) = delete;
  session_slot& operator=(const session_slot&) = delete;
  ~session_slot();
  void keep(SSL_SESSION* session);  // takes over the reference
  SSL_SESSION* get() const { return session_; }

 private:
  SSL_SESSION* session_ = nullptr;
};

/// A client connection that verifies `server_name` (DNS name or IP literal), sends it as SNI when it is a name, offers
/// the slot's session and stores new ones there. The slot must outlive the connection.
ssl_ptr make_client(const ssl_context& context, const std::string& server_name, session_slot* slot);
ssl_ptr make_server(const ssl_context& context);

/// Why a handshake failed, for logs: the verification error with wanted and found names, or OpenSSL's reason.
std::string explain_handshake(SSL* ssl, const std::string& server_name);
/// How much the peer may send in a handshake: a certificate chain, which has a bound of its own, and little else. More
/// is somebody who wants to keep us busy (faults C12).
inline constexpr std::uint64_t max_handshake_bytes = 128u << 10;
/// From here on reading fails behind that many bytes, also within one call: OpenSSL itself goes on for as long as bytes
/// come, and would hold up everybody on this thread. To be lifted when the handshake is done.
void limit_handshake(SSL* ssl);
void lift_handshake_limit(SSL* ssl);
bool handshake_too_large(SSL* ssl);
/// True when the handshake failed because of the certificate or the protocol, not because the peer went away.
bool handshake_refused(SSL* ssl);

}  // namespace tideover::net
