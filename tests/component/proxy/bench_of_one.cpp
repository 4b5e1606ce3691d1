#include "component/proxy/bench_of_one.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tideover/proxy/session.hpp"

namespace tideover::proxy::test {

std::shared_ptr<const policy::local_catalog> one_local_model::current() const {
  auto catalog = std::make_shared<policy::local_catalog>();
  catalog->known = true;
  policy::local_model model;
  model.name = "llama3.1:8b";
  model.capabilities_known = true;
  model.completion = model.tools = model.loaded = true;
  catalog->models.push_back(model);
  return catalog;
}

namespace {

config::snapshot_ptr two_upstreams(const std::function<void(config::snapshot&)>& change) {
  auto made = std::make_shared<config::snapshot>();
  config::upstream cloud;
  cloud.name = "openai";
  cloud.title = "OpenAI";
  cloud.urls.push_back({false, "192.0.2.1", 80, {}});  // never dialled: connections come from the pool
  config::upstream local;
  local.name = "ollama";
  local.title = "Ollama";
  local.tier = tier::local;
  local.dialect = dialect::ollama;
  local.urls.push_back({false, "192.0.2.2", 80, {}});
  made->upstreams = {cloud, local};
  config::workflow usual;
  usual.name = "default";
  made->workflows.emplace("default", usual);
  change(*made);
  return made;
}

}  // namespace

bench_of_one::bench_of_one(const config::breaker& breaker)
    : bench_of_one([&](config::snapshot& made) { made.upstreams[cloud].breaker = breaker; }) {}

bench_of_one::bench_of_one(const std::function<void(config::snapshot&)>& change)
    : configuration_(two_upstreams(change)), health_(*configuration_) {
  shared_.configuration = configuration_;
  for (const auto& u : configuration_->upstreams) {
    upstream_route route;
    route.settings = &u;
    route.target.host = u.urls.front().host;
    route.target.port = u.urls.front().port;
    route.authority = u.urls.front().authority();
    shared_.upstreams.push_back(std::move(route));
  }
  shared_.names = &names_;
  shared_.memory = &memory_;
  shared_.local = {nullptr, &local_knowledge_};
  shared_.callers = &callers_;
  shared_.health = &health_;
  shared_.contingency = &contingency_;
  shared_.clients = &clients_;
  worker_ =
      std::make_unique<worker>(services_ptr(services_ptr(), &shared_), reported_, std::vector<listening_socket>{}, 1);

  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  caller_ = ends[1];
  ends_.push_back(caller_);
  net::spawn(serve(*worker_, std::make_unique<net::stream>(worker_->reactions(), ends[0]), std::make_shared<door>(),
                   std::nullopt),
             [](std::exception_ptr error) { EXPECT_FALSE(error); });
}

bench_of_one::~bench_of_one() {
  worker_->reactions().cancel_everything();
  for (int const fd : ends_) ::close(fd);
}

int bench_of_one::connect(std::size_t upstream) {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  auto connection = std::make_unique<net::stream>(worker_->reactions(), ends[0]);
  worker_->reactions().poll();
  worker_->generation()->pool.give_back(upstream, std::move(connection), clock::now());
  ends_.push_back(ends[1]);
  return ends[1];
}

void bench_of_one::run() {
  while (worker_->reactions().poll() != 0) {
  }
}

void bench_of_one::let_pass(duration span) {
  run();
  worker_->reactions().sweep(clock::now() + span);
  run();
}

void bench_of_one::say(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  run();
}

std::string bench_of_one::hear(int fd) {
  run();
  std::string heard;
  char block[65536];
  for (ssize_t n; (n = ::recv(fd, block, sizeof block, 0)) > 0;) heard.append(block, static_cast<std::size_t>(n));
  return heard;
}

bool bench_of_one::at_end(int fd) {
  run();
  if (fd == caller_) let_pass(std::chrono::milliseconds(300));  // it may be given time to read
  char byte;
  return ::recv(fd, &byte, 1, MSG_PEEK) == 0;
}

std::string chat_request(bool stream) {
  std::string const body = std::string(R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}])") +
                           (stream ? R"(,"stream":true})" : "}");
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk-canary\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace tideover::proxy::test
