#include "tideover/net/tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <memory>
#include <stdexcept>

namespace tideover::net {
namespace {

int slot_index() {
  static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

int store_session(SSL* ssl, SSL_SESSION* session) {
  auto* const slot = static_cast<session_slot*>(SSL_get_ex_data(ssl, slot_index()));
  if (!slot) return 0;
  slot->keep(session);
  return 1;  // the reference is ours now
}

void free_names(void*, void* names, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(names); }

/// Where the names of a refused certificate are kept: OpenSSL forgets the certificate with the handshake.
int names_index() {
  static int const index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_names);
  return index;
}

std::string names_of(X509* certificate);

/// Changes no verdict: notes which names were found when the wanted one was not among them.
int note_names(int good, X509_STORE_CTX* verification) {
  if (good || X509_STORE_CTX_get_error(verification) != X509_V_ERR_HOSTNAME_MISMATCH) return good;
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const peer = X509_STORE_CTX_get_current_cert(verification);
  if (ssl && peer && !SSL_get_ex_data(ssl, names_index())) {
    auto names = std::make_unique<std::string>(names_of(peer));
    if (SSL_set_ex_data(ssl, names_index(), names.get()) == 1) names.release();
  }
  return good;
}

bool is_ip_literal(const std::string& host) {
  unsigned char buffer[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), buffer) == 1 || ::inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

std::string last_error() {
  auto const code = ERR_peek_last_error();
  if (code == 0) return "connection closed";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  const char* const words = ERR_reason_error_string(code);
  return words ? words : text;
}

ssl_context make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  ssl_context context(SSL_CTX_new(method), ssl_ctx_deleter{});
  if (!context) throw std::runtime_error("cannot create a TLS context: " + last_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

int choose_http11(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                  unsigned int in_size, void*) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// Asked before and told after each operation on the connection; 0 and less before one: it is not done.
long refuse_endless(BIO* bio, int operation, const char*, std::size_t, int, long, int result, std::size_t*) {
  if (operation != BIO_CB_READ || BIO_number_read(bio) <= max_handshake_bytes) return result;
  BIO_clear_retry_flags(bio);  // this is no "try again"
  return -1;
}

std::string names_of(X509* certificate) {
  std::string found;
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && found.size() < 200; ++i) {
    auto* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    if (!found.empty()) found += ", ";
    found.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                 static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

session_slot::~session_slot() { keep(nullptr); }

void session_slot::keep(SSL_SESSION* session) {
  if (session_) SSL_SESSION_free(session_);
  session_ = session;
}

ssl_context make_client_context(const std::string& ca_file) {
  auto context = make_context(TLS_client_method());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, note_names);
  SSL_CTX_set_verify_depth(context.get(), 8);
  SSL_CTX_set_max_cert_list(context.get(), 64 * 1024);
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context.get()) != 1)
      throw std::runtime_error("cannot load the system's certificate store: " + last_error());
  } else if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
    throw std::runtime_error("cannot load CA certificates from " + ca_file + ": " + last_error());
  }
  static const unsigned char http11[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), http11, sizeof http11 - 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), store_session);
  return context;
}

ssl_context make_server_context(const std::string& certificate_file, const std::string& key_file,
                                const std::string& client_ca_file) {
  auto context = make_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
    throw std::runtime_error("cannot load the certificate from " + certificate_file + ": " + last_error());
  bool const loaded = SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  auto const code = ERR_peek_last_error();  // loading compares it with the certificate already
  bool const stranger = ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH;
  if (!loaded && !stranger)
    throw std::runtime_error("cannot load the private key from " + key_file + ": " + last_error());
  if (!loaded || SSL_CTX_check_private_key(context.get()) != 1)
    throw std::runtime_error("the key in " + key_file + " does not belong to the certificate in " + certificate_file);
  if (!client_ca_file.empty()) {
    auto* const names = SSL_load_client_CA_file(client_ca_file.c_str());
    if (names == nullptr || SSL_CTX_load_verify_locations(context.get(), client_ca_file.c_str(), nullptr) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      throw std::runtime_error("cannot load the authorities of callers from " + client_ca_file + ": " + last_error());
    }
    SSL_CTX_set_client_CA_list(context.get(), names);  // takes it over: tells callers which certificate to show
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify_depth(context.get(), 8);
    SSL_CTX_set_max_cert_list(context.get(), 64 * 1024);
  }
  SSL_CTX_set_alpn_select_cb(context.get(), choose_http11, nullptr);
  static const unsigned char id[] = "tideover";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id - 1);
  return context;
}

ssl_ptr make_client(const ssl_context& context, const std::string& server_name, session_slot* slot) {
  ssl_ptr ssl(SSL_new(context.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_connect_state(ssl.get());
  if (is_ip_literal(server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), server_name.c_str());
  }
  if (slot) {
    SSL_set_ex_data(ssl.get(), slot_index(), slot);
    if (slot->get()) SSL_set_session(ssl.get(), slot->get());
  }
  return ssl;
}

ssl_ptr make_server(const ssl_context& context) {
  ssl_ptr ssl(SSL_new(context.get()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  return ssl;
}

bool handshake_refused(SSL* ssl) {
  if (SSL_get_verify_result(ssl) != X509_V_OK) return true;
  auto const code = ERR_peek_last_error();
  return code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) != SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

void limit_handshake(SSL* ssl) { BIO_set_callback_ex(SSL_get_rbio(ssl), refuse_endless); }

void lift_handshake_limit(SSL* ssl) { BIO_set_callback_ex(SSL_get_rbio(ssl), nullptr); }

bool handshake_too_large(SSL* ssl) { return BIO_number_read(SSL_get_rbio(ssl)) > max_handshake_bytes; }

std::string explain_handshake(SSL* ssl, const std::string& server_name) {
  long const verdict = SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK) return last_error();
  std::string text = "certificate of " + server_name + ": " + X509_verify_cert_error_string(verdict);
  if (auto const* const found = static_cast<const std::string*>(SSL_get_ex_data(ssl, names_index())))
    text += " (found " + *found + ")";
  if (verdict == X509_V_ERR_CERT_NOT_YET_VALID || verdict == X509_V_ERR_CERT_HAS_EXPIRED) {
    std::time_t const now = std::time(nullptr);
    std::tm utc{};
    char says[32] = "";
    ::gmtime_r(&now, &utc);
    std::strftime(says, sizeof says, "%Y-%m-%d %H:%M UTC", &utc);
    text += std::string("; or this machine's clock is wrong: the clock says ") + says;
  }
  return text;
}

}  // namespace tideover::net
