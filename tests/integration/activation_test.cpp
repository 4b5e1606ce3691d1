// Sockets that systemd opened: they stay open while the daemon restarts, so that nobody is refused.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "integration/world.hpp"
#include "support/test_ca.hpp"

namespace tideover::test {
namespace {

/// A listening socket as a .socket unit would open it, at a descriptor beyond those that are handed down.
struct opened_socket {
  explicit opened_socket(const char* address = "127.0.0.1", bool listens = true) {
    descriptor const low(::socket(AF_INET, SOCK_STREAM, 0));
    fd = descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, 100));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &at.sin_addr);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(listens ? ::listen(fd.get(), 128) : 0, 0);
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port = ntohs(at.sin_port);
  }
  explicit opened_socket(const std::string& path) {
    descriptor const low(::socket(AF_UNIX, SOCK_STREAM, 0));
    fd = descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, 100));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd.get(), 128), 0);
  }
  descriptor fd;
  std::uint16_t port = 0;
};

TEST(SocketActivation, TheProxyListensWhereItWasTold) {
  opened_socket const first, second;
  world w;
  world_options options;
  options.listen = "listen: [{address: \"127.0.0.1:1\"}, {address: \"127.0.0.1:2\"}]";
  options.handed = {first.fd.get(), second.fd.get()};
  w.start(options);
  ASSERT_TRUE(w.daemon().serves()) << w.daemon().all_output();
  EXPECT_EQ(w.daemon().port(0), first.port);
  EXPECT_EQ(w.daemon().port(1), second.port);
  for (auto const port : {first.port, second.port}) expect_cloud(post(port, "/v1/chat/completions", chat_body));
}

TEST(SocketActivation, NamesTellTheAdminSocketsFromTheOthers) {
  temporary_folder const folder;
  opened_socket const proxy, admin, admin_unix(folder.file("admin.sock"));
  world w;
  world_options options;
  options.handed = {admin.fd.get(), proxy.fd.get(), admin_unix.fd.get()};
  options.handed_names = "admin:proxy:admin";
  w.start(options);
  ASSERT_TRUE(w.daemon().serves()) << w.daemon().all_output();
  EXPECT_EQ(w.port(), proxy.port);
  EXPECT_EQ(w.daemon().admin_port(), admin.port);
  expect_cloud(w.chat());
  EXPECT_EQ(get(admin.port, "/livez").status, 200);
  raw_client over_unix(folder.file("admin.sock"));
  EXPECT_EQ(over_unix.get("/api/status").status, 200);
  EXPECT_EQ(w.daemon().stop(), 0);
  EXPECT_TRUE(std::filesystem::exists(folder.file("admin.sock"))) << "it is systemd's";
}

TEST(SocketActivation, WhatDoesNotFitIsRefusedWithTheFix) {
  temporary_folder const folder;
  opened_socket const good, another, deaf("127.0.0.1", false), wide("0.0.0.0"), local(folder.file("x.sock"));
  struct row {
    std::vector<int> handed;
    const char* names;
    const char* words;
  };
  for (auto const& [handed, names, words] :
       std::vector<row>{{{good.fd.get(), another.fd.get()}, "", "`listen` has 1 entries"},
                        {{deaf.fd.get()}, "", "no listening stream socket"},
                        {{wide.fd.get()}, "", "can be reached from other machines"},
                        {{local.fd.get()}, "proxy", "the proxy listens on TCP"},
                        {{good.fd.get(), another.fd.get()}, "admin:admin", "a second admin socket"},
                        {{wide.fd.get()}, "admin", "reading needs no token"}}) {
    SCOPED_TRACE(words);
    world const w;
    daemon_options options;
    options.yaml = w.yaml({});
    options.handed = handed;
    options.handed_names = names;
    daemon_process refused(options);
    EXPECT_FALSE(refused.serves());
    EXPECT_EQ(refused.wait_for_exit(), 1);
    EXPECT_NE(refused.standard_error().find(words), std::string::npos) << refused.standard_error();
  }
}

TEST(SocketActivation, SurvivesReloads) {
  opened_socket const first;
  world w;
  world_options options;
  options.admin_more = ", token: {env: TOKEN}";
  options.environment = {{"TOKEN", "opensesame"}};
  options.handed = {first.fd.get()};
  w.start(options);
  raw_client kept(w.port());
  expect_cloud(kept.post("/v1/chat/completions", chat_body));
  options.listen = "listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]";
  w.daemon().folder().write("tideover.yaml", w.yaml(options));
  auto const told = post(w.daemon().admin_port(), "/api/reload", "{}",
                         {{"Content-Type", "application/json"}, {"Authorization", "Bearer opensesame"}});
  EXPECT_EQ(told.status, 200) << told.body;
  expect_cloud(kept.post("/v1/chat/completions", chat_body));
  expect_cloud(post(first.port, "/v1/chat/completions", chat_body));
}

/// Callers come all the time while the daemon stops and another begins: those who come in between wait in the socket.
TEST(SocketActivation, ARestartRefusesNobody) {
  opened_socket const socket;
  world w;
  world_options options;
  options.handed = {socket.fd.get()};
  w.start(options);
  std::atomic<bool> over{false};
  std::atomic<int> served{0}, lost{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      while (!over) {
        try {
          post(socket.port, "/v1/chat/completions", chat_body).status == 200 ? ++served : ++lost;
        } catch (const std::exception&) {
          ++lost;
        }
      }
    });
  for (int restarts = 0; restarts < 3; ++restarts) {
    int const before = served;
    EXPECT_TRUE(eventually([&] { return served > before + 8; }));
    EXPECT_EQ(w.daemon().stop(), 0);
    w.start(options);
  }
  int const before = served;
  EXPECT_TRUE(eventually([&] { return served > before + 8; }));
  over = true;
  for (auto& c : callers) c.join();
  EXPECT_EQ(lost, 0) << "of " << served;
}

}  // namespace
}  // namespace tideover::test
