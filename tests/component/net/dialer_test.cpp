#include "tideover/net/dialer.hpp"
#include "tideover/policy/reach.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "component/net/on_a_loop.hpp"
#include "support/scripted_upstream.hpp"
#include "support/test_ca.hpp"
#include "support/wire.hpp"

namespace tideover::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using tideover::test::descriptor;
using tideover::test::full_backlog;
using tideover::test::reserved_port;

/// A socket that listens on a loopback address; its queue accepts connections by itself.
class listening {
 public:
  explicit listening(const char* ip = "127.0.0.1") {
    auto address = address_of_literal(ip, 0);
    socket_ = descriptor(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::bind(socket_.get(), address.get(), address.size) != 0 || ::listen(socket_.get(), 64) != 0)
      throw std::runtime_error("cannot listen");
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size);
    address_ = address;
  }
  const socket_address& address() const { return address_; }
  std::uint16_t port() const { return ntohs(reinterpret_cast<const sockaddr_in*>(&address_.storage)->sin_port); }
  bool was_reached() const {
    descriptor const caller(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return static_cast<bool>(caller);
  }

 private:
  descriptor socket_;
  socket_address address_;
};

socket_address on_loopback(std::uint16_t port) { return address_of_literal("127.0.0.1", port); }
/// TCP to the broadcast address is refused by this machine itself: no packet leaves.
socket_address without_a_way() { return address_of_literal("255.255.255.255", 9); }

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator()));
}

/// Well before the kernel itself would give an attempt up, which is after half a minute.
bool comes_back_to(std::size_t descriptors) {
  return tideover::test::eventually([&] { return open_descriptors() == descriptors; }, clock::now() + 15s);
}

/// Dials on a loop of its own; names are what the test says they are.
class Dialer : public testing::Test {
 protected:
  static constexpr time_point no_deadline = never;

  /// A target with these addresses, under a name that nothing is remembered of.
  dial_target cloud_at(std::vector<socket_address> addresses) {
    dial_target target;
    target.host = "cloud" + std::to_string(known_.size()) + ".test";
    target.port = 443;
    known_[target.host] = std::move(addresses);
    return target;
  }
  /// What is known of a dialling that is over. The connection itself belongs to the loop's thread.
  struct outcome {
    std::string peer;  // empty: not connected
    failure problem;
  };
  std::future<outcome> begin(const dial_target& target, time_point by = no_deadline, event_source* also = nullptr) {
    return loop_.begin<outcome>([this, target, by, also] { return run(names_, target, by, also); });
  }
  outcome dial_now(const dial_target& target, time_point by = no_deadline) { return begin(target, by).get(); }
  static time_point within(duration span) { return after(clock::now(), span); }

  lookup_result look_up(const std::string& host) {
    ++lookups_;
    lookup_result result;
    result.addresses = known_[host];
    if (result.addresses.empty()) result.error = "no such name";
    return result;
  }

