#include "tideover/net/stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "support/test_ca.hpp"
#include "tideover/net/tls.hpp"

namespace tideover::net {
namespace {

using namespace std::chrono_literals;

struct two_streams {
  two_streams() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near.emplace(loop, ends[0]);
    far.emplace(loop, ends[1]);
    loop.poll();
  }
  reactor loop;
  std::optional<stream> near, far;
};

io_result write(stream& to, std::string_view bytes) {
  iovec const piece{const_cast<char*>(bytes.data()), bytes.size()};
  return to.try_write({&piece, 1});
}

TEST(Stream, AShortReadMeansEmptyWithoutAskingAgain) {
  two_streams s;
  ASSERT_TRUE(write(*s.far, "abc").ok());
  s.loop.poll();
  char buffer[16];
  auto const got = s.near->try_read(buffer, sizeof buffer);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::string_view(buffer, got.bytes), "abc");
  EXPECT_FALSE(s.near->source().is(readable));
  EXPECT_TRUE(s.near->try_read(buffer, sizeof buffer).again());
}

TEST(Stream, TheEndIsToldFromBreakage) {
  two_streams s;
  s.far.reset();
  s.loop.poll();
  char buffer[16];
  EXPECT_EQ(s.near->try_read(buffer, sizeof buffer).what, io_result::kind::eof);
  EXPECT_TRUE(s.near->peer_closed());
  EXPECT_EQ(write(*s.near, "x").what, io_result::kind::error);
}

task<void> write_everything(stream& to, std::string_view bytes, std::optional<write_end>& how) {
  how = co_await write_all(to, bytes, 5s);
}

