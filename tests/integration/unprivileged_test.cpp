// A user without any right: a port that is not for everybody, and a limit of threads. One line says what to do, or the
// requests that need what is missing are served otherwise.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "integration/world.hpp"
#include "support/fault_gate.hpp"
#include "support/name_server.hpp"
#include "support/own_network.hpp"

namespace tideover::test {
namespace {

/// Nobody else's: the limit of threads counts all that a user has.
unsigned stranger() { return 40'000 + static_cast<unsigned>(::getpid()) % 20'000; }

class Unprivileged : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can start a program as another user";
    if (has_sanitizers()) GTEST_SKIP() << "sanitizers have threads of their own and end when they cannot make one";
  }
  static daemon_options as_stranger(const std::string& yaml) {
    daemon_options options;
    options.yaml = yaml;
    options.user = stranger();
    return options;
  }
};

TEST_F(Unprivileged, APortThatIsNotForEverybodyIsOneLineThatSaysWhatToDo) {
  unsigned first_free = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") >> first_free;
  if (first_free < 2) GTEST_SKIP() << "every port is for everybody here (net.ipv4.ip_unprivileged_port_start)";
  world w;
  world_options proxy;
  proxy.listen = "listen: [{address: \"127.0.0.1:1\"}]";
  auto admin = w.yaml({});
  std::string const usual = "admin: {address: \"127.0.0.1:0\"";
  admin.replace(admin.find(usual), usual.size(), "admin: {address: \"127.0.0.1:1\"");
  for (auto const& yaml : {w.yaml(proxy), admin}) {
    daemon_process daemon(as_stranger(yaml));
    EXPECT_FALSE(daemon.serves());
    EXPECT_EQ(daemon.wait_for_exit(), 1);
    auto const said = daemon.standard_error();
    EXPECT_EQ(daemon.times_said("\n"), 1U) << said;
    for (auto const* words :
         {"cannot listen on 127.0.0.1:1: ", "CAP_NET_BIND_SERVICE", "tideover.socket", "higher port"})
      EXPECT_NE(said.find(words), std::string::npos) << words << " is missing in: " << said;
  }
}

// Each thread of the start is once the one that cannot be made.
TEST_F(Unprivileged, ALimitThatLeavesNoRoomForAThreadOfTheStartIsOneLine) {
  world w;
  auto how = as_stranger(w.yaml({}));
  how.arguments = {"--workers", "3"};
  std::set<std::string> missing;
  unsigned limit = 1;
  for (; limit < 40; ++limit) {
    SCOPED_TRACE(limit);
    how.most_threads = limit;
    daemon_process daemon(how);
    if (daemon.serves()) {
      expect_cloud(post(daemon.port(), "/v1/chat/completions", chat_body));
      EXPECT_EQ(daemon.threads().size(), limit) << "with one less it did not start";
      EXPECT_EQ(daemon.stop(), 0);
      break;
    }
    EXPECT_EQ(daemon.wait_for_exit(), 1);
    auto const said = daemon.standard_error();
    EXPECT_EQ(daemon.times_said("\n"), 1U) << said;
    EXPECT_NE(said.find("TasksMax="), std::string::npos) << said;
    std::string const before = "cannot start a thread (";
    auto const at = said.find(before);
    ASSERT_NE(at, std::string::npos) << said;
    missing.insert(said.substr(at + before.size(), said.find(')', at) - at - before.size()));
  }
  EXPECT_EQ(missing, (std::set<std::string>{"log", "journal", "worker-0", "worker-1", "worker-2", "signals"}));
}

/// Of a user's threads, from now on; asked for by that user, because it takes a right to change another's limit.
bool limit_threads(const daemon_process& daemon, unsigned user, rlim_t most) {
  pid_t const child = ::fork();
  if (child == 0) {  // bare system calls only: this program has other threads
    rlimit limit{};
    bool const done = become(user) && ::prlimit(daemon.pid(), RLIMIT_NPROC, nullptr, &limit) == 0 &&
                      (limit.rlim_cur = std::min(most, limit.rlim_max), true) &&
                      ::prlimit(daemon.pid(), RLIMIT_NPROC, &limit, nullptr) == 0;
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(Unprivileged, ALimitThatLeavesNoRoomForALookupIsOurShortageAndNoCloudsFault) {
  if (!has_own_network()) GTEST_SKIP() << "names of the test's own need a network of its own";
  name_server names("127.0.0.1", 53);
  names.set("cloud.test", {.addresses = {cloud_address}});
  test_ca const ca;
  std::filesystem::permissions(std::filesystem::path(ca.ca_file()).parent_path(), std::filesystem::perms(0755));
  std::filesystem::permissions(ca.ca_file(), std::filesystem::perms(0644));
  world w(make_server_context(ca.good().certificate_file, ca.good().key_file));
  fault_gate const way(w.openai.port(), cloud_address, w.openai.port());
  world_options options;
  options.openai_url = "https://cloud.test:" + std::to_string(w.openai.port());
  options.openai_more = ", tls: {ca_file: \"" + ca.ca_file() + "\"}";
  options.breaker = "{failures_to_open: 1, open_for: 1h, open_for_max: 1h}";
  daemon_process daemon(as_stranger(w.yaml(options)));
  ASSERT_TRUE(daemon.serves()) << daemon.all_output();
  ASSERT_TRUE(limit_threads(daemon, stranger(), 1));
  auto const chat = [&] { return post(daemon.port(), "/v1/chat/completions", chat_body); };
  for (int i = 0; i < 5; ++i) expect_local(chat(), "dns");
  EXPECT_EQ(names.questions("cloud.test"), 0U);
  EXPECT_EQ(daemon.metric("tideover_breaker_state", {"openai", "\"closed\""}), 1);
  for (auto const& line : daemon.wait_for_log("failover", 5))
    EXPECT_NE(line.dump().find("thread"), std::string::npos) << line.dump();
  ASSERT_TRUE(limit_threads(daemon, stranger(), RLIM_INFINITY));
  expect_cloud(chat());
  EXPECT_EQ(daemon.stop(), 0);
}

}  // namespace
}  // namespace tideover::test