  task<outcome> run(resolver& names, dial_target target, time_point by, event_source* also) {
    auto result = co_await dial(loop_.loop(), names, target, &sessions_, by, also, pass_);
    outcome end;
    end.problem = std::move(result.problem);
    if (result.connection) {
      socket_address peer;
      peer.size = sizeof peer.storage;
      ::getpeername(result.connection->descriptor(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size);
      end.peer = peer.to_string();
      connections_.push_back(std::move(result.connection));
    }
    co_return end;
  }

  std::map<std::string, std::vector<socket_address>> known_;
  resolver names_{[this](const std::string& host, std::uint16_t) { return look_up(host); }};
  std::optional<cloud_pass> pass_ = policy::reach::of_exchange(policy_kind::cloud_first, false);
  unsigned lookups_ = 0;
  session_slot sessions_;
  std::vector<std::unique_ptr<stream>> connections_;  // of the loop's thread, until it has ended
  test::loop_thread loop_;
};

TEST_F(Dialer, DoesNothingForATargetOutsideWithoutAPass) {
  listening const cloud;
  known_["cloud.test"] = {cloud.address()};
  dial_target target;
  target.host = "cloud.test";
  target.outside = true;
  for (auto const policy : {policy_kind::local_only, policy_kind::cloud_first}) {
    pass_ = policy::reach::of_exchange(policy, policy == policy_kind::cloud_first);  // the second in contingency
    auto const result = dial_now(target);
    EXPECT_EQ(result.problem.why, reason::policy);
    EXPECT_TRUE(result.problem.ours) << "the cloud is not to blame";
  }
  EXPECT_EQ(lookups_, 0U) << "not even its name is looked up";
  target.outside = false;
  (void)dial_now(target);
  EXPECT_EQ(lookups_, 1U);
}

TEST_F(Dialer, AnAddressThatSaysNothingDoesNotHoldUpTheNext) {
  full_backlog const blackhole;
  listening const good;
  auto const began = clock::now();
  // Without a deadline nothing but the second attempt can end this well before the kernel gives the first one up.
  auto const result = dial_now(cloud_at({on_loopback(blackhole.port()), good.address()}));
  EXPECT_EQ(result.peer, good.address().to_string());
  EXPECT_LT(clock::now() - began, 25s);
}

TEST_F(Dialer, BothFamiliesTakeTurns) {
  // Many addresses of a family that is silent from here must not use up the time of the other.
  full_backlog const blackhole;
  listening const good("::1");
  std::vector<socket_address> all(14, on_loopback(blackhole.port()));
  all.push_back(good.address());
  EXPECT_EQ(dial_now(cloud_at(all), within(3s)).peer, good.address().to_string());
}

TEST_F(Dialer, ARefusalIsFollowedByTheNextAddressAtOnce) {
  reserved_port const closed;
  listening const good;
  std::vector<socket_address> all(15, on_loopback(closed.number()));
  all.push_back(good.address());
  // One after the other in steps of 250 ms would take longer than there is time.
  auto const result = dial_now(cloud_at(all), within(3s));
  EXPECT_EQ(result.peer, good.address().to_string());
}

TEST_F(Dialer, TheLosersOfTheRaceAreClosed) {
  full_backlog const blackhole;
  listening const good;
  auto const target =
      cloud_at({on_loopback(blackhole.port()), on_loopback(blackhole.port()), on_loopback(blackhole.port()),
                on_loopback(blackhole.port()), on_loopback(blackhole.port()), good.address()});
  auto const before = open_descriptors();
  auto const result = dial_now(target);
  ASSERT_EQ(result.peer, good.address().to_string()) << "more addresses than a wait can watch";
  EXPECT_TRUE(comes_back_to(before + 1));
}

TEST_F(Dialer, ARefusalTellsMoreThanSilence) {
  full_backlog const blackhole;
  reserved_port const closed;
  for (bool const refusal_first : {true, false}) {
    auto all = std::vector{on_loopback(closed.number()), on_loopback(blackhole.port())};
    if (!refusal_first) std::swap(all[0], all[1]);
    auto const result = dial_now(cloud_at(all), within(600ms));
    EXPECT_EQ(result.problem.why, reason::connect);
    EXPECT_EQ(result.problem.detail,
              on_loopback(closed.number()).to_string() + ": Connection refused (2 addresses tried)");
    EXPECT_FALSE(result.problem.ours);
  }
}

TEST_F(Dialer, SilenceTellsMoreThanAMissingRoute) {
  // A machine without IPv6 has no way to half of the addresses; what is wrong is that the other half is silent.
  full_backlog const blackhole;
  auto const result =
      dial_now(cloud_at({without_a_way(), on_loopback(blackhole.port()), without_a_way()}), within(600ms));
  EXPECT_EQ(result.problem.why, reason::connect_timeout);
  EXPECT_EQ(result.problem.at, phase::connect);
  EXPECT_EQ(result.problem.detail,
            "no connection to " + on_loopback(blackhole.port()).to_string() + " in time (3 addresses tried)");
}

TEST_F(Dialer, WithoutAnyTimeLeftNothingIsBegun) {
  listening const good;
  dial_target target;
  target.host = "127.0.0.1";
  target.port = good.port();
  auto const result = dial_now(target, within(0ms));
  EXPECT_EQ(result.peer, "");
  EXPECT_EQ(result.problem.at, phase::connect);
  EXPECT_EQ(result.problem.why, reason::connect_timeout);
  EXPECT_FALSE(good.was_reached());
}

TEST_F(Dialer, NoWayToAnyAddressIsATroubleOfTheConnection) {
  auto const result = dial_now(cloud_at({without_a_way()}), within(60s));
  EXPECT_EQ(result.problem.why, reason::connect);
  EXPECT_THAT(result.problem.detail, StartsWith("255.255.255.255:9: "));
}

TEST_F(Dialer, OurOwnShortageIsNotBlamedOnTheUpstream) {
  listening const good;
  auto const target = cloud_at({good.address(), without_a_way()});
  (void)dial_now(target);  // the lookup has had its thread
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  descriptor const next(::dup(0));
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next.get()) + 1;
  // Descriptors are given out from below: fill what is free there.
  std::vector<descriptor> fillers;
  ::setrlimit(RLIMIT_NOFILE, &none);
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fillers.emplace_back(fd);
  auto const result = dial_now(target);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(result.peer, "");
  EXPECT_EQ(result.problem.why, reason::connect);
  EXPECT_TRUE(result.problem.ours) << result.problem.detail;
}

