// C: TLS to the cloud. A certificate that does not hold sees no byte of a request.
#include "fault/stage.hpp"

namespace tideover::test {
namespace {

const calls whole_and_stream{call::chat, call::chat_stream};

expectation untrusted(std::string reason) {
  auto e = served_locally(std::move(reason), blamed::connection);
  e.cloud_asked_most = 0;
  return e;
}

const forbidden no_byte{"a byte of the request, the key with it, leaves before the certificate is proven",
                        [](stage& s, const observed&) { EXPECT_EQ(s.cloud.application_bytes(), 0U); }};

/// A good leaf followed by so many certificates that nobody needs.
ssl_context chain_of(int more) {
  temporary_folder const folder;
  auto const leaf = read_file(shared_ca().good().certificate_file);
  std::string chain = leaf;
  for (int i = 0; i < more; ++i) chain += leaf;
  folder.write("chain.pem", chain);
  return make_server_context(folder.file("chain.pem"), shared_ca().good().key_file);
}

void flips_after_content(stage& s) {
  auto const events = s.cloud_events();
  s.expected.clear();
  for (std::size_t i = 0; i < s.sent_before_door; ++i) s.expected += events[i];
  // The next byte after the caller has two words: part of a TLS record, whatever that holds.
  s.cloud_does(stream_gated(events, s.sent_before_door, s.door));
  s.to_cloud.set(side::to_daemon, broken::after(s.door, broken::flip({}, 0x40)));
}

}  // namespace

void add_tls_rows(table& all) {
  using tls = row::tls;
  all.add("C1", "handshake_stalls", "The TLS handshake stalls", whole_and_stream, untrusted("connect_timeout"),
          [](stage& s) {
            s.cloud_is_given_little_time();
            s.to_cloud.set(side::to_daemon, broken::stall(behind(5)));
          },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C2", "closed_in_handshake", "The connection ends in the middle of the TLS handshake", whole_and_stream,
          untrusted("connect"), [](stage& s) { s.to_cloud.set(side::to_daemon, broken::cut(behind(40))); },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C2b", "reset_in_handshake", "The connection is reset in the middle of the TLS handshake", whole_and_stream,
          untrusted("connect"), [](stage& s) { s.to_cloud.set(side::to_daemon, broken::reset(behind(40))); },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C3", "clear_text", "Plain HTTP is spoken on the TLS port", whole_and_stream, untrusted("tls"),
          [](stage& s) {
            s.cloud.on_accept([](wire& raw) {
              std::string hello;
              raw.read_some(hello);
              raw.write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
              raw.wait_until_peer_leaves();
              return false;
            });
          },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C4", "other_host", "The certificate is for another host", whole_and_stream, untrusted("tls"), {},
          {.never = {no_byte}, .certificate = tls::wrong_host});
  all.add("C5", "expired", "The certificate has expired", whole_and_stream, untrusted("tls"), {},
          {.never = {no_byte}, .certificate = tls::expired});
  all.add("C6", "self_signed", "Nobody vouches for the certificate", whole_and_stream, untrusted("tls"), {},
          {.never = {no_byte}, .certificate = tls::self_signed});
  all.add("C6b", "unknown_authority", "The certificate is of an authority that is not trusted here", {call::chat},
          untrusted("tls"), [](stage& s) { s.options.openai_more = " "; },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C7", "not_yet_valid", "The certificate is not valid yet, or our clock is wrong", whole_and_stream,
          untrusted("tls"), {}, {.never = {no_byte}, .certificate = tls::not_yet_valid});
  all.add("C8", "old_version", "The cloud speaks no newer TLS than 1.1", {call::chat}, untrusted("tls"),
          [](stage& s) {
            auto const old = make_server_context(shared_ca().good().certificate_file, shared_ca().good().key_file);
            SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
            SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
            SSL_CTX_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
            s.cloud.present(old);
          },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C9", "garbage", "The handshake is answered with random bytes", {call::chat}, untrusted("tls"),
          [](stage& s) {
            s.cloud.on_accept([](wire& raw) {
              std::string hello;
              raw.read_some(hello);
              std::string noise;
              unsigned seed = 7;
              for (int i = 0; i < 4096; ++i) noise += static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
              raw.write(noise);
              raw.wait_until_peer_leaves();
              return false;
            });
          },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C10", "wants_our_certificate", "The cloud wants a certificate from us (TLS 1.2)", {call::chat},
          untrusted("tls"),
          [](stage& s) {
            auto const strict = make_server_context(shared_ca().good().certificate_file, shared_ca().good().key_file);
            SSL_CTX_set_max_proto_version(strict.get(), TLS1_2_VERSION);
            SSL_CTX_set_verify(strict.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
            s.cloud.present(strict);
          },
          {.never = {no_byte}, .certificate = tls::good});
  all.add("C12", "huge_chain", "The cloud shows a chain of 300 certificates", {call::chat}, untrusted("tls"),
          [](stage& s) { s.cloud.present(chain_of(300)); },
          {.never = {no_byte,
                     {"memory grows with the chain",
                      [](stage& s, const observed&) { EXPECT_LT(s.resident_growth_kib(), 16U << 10); }}},
           .certificate = tls::good});
  all.add("C13", "closed_after_handshake", "The handshake is good, then the connection ends without a byte",
          whole_and_stream, served_locally("connect", blamed::connection), [](stage& s) { s.cloud_does(hang_up()); },
          {.certificate = tls::good});
  all.add("C14", "corrupted_answer", "A bit of the encrypted answer is wrong", {call::chat},
          served_locally("malformed", blamed::service),
          [](stage& s) {
            // Far behind handshake and head, in the middle of a long answer.
            said what;
            what.words.assign(20'000, "tide ");
            s.cloud_says(200, openai::chat(what));
            s.to_cloud.set(side::to_daemon, broken::flip(behind(60'000), 0x10));
          },
          {.certificate = tls::good});
  all.add("C15", "corrupted_stream", "A bit of the encrypted stream is wrong after content", {call::chat_stream},
          cut_visibly(), flips_after_content, {.certificate = tls::good});
  all.add("C16", "no_close_notify", "An answer without a length ends without TLS close_notify", {call::chat},
          served_locally("malformed", blamed::service),
          [](stage& s) {
            s.cloud_does([text = s.expected](served_connection& c, const recorded_request&) {
              c.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + text);
              c.close_abruptly();
            });
          },
          {.certificate = tls::good});
  all.add("C17", "in_bytes", "TLS records arrive one byte at a time", whole_and_stream, served_by_cloud(),
          [](stage& s) {
            s.to_cloud.set(side::to_daemon, broken::split());
            s.to_cloud.set(side::to_upstream, broken::split());
          },
          {.certificate = tls::good});
}

}  // namespace tideover::test