TEST(Stream, WriteAllWaitsForASlowReaderAndLosesNothing) {
  two_streams s;
  std::string const sent(1 << 20, 'x');
  std::optional<write_end> how;
  spawn(write_everything(*s.near, sent, how), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  EXPECT_FALSE(how);
  std::string received;
  char buffer[4096];
  while (received.size() < sent.size()) {
    auto const got = s.far->try_read(buffer, sizeof buffer);
    if (got.ok())
      received.append(buffer, got.bytes);
    else
      s.loop.poll();
  }
  s.loop.poll();
  EXPECT_EQ(how, write_end::done);
  EXPECT_EQ(received, sent);
}

TEST(Stream, AReaderThatStopsIsNoticed) {
  two_streams s;
  std::string const sent(1 << 20, 'x');
  std::optional<write_end> how;
  spawn(write_everything(*s.near, sent, how), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  s.loop.sweep(clock::now() + 6s);
  EXPECT_EQ(how, write_end::stalled);
}

/// Both handshakes in turns on one loop; false when one side refused.
bool shake_hands(two_streams& s) {
  bool near_done = false;
  bool far_done = false;
  for (int i = 0; i < 1000 && !(near_done && far_done); ++i) {
    if (!near_done) {
      auto const step = s.near->try_handshake();
      if (step.what == io_result::kind::error) return false;
      near_done = step.ok();
    }
    if (!far_done) {
      auto const step = s.far->try_handshake();
      if (step.what == io_result::kind::error) return false;
      far_done = step.ok();
    }
    s.loop.poll();
  }
  return near_done && far_done;
}

class TlsStream : public testing::Test {
 protected:
  static void SetUpTestSuite() { authority_ = new test::test_ca; }
  static void TearDownTestSuite() { delete authority_; }

  static bool connect(two_streams& s, const test::certificate& server, const std::string& name,
                      session_slot* slot = nullptr) {
    static auto const client_context = make_client_context(authority_->ca_file());
    auto const server_context = make_server_context(server.certificate_file, server.key_file);
    s.near->start_tls(make_client(client_context, name, slot));
    s.far->start_tls(make_server(server_context));
    return shake_hands(s);
  }
  static test::test_ca* authority_;
};
test::test_ca* TlsStream::authority_ = nullptr;

TEST_F(TlsStream, CarriesBytesBothWaysAndTellsAnOrderlyEnd) {
  two_streams s;
  ASSERT_TRUE(connect(s, authority_->good(), "localhost"));
  std::string const head = "HEAD";
  std::string const body(50000, 'b');
  iovec const pieces[] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  std::string received;
  std::size_t sent = 0;
  char buffer[65536];
  while (received.size() < head.size() + body.size()) {
    if (sent == 0) {
      auto const wrote = s.near->try_write({pieces, 2});
      ASSERT_TRUE(wrote.ok());
      EXPECT_GT(wrote.bytes, head.size()) << "head and first body bytes belong into one record";
      sent = wrote.bytes;
    } else if (sent < head.size() + body.size()) {
      auto const wrote = write(*s.near, std::string_view(body).substr(sent - head.size()));
      if (wrote.ok()) sent += wrote.bytes;
    }
    auto const got = s.far->try_read(buffer, sizeof buffer);
    if (got.ok()) received.append(buffer, got.bytes);
    s.loop.poll();
  }
  EXPECT_EQ(received, head + body);

  s.near->say_goodbye();
  s.loop.poll();
  EXPECT_EQ(s.far->try_read(buffer, sizeof buffer).what, io_result::kind::eof);
}

TEST_F(TlsStream, AnEndWithoutGoodbyeIsBreakage) {
  // A cut connection must not pass for the end of an answer that is delimited by its end.
  two_streams s;
  ASSERT_TRUE(connect(s, authority_->good(), "localhost"));
  s.near.reset();
  s.loop.poll();
  char buffer[16];
  EXPECT_EQ(s.far->try_read(buffer, sizeof buffer).what, io_result::kind::error);
}

TEST_F(TlsStream, EveryBadCertificateIsRefusedAndExplained) {
  struct row {
    const test::certificate& server;
    const char* name;
    const char* words;
  } const rows[] = {
      {authority_->wrong_host(), "localhost", "found wrong.test"},
      {authority_->expired(), "localhost", "expired"},
      {authority_->not_yet_valid(), "localhost", "not yet valid"},
      {authority_->self_signed(), "localhost", "self"},
      {authority_->good(), "other.test", "ostname mismatch"},
      {authority_->good(), "127.0.0.2", "IP address mismatch"},
  };
  for (const auto& r : rows) {
    two_streams s;
    EXPECT_FALSE(connect(s, r.server, r.name)) << r.words;
    EXPECT_TRUE(handshake_refused(s.near->tls())) << r.words;
    auto const text = explain_handshake(s.near->tls(), r.name);
    EXPECT_NE(text.find(r.words), std::string::npos) << text;
  }
}

TEST_F(TlsStream, AQuietConnectionTakesItsSessionTicketsAndTheNextOneResumes) {
  session_slot slot;
  auto const server_context = make_server_context(authority_->good().certificate_file, authority_->good().key_file);
  auto const client_context = make_client_context(authority_->ca_file());
  for (bool const resumed : {false, true}) {
    two_streams s;
    s.near->start_tls(make_client(client_context, "localhost", &slot));
    s.far->start_tls(make_server(server_context));
    ASSERT_TRUE(shake_hands(s));
    EXPECT_EQ(SSL_session_reused(s.near->tls()) == 1, resumed);
    s.loop.poll();
    EXPECT_TRUE(s.near->quiet());
    ASSERT_NE(slot.get(), nullptr);
  }
}

TEST(TlsContext, NamesTheFileThatCannotBeUsed) {
  try {
    make_server_context("/nonexistent/cert.pem", "/nonexistent/key.pem");
    FAIL() << "must throw";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("/nonexistent/cert.pem"), std::string::npos);
  }
  EXPECT_THROW(make_client_context("/nonexistent/ca.pem"), std::runtime_error);
}

}  // namespace
}  // namespace tideover::net