TEST_F(Dialer, ACallerWhoLeavesEndsIt) {
  full_backlog const blackhole;
  event_source caller;
  auto const before = open_descriptors();
  auto dialling = begin(cloud_at({on_loopback(blackhole.port()), on_loopback(blackhole.port())}), no_deadline, &caller);
  ASSERT_TRUE(tideover::test::eventually([&] { return open_descriptors() > before; }));
  loop_.post([&] { caller.raise(loop_.loop().reactions(), hangup); });
  auto const result = dialling.get();
  EXPECT_EQ(result.peer, "");
  EXPECT_THAT(result.problem.detail, HasSubstr("nobody waits"));
  EXPECT_TRUE(comes_back_to(before));
}

TEST_F(Dialer, AStoppingWorkerEndsIt) {
  full_backlog const blackhole;
  auto const before = open_descriptors();
  auto dialling = begin(cloud_at({on_loopback(blackhole.port()), on_loopback(blackhole.port())}));
  ASSERT_TRUE(tideover::test::eventually([&] { return open_descriptors() > before; }));
  loop_.stop();
  EXPECT_EQ(dialling.get().peer, "");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(Dialer, ANameThatIsNotFoundInTimeIsDnsAndLate) {
  std::promise<void> gate;
  auto const opened = gate.get_future().share();
  resolver stuck([opened](const std::string&, std::uint16_t) {
    opened.wait();
    return lookup_result{};
  });
  dial_target target;
  target.host = "stuck.test";
  auto dialling = loop_.begin<outcome>([&] { return run(stuck, target, within(300ms), nullptr); });
  auto const result = dialling.get();
  EXPECT_EQ(result.problem.why, reason::dns);
  EXPECT_EQ(result.problem.at, phase::resolve);
  EXPECT_TRUE(result.problem.late);
  EXPECT_EQ(result.problem.detail, "stuck.test: the name service has not answered in time");
  gate.set_value();
}

TEST_F(Dialer, ACallerWhoLeavesDoesNotWaitForAName) {
  std::promise<void> gate, asked;
  auto const opened = gate.get_future().share();
  resolver stuck([opened, &asked](const std::string&, std::uint16_t) {
    asked.set_value();
    opened.wait();
    return lookup_result{};
  });
  event_source caller;
  dial_target target;
  target.host = "stuck.test";
  auto dialling = loop_.begin<outcome>([&] { return run(stuck, target, no_deadline, &caller); });
  asked.get_future().wait();
  loop_.post([&] { caller.raise(loop_.loop().reactions(), hangup); });
  EXPECT_THAT(dialling.get().problem.detail, HasSubstr("nobody waits"));
  gate.set_value();
}

TEST_F(Dialer, ANameThatDoesNotExistIsDns) {
  auto const result = dial_now(cloud_at({}), within(60s));
  EXPECT_EQ(result.problem.why, reason::dns);
  EXPECT_EQ(result.problem.detail, "cloud0.test: no such name");
}

TEST_F(Dialer, ACloudThatClaimsToLiveInsideIsNotConnectedTo) {
  listening const trap;
  auto target = cloud_at({trap.address()});
  target.outside = true;
  auto const result = dial_now(target);
  EXPECT_EQ(result.problem.why, reason::dns);
  EXPECT_THAT(result.problem.detail, HasSubstr("cloud0.test resolves to " + trap.address().to_string()));
  EXPECT_THAT(result.problem.detail, HasSubstr("this machine"));
  EXPECT_FALSE(trap.was_reached());

  target = cloud_at({address_of_literal("::ffff:169.254.169.254", 443)});
  target.outside = true;
  EXPECT_THAT(dial_now(target).problem.detail, HasSubstr("metadata"));
  target = cloud_at({address_of_literal("0.0.0.0", 443)});
  target.outside = true;
  EXPECT_THAT(dial_now(target).problem.detail, HasSubstr("blocking the name"));
  // Who writes the address into the configuration means it.
  target.host = "127.0.0.1";
  target.port = trap.port();
  EXPECT_EQ(dial_now(target).peer, trap.address().to_string());
}

TEST_F(Dialer, WhatIsToStayInTheHouseDoesNotFollowANameOutOfIt) {
  // A name of the house that somebody else's name server answers: nothing of a local_only request may go there.
  auto target = cloud_at({address_of_literal("203.0.113.1", 11434), address_of_literal("64:ff9b::203.0.113.1", 11434)});
  target.inside = true;
  auto const result = dial_now(target);
  EXPECT_EQ(result.problem.why, reason::dns);
  EXPECT_THAT(result.problem.detail, HasSubstr("a public address"));
  listening const local;
  target = cloud_at({address_of_literal("203.0.113.1", 11434), local.address()});
  target.inside = true;
  EXPECT_EQ(dial_now(target).peer, local.address().to_string());
}

class DialerTls : public Dialer {
 protected:
  dial_target over_tls(const tideover::test::scripted_upstream& server) {
    auto target = cloud_at({on_loopback(server.port())});
    target.tls = make_client_context(ca.ca_file());
    target.server_name = "cloud.test";
    return target;
  }
  static tideover::test::ssl_context context_for(const tideover::test::certificate& of) {
    return tideover::test::make_server_context(of.certificate_file, of.key_file);
  }
  tideover::test::test_ca const ca;
};

TEST_F(DialerTls, AGoodCertificateConnects) {
  tideover::test::scripted_upstream server(context_for(ca.good()));
  EXPECT_NE(dial_now(over_tls(server)).peer, "");
}

TEST_F(DialerTls, ACertificateOfAnotherTimeHintsAtTheClock) {
  for (auto const* of : {&ca.expired(), &ca.not_yet_valid()}) {
    tideover::test::scripted_upstream server(context_for(*of));
    auto const result = dial_now(over_tls(server));
    EXPECT_EQ(result.problem.why, reason::tls);
    EXPECT_EQ(result.problem.at, phase::tls_handshake);
    EXPECT_THAT(result.problem.detail, HasSubstr(of == &ca.expired() ? "expired" : "not yet valid"));
    EXPECT_THAT(result.problem.detail, HasSubstr("clock says 20"));
  }
}

TEST_F(DialerTls, AChainThatIsLongIsFollowedOnlySoFar) {
  for (auto const& [authorities, accepted] : {std::pair{3u, true}, std::pair{12u, false}}) {
    tideover::test::scripted_upstream server(context_for(ca.chain_of(authorities)));
    auto const result = dial_now(over_tls(server));
    EXPECT_EQ(!result.peer.empty(), accepted) << result.problem.detail;
    if (!accepted) {
      EXPECT_EQ(result.problem.why, reason::tls);
      EXPECT_THAT(result.problem.detail, HasSubstr("too long"));
    }
  }
}

TEST_F(DialerTls, AChainOfAHundredKilobytesIsNotRead) {
  auto const context = context_for(ca.good());
  // The same certificate two hundred times: what it says does not matter, only that it is not kept.
  for (int i = 0; i < 200; ++i) {
    auto* const one = SSL_CTX_get0_certificate(context.get());
    X509_up_ref(one);
    SSL_CTX_add_extra_chain_cert(context.get(), one);
  }
  tideover::test::scripted_upstream server(context);
  auto const result = dial_now(over_tls(server));
  EXPECT_EQ(result.peer, "");
  EXPECT_EQ(result.problem.why, reason::tls);
}

TEST_F(DialerTls, AHandshakeThatNeverStopsTalkingIsEnded) {
  tideover::test::scripted_upstream server;
  server.on_accept([](tideover::test::wire& raw) {
    std::string hello;
    raw.read_some(hello);
    // TLS 1.2 records full of HelloRequest, which a client may ignore for as long as they come (RFC 5246 §7.4.1.1).
    std::string flood("\x16\x03\x03\x40\x00", 5);
    for (int i = 0; i < 4096; ++i) flood.append("\0\0\0\0", 4);
    for (int i = 0; i < 100'000 && raw.write(flood) == tideover::test::io::ok; ++i) continue;
    return false;
  });
  auto const result = dial_now(over_tls(server));
  EXPECT_EQ(result.peer, "");
  EXPECT_EQ(result.problem.why, reason::tls);
  EXPECT_THAT(result.problem.detail, HasSubstr("larger than any honest one"));
}

TEST_F(DialerTls, AHandshakeThatStallsIsAConnectTimeout) {
  tideover::test::scripted_upstream server;
  server.on_accept([](tideover::test::wire& raw) {
    raw.wait_until_peer_leaves();
    return false;
  });
  auto const result = dial_now(over_tls(server), within(400ms));
  EXPECT_EQ(result.problem.why, reason::connect_timeout);
  EXPECT_EQ(result.problem.at, phase::tls_handshake);
  EXPECT_EQ(result.problem.detail, "the TLS handshake did not end in time");
}

}  // namespace
}  // namespace tideover::net
